"""Words to look for with their grams (search.py), numbers given out, money brought along."""

import django.db.models.deletion
from django.db import migrations, models

from dianka.desk.office.customers.grams import make_index
from dianka.desk.office.guards import make_for


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_guards")]

    operations = [
        migrations.CreateModel(
            name="SearchText",
            fields=[
                (
                    "customer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="customers.customer",
                    ),
                ),
                ("words", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="Counter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=20, unique=True)),
                ("last", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name="contract",
            name="brought_fen",
            field=models.BigIntegerField(default=0),
        ),
        migrations.RunPython(make_index),
        migrations.RunPython(make_for("customers")),
    ]
