"""Sums of what happened, and what inspectors found. summaries.py alone writes the sums.

A sum is no record: it is made from sales, acts and entries, and may be made anew from them.
"""

from django.db import models

from dianka.desk.office.audit.models import Chain
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.estate.models import Area, Meter


class Mark(models.Model):
    """How far a desk's chain is summed up: acts 1 to `acts`, meters' states after 1 to `states`."""

    chain = models.OneToOneField(Chain, models.CASCADE, primary_key=True)
    acts = models.BigIntegerField(default=0)
    states = models.BigIntegerField(default=0)


class Summary(models.Model):
    """The sum of one local day or month, for one key of a grouping.

    `subject` is "sale", "used", or "act " and the kind of acts that are counted.
    """

    class Grain(models.TextChoices):
        DAY = "day"
        MONTH = "month"

    subject = models.CharField(max_length=50)
    grain = models.CharField(max_length=5, choices=Grain.choices)
    grouping = models.CharField(max_length=10)  # all, hour, desk, operator, area, method, tariff
    first = models.DateField()  # the day, or the first day of the month
    key = models.CharField(max_length=150)  # a name; the row's number for area and tariff
    count = models.BigIntegerField()
    amount_fen = models.BigIntegerField()
    energy_wh = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("subject", "grain", "grouping", "first", "key"), name="summary_once"
            ),
        )


class MeterState(models.Model):
    """What is known last of a meter in use. Made anew whenever the meter's money moves."""

    meter = models.OneToOneField(Meter, models.CASCADE, primary_key=True)
    contract = models.ForeignKey(Contract, models.CASCADE, db_index=False)
    area = models.ForeignKey(Area, models.CASCADE, null=True, db_index=False)
    bought_at = models.DateTimeField()  # the last purchase, or when the contract was opened
    read_at = models.DateTimeField(null=True)  # when the meter wrote its last statement
    balance_fen = models.BigIntegerField(default=0)  # as that statement says
    sent_fen = models.BigIntegerField(default=0)  # bought and not yet seen in the meter
    used_fen = models.BigIntegerField(default=0)  # between some statements, the last of them that
    used_minutes = models.BigIntegerField(default=0)  # the time between these
    ends_at = models.DateTimeField(null=True)  # when the credit ends if the use goes on so

    class Meta:
        indexes = (
            models.Index(fields=("bought_at",), name="state_by_purchase"),
            models.Index(fields=("ends_at",), name="state_by_end"),
        )


class FeederReading(models.Model):
    """The total of the meter that measures an area's feeder. Only added."""

    area = models.ForeignKey(Area, models.PROTECT)
    read_at = models.DateTimeField()
    energy_wh = models.BigIntegerField()
    operator = models.CharField(max_length=150)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("area", "read_at"), name="feeder_reading_once"),
        )


class Outage(models.Model):
    """A time without supply in an area that the supplier knows of."""

    area = models.ForeignKey(Area, models.PROTECT)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    operator = models.CharField(max_length=150)


class MeterLog(models.Model):
    """What an inspection card told of a meter's events since the inspection before."""

    meter = models.ForeignKey(Meter, models.PROTECT)
    seen_at = models.DateTimeField()
    hours = models.IntegerField()  # since the inspection before
    off_hours = models.IntegerField(default=0)  # without supply, of these
    covers = models.IntegerField(default=0)  # times that a cover was opened
    relay_faults = models.IntegerField(default=0)


class SuspectList(models.Model):
    """The list of one month: which places should be visited."""

    month = models.DateField(unique=True)  # its first day
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=150)
    contracts = models.IntegerField()  # that were looked at


class Suspicion(models.Model):
    """One rule that hit, with its numbers in words. 0 points: an exception excuses it."""

    list = models.ForeignKey(SuspectList, models.CASCADE)
    contract = models.ForeignKey(Contract, models.PROTECT, null=True)  # none: operator, area
    subject = models.CharField(max_length=150)
    rule = models.CharField(max_length=2)
    points = models.IntegerField()
    score = models.IntegerField()  # of all hits on this subject
    words = models.TextField()

    class Meta:
        indexes = (models.Index(fields=("list", "-score", "subject"), name="suspicion_by_score"),)


class AreaLoss(models.Model):
    """What a feeder gave to an area in one month beside what its meters say they used."""

    area = models.ForeignKey(Area, models.PROTECT)
    month = models.DateField()
    feeder_wh = models.BigIntegerField()
    used_wh = models.BigIntegerField()
    meters = models.IntegerField()
    unread = models.IntegerField()  # no receipt reaches near enough: their use is estimated

    class Meta:
        constraints = (models.UniqueConstraint(fields=("area", "month"), name="area_loss_once"),)


class Inspection(models.Model):
    """What an inspector found at a place, and which rules had sent him there. Only added."""

    class Found(models.TextChoices):
        THEFT = "theft"  # a bypass, a tampered meter
        FAULT = "fault"  # a meter, a wire or the books at fault
        NOTHING = "nothing"
        NO_ACCESS = "no access"

    contract = models.ForeignKey(Contract, models.PROTECT)
    visited_at = models.DateTimeField()
    operator = models.CharField(max_length=150)
    found = models.CharField(max_length=10, choices=Found.choices)
    rules = models.CharField(max_length=60, blank=True)  # as in "D1 Z1"; empty: by chance
    score = models.IntegerField(default=0)
    note = models.CharField(max_length=200, blank=True)


class RuleLimit(models.Model):
    """A threshold of the rules of suspicion that is not at its default (limits.py)."""

    name = models.CharField(max_length=40, unique=True)
    value = models.BigIntegerField()
