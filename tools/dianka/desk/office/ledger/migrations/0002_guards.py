"""The guards in the database itself (guards.py), once acts and entries have their tables."""

from django.db import migrations

from dianka.desk.office.guards import make_for


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [migrations.RunPython(make_for("ledger"))]
