"""Areas, premises and meters. One that has a history is archived or scrapped, never deleted."""

from django.db import models
from django.db.models import Q


class Area(models.Model):
    """A compound or a district (小区, 台区): what one feeder supplies."""

    name = models.CharField(max_length=60, unique=True)
    archived = models.BooleanField(default=False)


class Premise(models.Model):
    """One room, flat or shop that has a meter: building, unit (may be empty), room."""

    area = models.ForeignKey(Area, models.PROTECT)
    building = models.CharField(max_length=20)
    unit = models.CharField(max_length=20, blank=True)
    room = models.CharField(max_length=20)
    vacant = models.BooleanField(default=False)
    archived = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("area", "building", "unit", "room"), name="premise_once"
            ),
        )

    def __str__(self) -> str:
        return " ".join(
            word for word in (self.area.name, self.building, self.unit, self.room) if word
        )


class Meter(models.Model):
    """A meter, by the number that its initialisation card brought."""

    class State(models.TextChoices):
        STOCK = "stock"
        INSTALLED = "installed"
        REMOVED = "removed"  # taken down; it may be set up again under a new number
        SCRAPPED = "scrapped"

    number = models.BigIntegerField(unique=True)  # up to 12 digits
    model = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.STOCK)
    premise = models.ForeignKey(Premise, models.PROTECT, null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(number__gt=0) & Q(number__lt=10**12), name="meter_number_digits"
            ),
            models.CheckConstraint(
                condition=~Q(state="installed") | Q(premise__isnull=False),
                name="installed_meter_has_premise",
            ),
        )

    def __str__(self) -> str:
        return f"{self.number:012d}"


class Reading(models.Model):
    """What a meter said of itself, on a user card or an inspection card. Only added."""

    class Source(models.TextChoices):
        RECEIPT = "receipt"
        INSPECTION = "inspection"
        STATEMENT = "statement"  # of a meter that has closed the account

    meter = models.ForeignKey(Meter, models.PROTECT)
    source = models.CharField(max_length=10, choices=Source.choices)
    seen_at = models.DateTimeField()  # the database's time
    meter_minute = models.BigIntegerField()  # YYMMDDhhmm by the meter's clock; 0: not known
    count = models.BigIntegerField()
    balance_fen = models.BigIntegerField()  # less the overdraft: below zero if any is used
    illegal_cards = models.IntegerField(default=0)
    loaded_fen = models.BigIntegerField(default=0)  # from transit into the meter by this reading
    used_fen = models.BigIntegerField(default=0)  # since the reading before
    unexplained_fen = models.BigIntegerField(default=0)  # in the meter, and never sold
    energy_wh = models.BigIntegerField(null=True)  # whole Wh of the meter's total; not receipts
    price_e4 = models.BigIntegerField(null=True)  # 0.0001 yuan per kWh; inspections only
    proved = models.BooleanField(default=False)  # by the card's MAC, or on a card of the staff

    class Meta:
        indexes = (models.Index(fields=("meter", "id"), name="reading_by_meter"),)
