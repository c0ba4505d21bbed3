"""An index of the sales in transit: the report by age reads these alone."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("vending", "0003_counter")]
    operations = [
        migrations.AddIndex(
            model_name="sale",
            index=models.Index(
                fields=["written_at", "amount_fen"],
                condition=Q(state="written"),
                name="sale_in_transit",
            ),
        ),
    ]
