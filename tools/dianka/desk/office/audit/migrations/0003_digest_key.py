"""The key of digests, which acts tell instead of what they must not show."""

from django.db import migrations, models

from dianka.desk.office.audit.digests import make_key
from dianka.desk.office.guards import make_for


class Migration(migrations.Migration):
    # The guards of the ledger bring the function that refuses.
    dependencies = [("audit", "0002_act_by_subject"), ("ledger", "0002_guards")]

    operations = [
        migrations.CreateModel(
            name="DigestKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.BinaryField(max_length=32)),
            ],
        ),
        migrations.RunPython(make_key),
        migrations.RunPython(make_for("audit")),
    ]
