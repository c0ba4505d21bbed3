"""Which reading of its meter was the last before a contract."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0004_phones_apart")]
    operations = [
        migrations.AddField("contract", "readings_before", models.BigIntegerField(null=True))
    ]
