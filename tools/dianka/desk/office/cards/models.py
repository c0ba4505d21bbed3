"""Cards by their serials, and batches of them.

A card keeps its row for ever, lost, cleared or scrapped: it may turn up again. register.py alone
writes cards, batches.py batches.
"""

from django.db import models
from django.db.models import Q

from dianka.desk.office.customers.models import Contract


class Card(models.Model):
    """One card. `kind` is that of docs/cards/protocol.md, such as user or inspection.

    `count` and `money_fen` are the purchase that a replacement carries from its making. `again`
    says that an initialisation card was made for a meter that has its number already.
    """

    class State(models.TextChoices):
        STOCK = "stock"  # received blank, or its making left it blank
        MAKING = "making"  # its making was begun and is not known to be complete
        USED = "used"  # in its holder's hands
        REPLACED = "replaced"  # lost or damaged: another card stands in its place
        CLEARED = "cleared"  # wiped at the desk, may be made anew
        SCRAPPED = "scrapped"

    serial = models.CharField(max_length=16, unique=True)  # hexadecimal, lower case
    kind = models.CharField(max_length=12)
    state = models.CharField(max_length=10, choices=State.choices)
    state_at = models.DateTimeField(null=True)  # since when
    contract = models.ForeignKey(Contract, models.PROTECT, null=True)  # of a user card
    contract_id: int | None
    meter_no = models.BigIntegerField(null=True)  # of an initialisation card
    again = models.BooleanField(default=False)
    holder = models.CharField(max_length=150, blank=True)  # of a service card: an operator
    replaces = models.ForeignKey("self", models.PROTECT, null=True, related_name="replaced_by")
    count = models.BigIntegerField(default=0)
    money_fen = models.BigIntegerField(default=0)
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
            # Two meters of one number would each credit the same purchase.
            models.UniqueConstraint(
                fields=("meter_no",),
                condition=Q(kind="init") & Q(again=False),
                name="meter_number_given_once",
            ),
        )


class Batch(models.Model):
    """Cards of one kind that are made, or received, one after the other.

    `terms` is what they have in common, as JSON: uses, prices, limits.
    """

    kind = models.CharField(max_length=12)
    received = models.BooleanField(default=False)  # blank stock, not made
    terms = models.TextField(default="{}")
    operator = models.CharField(max_length=150)
    desk = models.CharField(max_length=40)
    begun_at = models.DateTimeField()


class BatchItem(models.Model):
    """One card of a batch: open, done with its card, or failed with its error.

    `card` is that of the last try, and may be a broken one until the item is done.
    """

    class State(models.TextChoices):
        OPEN = "open"
        DONE = "done"
        FAILED = "failed"  # tried again when the batch goes on

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="items")
    place = models.IntegerField()  # in its batch, from 1
    contract = models.ForeignKey(Contract, models.PROTECT, null=True)  # of a user card
    meter_no = models.BigIntegerField(null=True)  # of an initialisation card
    card = models.ForeignKey(Card, models.PROTECT, null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("batch", "place"), name="batch_place_once"),
            # A card counts once in a delivery, whoever puts it in twice.
            models.UniqueConstraint(fields=("batch", "card"), name="batch_card_once"),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(card__isnull=False), name="done_item_has_card"
            ),
        )
