"""Cards by their serials. One that is lost or cleared keeps its row: it may turn up again."""

from django.db import models
from django.db.models import Q

from dianka.desk.office.customers.models import Contract


class Card(models.Model):
    """One card. `kind` is that of docs/cards/protocol.md, such as user or inspection."""

    class State(models.TextChoices):
        MAKING = "making"  # its making was begun and is not known to be complete
        USED = "used"  # in its holder's hands
        REPLACED = "replaced"  # lost or damaged: another card stands in its place
        CLEARED = "cleared"  # wiped at the desk, may be made anew
        SCRAPPED = "scrapped"

    serial = models.CharField(max_length=16, unique=True)  # hexadecimal, lower case
    kind = models.CharField(max_length=12)
    state = models.CharField(max_length=10, choices=State.choices)
    contract = models.ForeignKey(Contract, models.PROTECT, null=True)  # of a user card
    meter_no = models.BigIntegerField(null=True)  # of an initialisation card
    holder = models.CharField(max_length=150, blank=True)  # of a service card: an operator
    desk = models.CharField(max_length=40)  # where it was made, or first seen
    made_by = models.CharField(max_length=150, blank=True)  # empty: outside of the office
    made_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("contract",),
                condition=Q(state="used") & Q(kind="user"),
                name="one_card_in_use",
            ),
        )
