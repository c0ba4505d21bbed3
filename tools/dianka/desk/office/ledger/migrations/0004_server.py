"""What PostgreSQL does of an act itself (server.py)."""

from django.db import migrations

from dianka.desk.office.server import make


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_safe"), ("audit", "0002_act_by_subject")]
    operations = [migrations.RunPython(make)]
