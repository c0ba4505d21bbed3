"""The guards in the database itself (guards.py)."""

from django.db import migrations

from dianka.desk.office.guards import make_for


class Migration(migrations.Migration):
    dependencies = [("statistics", "0001_initial"), ("ledger", "0002_guards")]
    operations = [migrations.RunPython(make_for("statistics"))]
