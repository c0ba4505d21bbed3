"""Reports: the same numbers from sums and from sales and entries themselves.

Also run on PostgreSQL, by test_postgresql.py.
"""

import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dianka.card_port import CardError
from estate_kit import make_actor, make_contract

LIVE = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# Around the end of a local month and of a UTC day: 16:00 UTC is midnight at the meters.
BEGIN = datetime(2026, 1, 30, 15, 58, tzinfo=UTC)
METERS = ((1, "East", 5000), (2, "East", 8000), (3, "West", 5000))
ops = st.tuples(
    st.sampled_from(
        [*["sell"] * 4, *["receipt"] * 3, "refund", "reverse", "reverse", "void", "sum up"]
    ),
    st.sampled_from([0, 0, 0, 1, 2]),  # most with one meter, so that much happens to it
    st.integers(1, 20_000),  # fen, or the share of a receipt
    st.sampled_from(["notes", "wechat"]),
    st.sampled_from(["desk1", "desk2"]),
    st.sampled_from(["lin", "wu"]),
    st.sampled_from([0, 1, 1, 30, 600, 3000]),  # minutes since the operation before
)
# A receipt after a sum, of the same day; and the same taken back.
LATE = [
    (kind, 0, 7777, "notes", "desk1", "lin", 1)
    for kind in ("sell", "receipt", "sum up", "sell", "receipt", "sum up", "reverse", "sum up")
]


@pytest.fixture(autouse=True)
def any_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Acts are dated anew here, so the time since the one before says nothing of the clock."""
    from dianka.desk.office.audit import times

    monkeypatch.setattr(times, "AHEAD", timedelta(days=36_500))


class Story:
    """A history in the office, each act at a time of our own."""

    def __init__(self) -> None:
        from dianka.desk.office.vending.models import Desk

        self.contracts = [make_contract(*row[:1], area=row[1], price_e4=row[2]) for row in METERS]
        for contract in self.contracts:
            contract.opened_at = BEGIN - timedelta(days=400)
            contract.save()
        self.desks = {name: Desk.objects.get_or_create(name=name)[0] for name in ("desk1", "desk2")}
        self.now = BEGIN
        allow_edits()

    def play(self, kind: str, place: int, fen: int, method: str, desk: str, who: str) -> None:
        from dianka.desk.office.statistics.summaries import catch_up

        if kind == "sum up":
            catch_up(chunk=1 + fen % 5)
        else:
            getattr(self, kind)(self.contracts[place], fen, method, desk, who)

    def sell(self, contract: Any, fen: int, method: str, desk: str, who: str) -> Any:
        from dianka.desk.office.ledger import posting
        from dianka.desk.office.vending.models import Sale

        row, last = self.desks[desk], Sale.objects.filter(contract=contract).count()
        move = posting.Move(posting.cash(desk, method), self.of(contract, "transit"), fen)
        act = self.post(desk, who, "sale", contract, [move])
        row.sales, row.receipts = row.sales + 1, row.receipts + 1
        row.save()
        return Sale.objects.create(
            desk=row, number=row.sales, key=uuid.uuid4(), key_hash=b"", contract=contract,
            card_serial="1", count=last + 1, amount_fen=fen, method=method, price=contract.price,
            operator=who, state="written", begun_at=self.now, written_at=self.now,
            receipt=row.receipts, act=act,
        )  # fmt: skip

    def receipt(self, contract: Any, share: int, method: str, desk: str, who: str) -> None:
        from dianka.desk.office.estate.models import Reading
        from dianka.desk.office.ledger import posting
        from dianka.desk.office.vending.models import Sale

        written = Sale.objects.filter(contract=contract, state="written")
        loaded = sum(sale.amount_fen for sale in written)
        held = self.balance(contract, "meter") + loaded
        used = held * (share % 101) // 100
        moves = [
            posting.Move(self.of(contract, "transit"), self.of(contract, "meter"), loaded),
            posting.Move(self.of(contract, "meter"), self.of(contract, "used"), used),
        ]
        act = self.post(desk, who, "receipt", contract, [move for move in moves if move.amount_fen])
        written.update(state="loaded", loaded_at=self.now)
        Reading.objects.create(
            meter=contract.meter, source="receipt", seen_at=act.time, meter_minute=0, count=1,
            balance_fen=held - used, loaded_fen=loaded, used_fen=used,
        )  # fmt: skip

    def refund(self, contract: Any, fen: int, method: str, desk: str, who: str) -> None:
        from dianka.desk.office.ledger import posting
        from dianka.desk.office.vending.models import Sale

        sale = Sale.objects.filter(contract=contract, state="written").last()
        if sale:
            move = posting.Move(
                self.of(contract, "transit"), posting.cash(desk, method), sale.amount_fen
            )
            self.post(desk, who, "refund", contract, [move])
            sale.state = "refunded"
            sale.save(update_fields=["state"])

    def reverse(self, contract: Any, fen: int, method: str, desk: str, who: str) -> None:
        """Take a receipt's use back: it was read wrong."""
        from dianka.desk.office.ledger import posting
        from dianka.desk.office.ledger.models import Entry

        used = Entry.objects.filter(
            credit__kind="used", credit__owner=str(contract.meter), reversed_by=None
        ).last()
        if used:
            self.stamp(posting.reverse(desk, who, used, "read wrong"))

    def void(self, contract: Any, fen: int, method: str, desk: str, who: str) -> None:
        self.post(desk, who, "sale void", contract, [])

    def post(self, desk: str, who: str, kind: str, contract: Any, moves: list[Any]) -> Any:
        from dianka.desk.office.ledger import posting

        return self.stamp(posting.post(desk, who, kind, str(contract.meter), moves))

    def stamp(self, act: Any) -> Any:
        act.time = self.now
        act.save(update_fields=["time"])
        return act

    def of(self, contract: Any, kind: str) -> Any:
        from dianka.desk.office.ledger import posting

        return posting.of_meter(kind, contract.meter.number)

    def balance(self, contract: Any, kind: str) -> int:
        from dianka.desk.office.ledger.models import Account

        found = Account.objects.filter(kind=kind, owner=str(contract.meter)).first()
        return -found.balance_fen if found else 0


def allow_edits() -> None:
    """Let the test set times: it looks at sums, not at hashes."""
    from django.db import connection

    with connection.cursor() as cursor:
        where = " ON audit_act" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER IF EXISTS audit_act_no_update{where}")


def local(at: datetime) -> date:
    return (at + timedelta(hours=8)).date()


def count_sales(period: Any, by: str) -> dict[str, tuple[int, int]]:
    """The sums of sales once more, sale by sale."""
    from dianka.desk.office.vending.models import Sale

    found: dict[str, tuple[int, int]] = {}
    for sale in Sale.objects.filter(act__isnull=False):
        at, contract = sale.act.time, sale.contract
        if period.first <= local(at) <= period.last:
            key = {
                "hour": f"{(at + timedelta(hours=8)).hour:02d}",
                "day": str(local(at)),
                "month": str(local(at))[:7],
                "desk": sale.desk.name,
                "operator": sale.operator,
                "area": str(contract.premise.area.pk),
                "method": sale.method,
                "tariff": str(contract.tariff.pk),
            }[by]
            count, fen = found.get(key, (0, 0))
            found[key] = count + 1, fen + sale.amount_fen
    return found


def count_use(period: Any, by: str) -> dict[str, tuple[int, int]]:
    """What was used once more, entry by entry: fen and Wh."""
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.ledger.models import Entry

    found: dict[str, tuple[int, int]] = {}
    for entry in Entry.objects.select_related("debit", "credit", "act"):
        pair, at = (entry.debit.kind, entry.credit.kind), entry.act.time
        sign = {("meter", "used"): 1, ("used", "meter"): -1}.get(pair, 0)
        if sign and period.first <= local(at) <= period.last:
            contract = Contract.objects.get(meter__number=int(entry.debit.owner))
            wh = entry.amount_fen * 100_000 // contract.price.price_e4
            key = {
                "month": str(local(at))[:7],
                "area": str(contract.premise.area.pk),
                "tariff": str(contract.tariff.pk),
            }[by]
            fen, energy = found.get(key, (0, 0))
            found[key] = fen + sign * entry.amount_fen, energy + sign * wh
    return found


@LIVE
@given(
    story=st.lists(ops, max_size=30),
    days=st.tuples(st.integers(-3, 40), st.integers(0, 60)),
)
@example(story=LATE, days=(0, 10))
@example(story=LATE[:-2], days=(0, 10))
def test_sums_are_what_sales_and_entries_say(office: Path, story: list, days: tuple) -> None:
    from django.db import transaction

    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.ledger.models import Entry
    from dianka.desk.office.statistics.query import read_sums
    from dianka.desk.office.statistics.times import Period

    with transaction.atomic():
        told = Story()
        for kind, place, fen, method, desk, who, minutes in story:
            told.now += timedelta(minutes=minutes)
            told.play(kind, place, fen, method, desk, who)
        first = date(2026, 1, 28) + timedelta(days=days[0])
        for period in (
            Period(first, first + timedelta(days=days[1])),
            Period(date(2025, 12, 31), date(2027, 1, 1)),
        ):
            for by in ("hour", "day", "month", "desk", "operator", "area", "method", "tariff"):
                sums = read_sums("sale", period, by)
                found = {key: (one.count, one.amount_fen) for key, one in sums.items()}
                assert found == count_sales(period, by), by
            for by in ("month", "area", "tariff"):
                sums = read_sums("used", period, by)
                found = {key: (one.amount_fen, one.energy_wh) for key, one in sums.items()}
                assert found == count_use(period, by), by
            paid: Counter[str] = Counter()
            for entry in Entry.objects.filter(debit__kind="transit", credit__kind="cash"):
                if period.first <= local(entry.act.time) <= period.last:
                    paid[entry.act.operator] += entry.amount_fen
            sums = read_sums("act refund", period, "operator")
            assert {key: one.amount_fen for key, one in sums.items()} == dict(paid)
            voids = Act.objects.filter(kind="sale void")
            within = [a for a in voids if period.first <= local(a.time) <= period.last]
            sums = read_sums("act sale void", period, "operator")
            assert sum(one.count for one in sums.values()) == len(within)
        check_states(told)
        transaction.set_rollback(True)


def check_states(told: Story) -> None:
    """The state of each meter is what its sales and the ledger say."""
    from dianka.desk.office.statistics.models import MeterState
    from dianka.desk.office.vending.models import Sale

    for contract in told.contracts:
        state = MeterState.objects.filter(meter=contract.meter).first()
        sales = Sale.objects.filter(contract=contract, state__in=("written", "loaded"))
        if state is None:
            assert not sales.exists()
            continue
        assert state.sent_fen == told.balance(contract, "transit")
        last = sales.order_by("written_at").last()
        assert state.bought_at == (last.written_at if last else contract.opened_at)


def test_a_refund_does_not_change_the_day_of_its_sale(office: Path) -> None:
    from dianka.desk.office.statistics.query import read_sums
    from dianka.desk.office.statistics.times import Period

    told = Story()
    told.sell(told.contracts[0], 5000, "notes", "desk1", "lin")
    month = Period(date(2026, 1, 1), date(2026, 3, 31))
    before = read_sums("sale", month, "day")
    told.now += timedelta(days=20)
    told.refund(told.contracts[0], 0, "notes", "desk1", "wu")
    assert read_sums("sale", month, "day") == before
    (refund,) = read_sums("act refund", month, "day").items()
    assert (refund[0], refund[1].amount_fen) == ("2026-02-19", 5000)


def test_a_day_without_sales_has_its_row(office: Path) -> None:
    from dianka.desk.office.statistics.query import Query
    from dianka.desk.office.statistics.reports import make_report
    from dianka.desk.office.statistics.times import Period

    told, actor = Story(), make_actor("manager")
    for days in (0, 3, 60):
        told.now = BEGIN + timedelta(days=days)
        told.sell(told.contracts[0], 100, "notes", "desk1", "lin")
    year = Period(date(2026, 1, 1), date(2026, 12, 31))
    rows = make_report(actor, "sales", Query(year, "day")).rows
    assert len(rows) == 61
    assert [row[2] for row in rows[:5]] == [100, 0, 0, 100, 0]
    rows = make_report(actor, "sales", Query(year, "month")).rows
    assert [row[:2] for row in rows] == [("2026-01", 1), ("2026-02", 1), ("2026-03", 1)]
    rows = make_report(actor, "sales", Query(year, "hour")).rows
    assert len(rows) == 24 and rows[23][:3] == ("23", 3, 300)
    total = make_report(actor, "sales", Query(year, "desk")).totals
    assert total[:3] == (None, 3, 300)


@given(st.dates(date(2024, 1, 1), date(2027, 1, 1)), st.integers(0, 800))
def test_a_period_is_split_into_whole_months_and_the_days_around(first: date, days: int) -> None:
    from dianka.desk.office.statistics.times import Period, months_between, next_month

    period = Period(first, first + timedelta(days=days))
    ranges, months = period.split()
    found = []
    for begin, end in ranges:
        assert begin <= end
        found += [begin + timedelta(days=each) for each in range((end - begin).days + 1)]
    for month in months_between(*months) if months else ():
        assert month.day == 1
        length = (next_month(month) - month).days
        found += [month + timedelta(days=each) for each in range(length)]
    assert sorted(found) == [first + timedelta(days=each) for each in range(days + 1)]
    assert sum((end - begin).days + 1 for begin, end in ranges) < 62


def test_reports_of_the_field(office: Path) -> None:
    from dianka.desk.office.audit import chain
    from dianka.desk.office.statistics.chart import draw
    from dianka.desk.office.statistics.query import Query
    from dianka.desk.office.statistics.reports import REPORTS, make_report
    from dianka.desk.office.statistics.statement import statement

    told, actor = Story(), make_actor("auditor")
    now = chain.read_time()
    one, two, three = told.contracts
    for days, contract, fen in (
        (200, one, 6000),
        (40, two, 5000),
        (10, two, 5000),
        (3, three, 900),
    ):
        told.now = now - timedelta(days=days)
        if contract is two and days == 10:
            told.receipt(two, 80, "notes", "desk1", "lin")  # 10.00 left of 50.00
        told.sell(contract, fen, "notes", "desk1", "lin")
    told.now = now - timedelta(days=2)
    told.receipt(two, 50, "notes", "desk1", "lin")  # half of 60.00 used in 8 days
    transit = make_report(actor, "transit", Query())
    assert [row[1:] for row in transit.rows] == [
        (1, 900), (0, 0), (0, 0), (0, 0), (0, 0), (1, 6000), (0, 0)
    ]  # fmt: skip
    assert transit.totals[2] == told.balance(one, "transit") + told.balance(three, "transit")
    balance = make_report(actor, "balance", Query())
    assert balance.rows == [("East", 2, 3000, 6000, 0), ("West", 1, 0, 900, 0)]
    late = make_report(actor, "not-bought", Query(days=100))
    assert [(row[0], row[4]) for row in late.rows] == [("000000000001", 200)]
    assert make_report(actor, "not-bought", Query(days=201)).rows == []
    ending = make_report(actor, "days-left", Query(days=30))
    # 30.00 yuan at 3.75 a day, two days ago.
    assert [(row[0], row[4], row[5], row[6]) for row in ending.rows] == [
        ("000000000002", 3000, 375, 5)
    ]
    lines = statement(make_actor("clerk"), 2)
    assert [row[1].split()[0] for row in lines.rows] == ["售电", "回执", "售电", "回执"]
    assert lines.totals[5:7] == (10_000, 7000)
    assert lines.notes[0].endswith("30.00 yuan") and lines.notes[1].endswith(" 0.00 yuan")
    with pytest.raises(CardError, match="has no account here"):
        statement(make_actor("clerk"), 99)
    for name in set(REPORTS) - {"suspects"}:
        assert draw(make_report(actor, name, Query())).startswith("<svg ")
    with pytest.raises(CardError, match="take one of sales, operators"):
        make_report(actor, "nothing", Query())
    with pytest.raises(CardError, match="not grouped by 'moon'"):
        make_report(actor, "sales", Query(by="moon"))


def test_what_is_in_transit_and_not_from_a_sale_is_told(office: Path) -> None:
    from dianka.desk.office.ledger import posting
    from dianka.desk.office.statistics.query import Query
    from dianka.desk.office.statistics.reports import make_report

    told = Story()
    move = posting.Move(
        posting.Place("outside", f"{1:012d}"), told.of(told.contracts[0], "transit"), 70
    )
    posting.post("desk1", "lin", "taking in", "1", [move])
    assert make_report(make_actor("manager"), "transit", Query()).rows[-1][2] == 70


def test_the_list_of_names_is_that_of_the_reports(office: Path) -> None:
    from dianka.desk.office.statistics.listed import LISTED
    from dianka.desk.office.statistics.reports import REPORTS

    assert list(LISTED) == list(REPORTS)
