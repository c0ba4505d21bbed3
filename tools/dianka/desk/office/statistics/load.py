"""Read the histories of one area's contracts from the database."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from dianka.desk.office.cards.models import Card
from dianka.desk.office.customers.models import Contract, TariffVersion
from dianka.desk.office.estate.models import Reading
from dianka.desk.office.statistics.histories import Bought, History, Log, Statement
from dianka.desk.office.statistics.models import MeterLog, Outage
from dianka.desk.office.statistics.times import parse_meter_minute, to_minutes
from dianka.desk.office.vending.models import Sale
from dianka.desk.prices import UTC_OFFSET, card_minute

WINDOW = timedelta(days=820)  # two years, a quarter, and the time between two receipts
_YEAR = timedelta(days=365)
_E4_FEN_PER_WH = 100_000  # fen * this // price in 0.0001 yuan per kWh is Wh


class Prices:
    """What a kWh cost when, by tariff."""

    def __init__(self) -> None:
        self._versions: dict[int, list[tuple[int, int]]] = defaultdict(list)
        rows = TariffVersion.objects.order_by("begins", "number")
        for tariff, begins, price_e4 in rows.values_list("tariff_id", "begins", "price_e4"):
            self._versions[tariff].append((begins, price_e4))

    def to_wh(self, tariff: int, at: datetime, fen: int) -> int:
        """Return the whole Wh that so many fen bought at that time."""
        minute, price_e4 = card_minute(at + UTC_OFFSET), 0
        for begins, price in self._versions[tariff]:
            if begins <= minute or not price_e4:
                price_e4 = price
        return fen * _E4_FEN_PER_WH // price_e4 if price_e4 else 0


def load_area(area: int | None, now: datetime, prices: Prices) -> list[History]:
    """Return the histories of all contracts that an area had within the window."""
    contracts = list(
        Contract.objects.filter(premise__area=area)
        .exclude(closed_at__lt=now - WINDOW)
        .select_related("customer", "premise", "meter", "tariff")
        .order_by("id")
    )
    meters = {contract.meter.pk for contract in contracts}
    said, bought = _load_readings(meters, now), _load_purchases(contracts, now)
    logs, cards = _load_logs(area, meters), _load_replaced(contracts, now)
    return [
        History(
            contract=contract.pk,
            subject=f"{contract.customer.number:012d}",
            building=contract.premise.building if contract.premise else "",
            tariff=contract.tariff.pk,
            opened=to_minutes(contract.opened_at),
            closed=to_minutes(contract.closed_at) if contract.closed_at else None,
            suspended=contract.state == "suspended",
            vacant=bool(contract.premise and contract.premise.vacant),
            former_count=contract.former_count,
            replaced=cards[contract.pk][0],
            replaced_in_year=cards[contract.pk][1],
            bought=bought[contract.pk],
            said=_make_statements(contract, said[contract.meter.pk], prices),
            logs=logs[contract.meter.pk],
        )
        for contract in contracts
    ]


def _load_readings(meters: Iterable[int], now: datetime) -> dict[int, list[tuple[Any, ...]]]:
    rows = Reading.objects.filter(meter__in=list(meters), seen_at__gte=now - WINDOW)
    found = defaultdict(list)
    fields = ("meter_id", "seen_at", "meter_minute", "count", "balance_fen", "loaded_fen")
    more = ("used_fen", "unexplained_fen", "illegal_cards")
    for row in rows.order_by("meter_id", "id").values_list(*fields, *more):
        found[row[0]].append(row[1:])
    return found


def _make_statements(
    contract: Contract, rows: list[tuple[Any, ...]], prices: Prices
) -> list[Statement]:
    made: list[Statement] = []
    for seen_at, told, count, balance, loaded, used, unexplained, illegal in rows:
        if seen_at < contract.opened_at or (contract.closed_at and seen_at > contract.closed_at):
            continue
        minute = parse_meter_minute(told, seen_at)
        if made:  # a clock that was set back must not turn the order round
            minute = max(minute, made[-1].minute)
        used_wh = prices.to_wh(contract.tariff.pk, seen_at, used)
        made.append(Statement(minute, count, balance, loaded, used, unexplained, illegal, used_wh))
    return made


def _load_purchases(contracts: list[Contract], now: datetime) -> dict[int, list[Bought]]:
    rows = Sale.objects.filter(
        contract__in=[contract.pk for contract in contracts],
        state__in=("written", "loaded"),
        written_at__gte=now - WINDOW,
    ).order_by("written_at", "id")
    found = defaultdict(list)
    for contract, at, fen, count in rows.values_list(
        "contract_id", "written_at", "amount_fen", "count"
    ):
        found[contract].append(Bought(to_minutes(at), fen, count))
    return found


def _load_logs(area: int | None, meters: Iterable[int]) -> dict[int, list[Log]]:
    rows = MeterLog.objects.filter(meter__in=list(meters)).select_related("meter")
    outages = list(Outage.objects.filter(area=area).values_list("begins_at", "ends_at"))
    found = defaultdict(list)
    for row in rows.order_by("seen_at"):
        begin, nothing = row.seen_at - timedelta(hours=row.hours), timedelta()
        known = sum(
            (max(min(end, row.seen_at) - max(start, begin), nothing) for start, end in outages),
            nothing,
        )
        hours = known // timedelta(hours=1)
        log = Log(row.hours, row.off_hours, row.covers, row.relay_faults, hours)
        found[row.meter.pk].append(log)
    return found


def _load_replaced(contracts: list[Contract], now: datetime) -> dict[int, tuple[int, int]]:
    """Return how many cards of each contract were replaced, ever and within a year."""
    found: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    lost = Card.objects.filter(Q(state="replaced"), contract__in=[row.pk for row in contracts])
    for contract, made_at in lost.values_list("contract_id", "made_at"):
        ever, lately = found[contract]
        found[contract] = ever + 1, lately + (made_at >= now - _YEAR)
    return found
