"""The state of each meter in use: its last purchase, its last statement and its use."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, Max, Q, Sum, Window
from django.db.models.functions import RowNumber

from dianka.desk.office.customers.models import Contract
from dianka.desk.office.estate.models import Meter, Reading
from dianka.desk.office.statistics.models import MeterState
from dianka.desk.office.statistics.times import parse_meter_minute
from dianka.desk.office.vending.models import Sale

_READINGS = 4  # the last ones, for the use per day: three times between purchases
_AT_ONCE = 500  # rows of a statement: SQLite takes 32,766 values
_LONGEST_MINUTES = 10 * 365 * 1440  # a forecast beyond that means nothing
_READ = ("meter_id", "seen_at", "meter_minute", "balance_fen", "used_fen")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def refresh_states(numbers: Collection[int]) -> None:
    """Make the states of these meters anew, by their numbers."""
    for some in split(sorted(numbers), _AT_ONCE):
        ids = list(Meter.objects.filter(number__in=some).values_list("id", flat=True))
        if ids:
            _refresh(ids)


def add_missing_states() -> int:
    """Make the states of contracts in use that no act has told of yet; return their number."""
    bare = Contract.objects.exclude(state="closed").filter(meter__meterstate=None)
    numbers = list(bare.values_list("meter__number", flat=True))
    refresh_states(numbers)
    return len(numbers)


def find_use(contract: Contract) -> tuple[int, int] | None:
    """Return the fen that the contract's meter used, and in how many minutes, by its last readings.

    None if they do not tell it.
    """
    newest = Reading.objects.filter(meter=contract.meter).order_by("-id")
    read = newest.values_list(*_READ)[:_READINGS]
    told = _sum_use([row for row in read if row[1] >= contract.opened_at], 0)
    use = told.get("used_fen", 0), told.get("used_minutes", 0)
    return use if all(use) else None


def split(values: list[Any], size: int) -> Iterator[list[Any]]:
    """Yield the values in lists of this size."""
    for at in range(0, len(values), size):
        yield values[at : at + size]


def _refresh(ids: list[int]) -> None:
    contracts = list(
        Contract.objects.filter(meter__in=ids)
        .exclude(state="closed")
        .values_list("id", "meter_id", "premise__area_id", "opened_at")
    )
    of_contracts = [row[0] for row in contracts]
    bought = {
        row["contract"]: row
        for row in Sale.objects.filter(contract__in=of_contracts, state__in=("written", "loaded"))
        .values("contract")
        .order_by()
        .annotate(at=Max("written_at"), sent=Sum("amount_fen", filter=Q(state="written")))
    }
    sent = {number: bought.get(number, {}).get("sent") or 0 for number in of_contracts}
    readings = _read_last(ids)
    states = [
        MeterState(
            meter_id=meter,
            contract_id=contract,
            area_id=area,
            bought_at=bought[contract]["at"] if contract in bought else opened_at,
            sent_fen=sent[contract],
            **_sum_use([row for row in readings[meter] if row[1] >= opened_at], sent[contract]),
        )
        for contract, meter, area, opened_at in contracts
    ]
    MeterState.objects.filter(meter__in=ids).delete()
    MeterState.objects.bulk_create(states)


def _read_last(ids: list[int]) -> dict[int, list[tuple[Any, ...]]]:
    """Return the last readings of each meter, the newest first."""
    rows = (
        Reading.objects.filter(meter__in=ids)
        .annotate(place=Window(RowNumber(), partition_by=F("meter_id"), order_by=F("id").desc()))
        .filter(place__lte=_READINGS)
        .order_by("meter_id", "place")
        .values_list(*_READ)
    )
    found = defaultdict(list)
    for row in rows:
        found[row[0]].append(row)
    return found


def _sum_use(readings: list[tuple[Any, ...]], sent_fen: int) -> dict[str, Any]:
    """Return what the last readings, the newest first, say of balance, use and its end."""
    if not readings:
        return {}
    minutes = [parse_meter_minute(row[2], row[1]) for row in readings]
    read_at = _EPOCH + timedelta(minutes=minutes[0])
    balance_fen, used_fen = readings[0][3], sum(row[4] for row in readings[:-1])
    used_minutes, ends_at = max(minutes[0] - minutes[-1], 0), None
    if used_fen > 0 and used_minutes:
        lasts = max(balance_fen + sent_fen, 0) * used_minutes // used_fen
        ends_at = read_at + timedelta(minutes=min(lasts, _LONGEST_MINUTES))
    return {
        "read_at": read_at,
        "balance_fen": balance_fen,
        "used_fen": used_fen,
        "used_minutes": used_minutes,
        "ends_at": ends_at,
    }
