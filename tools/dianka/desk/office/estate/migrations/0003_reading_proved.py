"""Whether a reading was proved. The table is made anew on SQLite: its guards are made again."""

from django.db import migrations, models

from dianka.desk.office.guards import make_for


class Migration(migrations.Migration):
    dependencies = [("estate", "0002_guards")]
    operations = [
        migrations.AddField("reading", "proved", models.BooleanField(default=False)),
        migrations.RunPython(make_for("estate")),
    ]
