"""Final statements among the readings. The table is made anew on SQLite: its guards as well."""

from django.db import migrations, models

from dianka.desk.office.guards import make_for

_SOURCES = [
    ("receipt", "Receipt"),
    ("inspection", "Inspection"),
    ("statement", "Statement"),
]


class Migration(migrations.Migration):
    dependencies = [("estate", "0003_reading_proved")]
    operations = [
        migrations.AlterField(
            "reading", "source", models.CharField(max_length=10, choices=_SOURCES)
        ),
        migrations.RunPython(make_for("estate")),
    ]
