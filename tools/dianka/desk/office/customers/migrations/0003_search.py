"""Words to look for with their grams (search.py), numbers given out, money brought along."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

from dianka.desk.office.guards import make_for

# Without content, and without places in it: the grams alone. All signs but ASCII's are letters.
_SQLITE = (
    "CREATE VIRTUAL TABLE customers_gram USING fts5(grams, content='', detail=none, "
    "columnsize=0, tokenize=\"ascii tokenchars '^'\")",
)
_POSTGRESQL = (
    "CREATE FUNCTION customers_grams(words text) RETURNS text[] LANGUAGE sql IMMUTABLE "
    "PARALLEL SAFE AS $$ SELECT coalesce(array_agg(substr(word, place, size)), '{}') "
    "FROM unnest(string_to_array(words, ' ')) AS word, generate_series(2, 3) AS size, "
    "generate_series(1, length(word) - size + 1) AS place $$",
    "CREATE INDEX customers_gram ON customers_searchtext USING gin (customers_grams(words)) "
    "WITH (fastupdate = off)",
)


def _make_index(_apps: Any, editor: Any) -> None:
    for statement in _SQLITE if editor.connection.vendor == "sqlite" else _POSTGRESQL:
        editor.execute(statement, params=None)


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
        migrations.RunPython(_make_index),
        migrations.RunPython(make_for("customers")),
    ]
