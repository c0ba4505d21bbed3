"""Customers and contracts. A contract that has ended stays; history is never rewritten."""

from django.db import models
from django.db.models import Q

from dianka.desk.office.estate.models import Meter, Premise


class Customer(models.Model):
    """Somebody who buys electricity. `id_number` and `phone` are shown masked to most roles."""

    number = models.BigIntegerField(unique=True)  # up to 12 digits, as on his cards
    name = models.CharField(max_length=60)
    phone = models.CharField(max_length=30, blank=True)
    id_number = models.CharField(max_length=30, blank=True)
    note = models.TextField(blank=True)
    archived = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(number__gt=0) & Q(number__lt=10**12), name="customer_number_digits"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.number:012d}"


class Tariff(models.Model):
    """A price list entry by name, such as 居民 or 商业."""

    name = models.CharField(max_length=40, unique=True)
    archived = models.BooleanField(default=False)


class TariffVersion(models.Model):
    """What a tariff costs from a minute on. Approved by a second person, then never changed."""

    tariff = models.ForeignKey(Tariff, models.PROTECT)
    number = models.IntegerField()  # from 1, in its tariff
    price_e4 = models.BigIntegerField()  # 0.0001 yuan per kWh
    begins = models.BigIntegerField()  # YYMMDDhhmm, local; 0: from the start
    approved_by = models.CharField(max_length=150)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("tariff", "number"), name="tariff_version_once"),
            models.CheckConstraint(
                condition=Q(price_e4__gt=0) & Q(price_e4__lte=99_999_999), name="price_above_zero"
            ),
        )


class Contract(models.Model):
    """One customer at one meter, from opening to closing.

    `price` is the version that the meter has, or will have with the purchases sold so far.
    `former_count` is the last purchase that was made outside of this office's books, `former_fen`
    its money if it was still on its way into the meter when it was taken in.
    `brought_fen` was in the former meter, or the former holder's, when this contract was opened. It
    is purchase 1 (`former_count` 1, `former_fen` the same), which the opening card carries.
    `readings_before` is the primary key of the meter's last reading before this contract, 0 if it
    had none: own_readings.py tells them apart.
    """

    class State(models.TextChoices):
        OPEN = "open"
        SUSPENDED = "suspended"  # nothing is sold
        CLOSED = "closed"

    customer = models.ForeignKey(Customer, models.PROTECT)
    meter = models.ForeignKey(Meter, models.PROTECT)
    premise = models.ForeignKey(Premise, models.PROTECT, null=True)
    tariff = models.ForeignKey(Tariff, models.PROTECT)
    price = models.ForeignKey(TariffVersion, models.PROTECT)
    price_id: int
    alarm1_fen = models.BigIntegerField()
    alarm2_fen = models.BigIntegerField()
    hoard_limit_fen = models.BigIntegerField()  # highest balance that the meter takes; 0: its own
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    former_count = models.BigIntegerField(default=0)
    former_fen = models.BigIntegerField(default=0)
    brought_fen = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField()
    readings_before = models.BigIntegerField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("meter",), condition=~Q(state="closed"), name="one_contract_at_a_meter"
            ),
            models.CheckConstraint(
                condition=Q(alarm2_fen=0) | Q(alarm1_fen__gte=models.F("alarm2_fen")),
                name="alarm_1_before_alarm_2",
            ),
        )


class SearchText(models.Model):
    """A customer's words as search.py looks for them. It alone writes them."""

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True)
    words = models.TextField()


class Counter(models.Model):
    """The last number that the office gave out of a series. Locked by whoever takes one."""

    name = models.CharField(max_length=20, unique=True)
    last = models.BigIntegerField(default=0)
