"""What each account's entries summed up to at the last proof: the daily one goes on from there.

On PostgreSQL no desk adds to the chain of these proofs.
"""

import django.db.models.deletion
from django.db import migrations, models

from dianka.desk.office.server import make


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_server")]

    operations = [
        migrations.CreateModel(
            name="ProvedSum",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="proved",
                        serialize=False,
                        to="ledger.account",
                    ),
                ),
                ("sum_fen", models.BigIntegerField()),
            ],
        ),
        migrations.RunPython(make),
    ]
