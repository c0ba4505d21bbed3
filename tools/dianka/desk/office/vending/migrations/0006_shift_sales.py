"""Which sale was a desk's last when a shift opened. The guards of the table are made anew."""

from django.db import migrations, models

from dianka.desk.office.guards import make_for


class Migration(migrations.Migration):
    dependencies = [("vending", "0005_desk_guards")]
    operations = [
        migrations.AddField("shift", "sales_before", models.BigIntegerField(null=True)),
        migrations.RunPython(make_for("vending")),
    ]
