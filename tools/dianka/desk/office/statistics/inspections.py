"""What inspectors found, and how often each rule was right; readings of feeders and outages."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from dianka.card_port import CardError
from dianka.desk.office.audit import chain
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.estate.models import Area, Meter
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell
from dianka.desk.office.statistics.models import (
    FeederReading,
    Inspection,
    MeterLog,
    Outage,
    SuspectList,
    Suspicion,
)
from dianka.desk.office.statistics.query import Query
from dianka.desk.office.statistics.rules import NAMES
from dianka.desk.office.statistics.table import Cell, Column, Kind, Table, format_decimal
from dianka.desk.office.statistics.times import Period, begin_of

FOUND = tuple(Inspection.Found.values)
_CHANCE = "未列名 by chance"
_ALL = "全部 all"


@needs("record an inspection")
def record_inspection(actor: Actor, customer_no: int, found: str, note: str = "") -> Inspection:
    """Record what was found at a customer's place, and which rules had sent somebody there.

    CardError if there is no such customer, or `found` is none of FOUND.
    """
    if found not in FOUND:
        raise CardError(f"{found!r} is no result of an inspection: take one of {', '.join(FOUND)}")
    contract = (
        Contract.objects.filter(customer__number=customer_no).order_by("-opened_at", "-id").first()
    )
    if contract is None:
        raise CardError(f"customer {customer_no:012d} has no account here: look the number up")
    last = SuspectList.objects.order_by("-month").first()
    hits = list(Suspicion.objects.filter(list=last, contract=contract, points__gt=0))
    rules = " ".join(sorted(hit.rule for hit in hits))
    with transaction.atomic():
        row = Inspection.objects.create(
            contract=contract,
            visited_at=chain.read_time(),
            operator=actor.operator,
            found=found,
            rules=rules,
            score=hits[0].score if hits else 0,
            note=note[:200],
        )
        told = f"{found}; rules {rules or 'none'}"
        who = f"{customer_no:012d}"
        chain.append(actor.desk, actor.operator, "inspection", who, told, rows=tell(row))
    return row


@needs("record an inspection")
def record_feeder_reading(
    actor: Actor, area: str, energy_wh: int, at: datetime | None = None
) -> FeederReading:
    """Record the total of an area's feeder meter, now or at that time.

    CardError if the area is not known, or the total goes back.
    """
    now = chain.read_time()
    place, read_at = _find_area(area), at or now
    if read_at > now:
        raise CardError(f"{read_at:%Y-%m-%d %H:%M} is yet to come: give the time of the reading")
    of_area = FeederReading.objects.filter(area=place)
    before = of_area.filter(read_at__lt=read_at).order_by("-read_at").first()
    after = of_area.filter(read_at__gt=read_at).order_by("read_at").first()
    if (before and energy_wh < before.energy_wh) or (after and energy_wh > after.energy_wh):
        raise CardError(
            f"{format_decimal(energy_wh, 3)} kWh is not between the readings before and after: "
            "read the feeder's meter again"
        )
    try:
        with transaction.atomic():
            row = FeederReading.objects.create(
                area=place, read_at=read_at, energy_wh=energy_wh, operator=actor.operator
            )
            told = f"{energy_wh} Wh at {read_at:%Y-%m-%dT%H:%MZ}"
            chain.append(
                actor.desk, actor.operator, "feeder reading", place.name, told, rows=tell(row)
            )
    except IntegrityError:
        raise CardError(f"area {area} has a reading of that time: give another time") from None
    return row


@needs("record an inspection")
def record_outage(actor: Actor, area: str, begins_at: datetime, ends_at: datetime) -> Outage:
    """Record a time without supply. CardError if it ends before it begins."""
    if begins_at >= ends_at:
        raise CardError("the outage ends before it begins: give both times again")
    with transaction.atomic():
        row = Outage.objects.create(
            area=_find_area(area), begins_at=begins_at, ends_at=ends_at, operator=actor.operator
        )
        told = f"{begins_at:%Y-%m-%dT%H:%MZ} to {ends_at:%Y-%m-%dT%H:%MZ}"
        where = row.area.name
        chain.append(actor.desk, actor.operator, "outage", where, told, rows=tell(row))
    return row


@needs("record an inspection")
def record_meter_log(
    actor: Actor, meter_no: int, hours: int, off_hours: int, covers: int, relay_faults: int
) -> MeterLog:
    """Record what an inspection card told of a meter's events. CardError if it can't be."""
    if min(off_hours, covers, relay_faults) < 0 or not off_hours <= hours or hours < 1:
        raise CardError("hours without supply are a part of the hours, and counts not below zero")
    meter = Meter.objects.filter(number=meter_no).first()
    if meter is None:
        raise CardError(f"meter {meter_no:012d} is not known here: look the number up")
    with transaction.atomic():
        row = MeterLog.objects.create(
            meter=meter,
            seen_at=chain.read_time(),
            hours=hours,
            off_hours=off_hours,
            covers=covers,
            relay_faults=relay_faults,
        )
        told = f"{hours} h, {off_hours} h off, {covers} covers, {relay_faults} relay faults"
        chain.append(actor.desk, actor.operator, "meter log", str(meter), told, rows=tell(row))
    return row


@needs("see statistics")
def hit_rate(actor: Actor, query: Query) -> Table:
    """Return what inspections found by the rules that had asked for them."""
    rows = Inspection.objects.order_by("id")
    if query.period:
        rows = rows.filter(**_within(query.period))
    counts: dict[str, dict[str, int]] = {}
    for found, rules in rows.values_list("found", "rules"):
        for name in (_ALL, *(rules.split() or [_CHANCE])):
            counts.setdefault(name, dict.fromkeys(FOUND, 0))[found] += 1
    order = [_ALL, *NAMES, _CHANCE]
    made = [_make_row(name, counts[name]) for name in order if name in counts]
    return Table(
        "稽查命中率",
        "What inspections found, by rule",
        (
            Column("规则", "rule", Kind.TEXT),
            Column("查到窃电", "theft", Kind.COUNT, summed=False),
            Column("故障", "fault", Kind.COUNT, summed=False),
            Column("无异常", "nothing", Kind.COUNT, summed=False),
            Column("未进门", "no access", Kind.COUNT, summed=False),
            Column("命中率", "hit rate", Kind.PERMILLE),
        ),
        made,
        drawn=5,
        notes=("The rate counts thefts and faults among the visits that got in.",),
    )


def _make_row(name: str, counts: dict[str, int]) -> tuple[Cell, ...]:
    right = counts["theft"] + counts["fault"]
    seen = right + counts["nothing"]
    title = f"{name} {NAMES[name]}" if name in NAMES else name
    return title, *(counts[found] for found in FOUND), right * 1000 // seen if seen else None


def _within(period: Period) -> dict[str, datetime]:
    end = begin_of(period.last + timedelta(days=1))
    return {"visited_at__gte": begin_of(period.first), "visited_at__lt": end}


def _find_area(name: str) -> Area:
    found = Area.objects.filter(name=name).first()
    if found is None:
        raise CardError(f"there is no area {name!r}: give it as it is listed")
    return found
