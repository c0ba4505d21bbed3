"""The acts of one customer, meter or card are found by an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="act",
            index=models.Index(fields=["subject"], name="act_by_subject"),
        ),
    ]
