"""Guards of the desks' counters (guards.py)."""

from django.db import migrations

from dianka.desk.office.guards import make_for


class Migration(migrations.Migration):
    dependencies = [("vending", "0004_sale_in_transit")]
    operations = [migrations.RunPython(make_for("desks"))]
