"""Desks, sales, refunds, shifts and limits. The modules named after them alone write them.

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
    refunds = models.BigIntegerField(default=0)  # the last refund's number
    refund_receipts = models.BigIntegerField(default=0)  # the last refund's receipt number
    closed = models.BooleanField(default=False)


class Shift(models.Model):
    """One operator at one desk, from his opening float to his count.

    Its money is what the desk's acts between `opening` and `closing` moved. A closed one never
    changes: it is the closing report. Of a shift from before `sales_before` was kept, the times of
    sales tell which ones were begun in it.
    """

    desk = models.ForeignKey(Desk, models.PROTECT)
    number = models.BigIntegerField()  # of the report, in its desk
    operator = models.CharField(max_length=150)
    opening = models.OneToOneField(Act, models.PROTECT, related_name="opens_shift")
    sales_before = models.BigIntegerField(null=True)  # the desk's last sale when it opened
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

    `key` is made when the form is drawn; `key_hash` is SHA-256 over the form's fields. A sale that
    was broken off may be completed from another form, whose key is `completing_key`. `act` posted
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
    completing_key = models.UUIDField(null=True, unique=True)
    contract = models.ForeignKey(Contract, models.PROTECT)
    card_serial = models.CharField(max_length=16)
    count = models.BigIntegerField()  # of the purchase, on the card and in the meter
    amount_fen = models.BigIntegerField()
    method = models.CharField(max_length=20)
    tendered_fen = models.BigIntegerField(null=True)  # given by the customer, change included
    price = models.ForeignKey(TariffVersion, models.PROTECT)  # that the purchase is used at
    price_id: int
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
            models.Index(fields=("operator", "begun_at"), name="sale_by_operator"),
            models.Index(
                fields=("written_at", "amount_fen"),
                condition=Q(state="written"),
                name="sale_in_transit",
            ),
        )


class ShiftCount(models.Model):
    """What was counted of one method of payment when a shift opened or closed. Only added.

    What is left of `counted_fen` after `handed_fen` is in the drawer for the next shift.
    """

    shift = models.ForeignKey(Shift, models.PROTECT)
    shift_id: int
    closing = models.BooleanField()
    method = models.CharField(max_length=20)
    expected_fen = models.BigIntegerField()
    counted_fen = models.BigIntegerField()
    handed_fen = models.BigIntegerField(default=0)
    pieces = models.CharField(max_length=200, blank=True)  # of notes: "100.00x3 0.50x1"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("shift", "closing", "method"), name="method_counted_once"
            ),
        )


class Refund(models.Model):
    """One purchase taken off a card and paid back, from the intent to its receipt.

    A reversal is a refund within the shift of the sale. It is numbered by the desk where it was
    begun, its receipt by the desk that paid.
    """

    class State(models.TextChoices):
        PENDING = "pending"  # the purchase may be off the card; nothing is paid
        PAID = "paid"  # off the card, paid back and in the ledger
        VOID = "void"  # the purchase is still on the card, or in the meter

    desk = models.ForeignKey(Desk, models.PROTECT)
    number = models.BigIntegerField()
    sale = models.ForeignKey(Sale, models.PROTECT)
    reversal = models.BooleanField(default=False)  # it reversed the sale's entry
    method = models.CharField(max_length=20)  # by which it is paid back
    reason = models.CharField(max_length=200)
    operator = models.CharField(max_length=150)
    consent_by = models.CharField(max_length=150)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    void_reason = models.CharField(max_length=200, blank=True)
    begun_at = models.DateTimeField()
    paid_desk = models.ForeignKey(Desk, models.PROTECT, null=True, related_name="paid_refunds")
    receipt = models.BigIntegerField(null=True)
    act = models.OneToOneField(Act, models.PROTECT, null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("desk", "number"), name="refund_number_once"),
            models.UniqueConstraint(fields=("paid_desk", "receipt"), name="refund_receipt_once"),
            models.UniqueConstraint(
                fields=("sale",), condition=~Q(state="void"), name="one_refund_of_a_sale"
            ),
            models.CheckConstraint(
                condition=Q(state="paid", receipt__isnull=False, act__isnull=False)
                | Q(~Q(state="paid"), receipt__isnull=True, act__isnull=True),
                name="paid_refund_has_receipt",
            ),
        )


class ReceiptCopy(models.Model):
    """One more print of a sale's receipt. Only added."""

    sale = models.ForeignKey(Sale, models.PROTECT)
    number = models.IntegerField()  # from 1, of this receipt
    act = models.OneToOneField(Act, models.PROTECT)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("sale", "number"), name="receipt_copy_once"),
        )


class Limit(models.Model):
    """A limit in fen, for everybody or for one operator or desk. Without a row there is none."""

    name = models.CharField(max_length=20)
    owner = models.CharField(
        max_length=150, blank=True
    )  # empty: for all that have none of their own
    amount_fen = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("name", "owner"), name="limit_once"),
            models.CheckConstraint(condition=Q(amount_fen__gte=0), name="limit_not_below_zero"),
        )
