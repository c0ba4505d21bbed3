"""Desks, sales and shifts. sales.py and shifts.py alone write them.

A sale has its number from the intent on and keeps it, VOID included; it gets its receipt number
when it is posted. Both count up in the desk's row, in the transaction that uses them, so neither
has a gap.
"""

from django.db import models
from django.db.models import Q

from dianka.desk.office.audit.models import Act
from dianka.desk.office.customers.models import Contract, TariffVersion


class Desk(models.Model):
    """One counter. The row is locked by whatever takes a number from it."""

    name = models.CharField(max_length=40, unique=True)
    sales = models.BigIntegerField(default=0)  # the last sale's number
    receipts = models.BigIntegerField(default=0)  # the last receipt's number
    shifts = models.BigIntegerField(default=0)  # the last closing report's number
    closed = models.BooleanField(default=False)


class Shift(models.Model):
    """One operator at one desk, from his opening float to his count.

    Its money is what the desk's acts between `opening` and `closing` moved. A closed one never
    changes: it is the closing report.
    """

    desk = models.ForeignKey(Desk, models.PROTECT)
    number = models.BigIntegerField()  # of the report, in its desk
    operator = models.CharField(max_length=150)
    opening = models.OneToOneField(Act, models.PROTECT, related_name="opens_shift")
    float_fen = models.BigIntegerField()
    closing = models.OneToOneField(Act, models.PROTECT, null=True, related_name="closes_shift")
    counted_fen = models.BigIntegerField(null=True)
    expected_fen = models.BigIntegerField(null=True)
    report = models.TextField(blank=True)  # as printed

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("desk", "number"), name="shift_number_once"),
            models.UniqueConstraint(
                fields=("desk",), condition=Q(closing__isnull=True), name="one_shift_at_a_desk"
            ),
        )


class Sale(models.Model):
    """One sale, from the intent to the receipt that proves it.

    `key` is made when the form is drawn; `key_hash` is SHA-256 over the form's fields. `act` posted
    it to the ledger.
    """

    class State(models.TextChoices):
        PENDING = "pending"  # the card may have it
        WRITTEN = "written"  # the card has it; it is in the ledger
        LOADED = "loaded"  # the meter has it, as its receipt says
        VOID = "void"  # the card provably has not got it
        REFUNDED = "refunded"  # it provably never reached a meter, and was paid back

    desk = models.ForeignKey(Desk, models.PROTECT)
    number = models.BigIntegerField()
    key = models.UUIDField(unique=True)
    key_hash = models.BinaryField(max_length=32)
    contract = models.ForeignKey(Contract, models.PROTECT)
    card_serial = models.CharField(max_length=16)
    count = models.BigIntegerField()  # of the purchase, on the card and in the meter
    amount_fen = models.BigIntegerField()
    method = models.CharField(max_length=20)
    price = models.ForeignKey(TariffVersion, models.PROTECT)  # that the purchase is used at
    operator = models.CharField(max_length=150)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    reason = models.CharField(max_length=200, blank=True)  # why it is void
    begun_at = models.DateTimeField()
    written_at = models.DateTimeField(null=True)
    loaded_at = models.DateTimeField(null=True)
    receipt = models.BigIntegerField(null=True)
    act = models.OneToOneField(Act, models.PROTECT, null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("desk", "number"), name="sale_number_once"),
            models.UniqueConstraint(fields=("desk", "receipt"), name="receipt_number_once"),
            models.UniqueConstraint(
                fields=("contract", "count"),
                condition=Q(state__in=("pending", "written", "loaded")),
                name="one_sale_of_a_count",
            ),
            models.UniqueConstraint(
                fields=("contract",), condition=Q(state="pending"), name="one_pending_sale"
            ),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="sale_above_zero"),
            models.CheckConstraint(
                condition=Q(state__in=("pending", "void"))
                | Q(receipt__isnull=False, act__isnull=False, written_at__isnull=False),
                name="posted_sale_has_receipt",
            ),
        )
        indexes = (
            models.Index(fields=("written_at",), name="sale_by_time"),
            models.Index(
                fields=("written_at", "amount_fen"),
                condition=Q(state="written"),
                name="sale_in_transit",
            ),
        )
