"""Lines of search.py in which the digits of phones stand apart from those of other numbers."""

from typing import Any

from django.db import migrations

from dianka.desk.office.customers import search


def write_lines_anew(_apps: Any, _editor: Any) -> None:
    """Write all lines and their index anew; search.py names the columns that it reads."""
    search.rebuild()


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0003_search"),
        ("cards", "0001_initial"),
        ("estate", "0001_initial"),
    ]

    operations = [migrations.RunPython(write_lines_anew)]
