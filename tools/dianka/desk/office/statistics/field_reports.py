"""What is out in the field: energy used, money in meters and in transit, who does not buy."""

from datetime import datetime, timedelta

from django.db.models import Case, Count, Q, Sum, Value, When

from dianka.desk.office.audit import chain
from dianka.desk.office.estate.models import Area
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.statistics.models import AreaLoss, MeterState
from dianka.desk.office.statistics.query import (
    NO_KEY,
    Query,
    describe,
    fill_gaps,
    find_period,
    name_keys,
    read_sums,
)
from dianka.desk.office.statistics.sales_reports import GROUPINGS, require_grouping
from dianka.desk.office.statistics.summaries import catch_up
from dianka.desk.office.statistics.table import Cell, Column, Kind, Table
from dianka.desk.office.statistics.times import MINUTES_PER_DAY, first_of_month, local_day
from dianka.desk.office.vending.models import Sale

MOST_ROWS = 1000  # of a list of customers
_AGES_DAYS = (0, 7, 30, 60, 90, 180, 365)
_NOT_BOUGHT_DAYS = 90
_LEFT_DAYS = 7
_CUSTOMER = (
    Column("户号", "customer", Kind.TEXT),
    Column("户名", "name", Kind.TEXT),
    Column("地址", "premise", Kind.TEXT),
)
_WITH_PREMISE = ("contract__customer", "contract__premise__area")


@needs("see statistics")
def energy(actor: Actor, query: Query) -> Table:
    """Return what was used as receipts and inspections show it: by area, tariff, month or day.

    It counts on the day on which its receipt came. kWh are fen by the price that held then; each
    receipt is rounded down to a whole Wh, so the sum is below by less than 1 Wh a receipt.
    """
    by = require_grouping(query.by or "month", ("month", "day", "area", "tariff"))
    period = find_period(query)
    found = fill_gaps(read_sums("used", period, by), by)
    names = name_keys(found, by)
    rows: list[tuple[Cell, ...]] = [
        (names[key], sums.count, sums.amount_fen, sums.energy_wh) for key, sums in found.items()
    ]
    return Table(
        f"用电统计（按{GROUPINGS[by]}）{describe(period)}",
        f"Energy used by {by}, as receipts show it",
        (
            Column(GROUPINGS[by], by, Kind.TEXT),
            Column("回执", "receipts", Kind.COUNT),
            Column("电费", "used", Kind.FEN),
            Column("电量", "energy", Kind.KWH),
        ),
        rows,
        drawn=3,
        ordered=by in ("month", "day"),
    )


@needs("see statistics")
def transit(actor: Actor, query: Query) -> Table:
    """Return the money that is sold and not yet proved to be in a meter, by the sale's age."""
    now = chain.read_time()
    bounds = list(enumerate(now - timedelta(days=days) for days in _AGES_DAYS[1:]))
    age = Case(
        *(When(written_at__gt=bound, then=Value(place)) for place, bound in bounds),
        default=Value(len(bounds)),
    )
    sales = Sale.objects.filter(state=Sale.State.WRITTEN).annotate(age=age)
    summed = sales.values("age").order_by().annotate(n=Count("id"), fen=Sum("amount_fen"))
    found = {row["age"]: (row["n"], row["fen"]) for row in summed}
    names = [
        f"{low}–{high} 天" if high else f"超过 {low} 天"
        for low, high in zip(_AGES_DAYS, [*_AGES_DAYS[1:], 0], strict=True)
    ]
    rows: list[tuple[Cell, ...]] = [
        (name, *found.get(place, (0, 0))) for place, name in enumerate(names)
    ]
    held = Account.objects.filter(kind="transit").aggregate(fen=Sum("balance_fen"))["fen"] or 0
    other_fen = -held - sum(int(row[2] or 0) for row in rows)
    if other_fen:  # taken in from before the office, or moved over from another meter
        rows.append(("其他 not from a sale", 0, other_fen))
    return Table(
        f"在途金额 {local_day(now)}",
        "Money in transit by the age of its sale",
        (
            Column("售出至今", "since the sale", Kind.TEXT),
            Column("笔数", "sales", Kind.COUNT),
            Column("金额", "amount", Kind.FEN),
        ),
        rows,
        drawn=2,
        ordered=True,
    )


@needs("see statistics")
def balance(actor: Actor, query: Query) -> Table:
    """Return what meters hold, as their last statements say, and what is on the way, by area."""
    catch_up()
    sums = (
        MeterState.objects.values("area")
        .order_by()
        .annotate(
            n=Count("pk"),
            held=Sum("balance_fen"),
            sent=Sum("sent_fen"),
            below=Count("pk", filter=Q(balance_fen__lt=0)),
        )
    )
    names = dict(Area.objects.values_list("id", "name"))
    rows: list[tuple[Cell, ...]] = sorted(
        (
            (names.get(row["area"], NO_KEY), row["n"], row["held"], row["sent"], row["below"])
            for row in sums
        ),
        key=lambda row: -int(row[2] or 0),
    )
    return Table(
        "表内余额（按台区）",
        "Balance in the field by area",
        (
            Column("台区", "area", Kind.TEXT),
            Column("电表", "meters", Kind.COUNT),
            Column("表内余额", "in meters", Kind.FEN),
            Column("在途", "in transit", Kind.FEN),
            Column("透支电表", "in overdraft", Kind.COUNT),
        ),
        rows,
        drawn=2,
    )


@needs("see statistics")
def not_bought(actor: Actor, query: Query) -> Table:
    """Return who has not bought for so many days, the longest first."""
    catch_up()
    days, now = query.days or _NOT_BOUGHT_DAYS, chain.read_time()
    late = MeterState.objects.filter(bought_at__lt=now - timedelta(days=days))
    states = late.select_related(*_WITH_PREMISE).order_by("bought_at", "pk")
    rows: list[tuple[Cell, ...]] = [
        (
            *_name_customer(state),
            str(local_day(state.bought_at)),
            (now - state.bought_at).days,
            state.balance_fen + state.sent_fen,
            _count_days_left(state, now),
        )
        for state in states[:MOST_ROWS]
    ]
    return Table(
        f"{days} 天未购电用户",
        f"Customers who have not bought for {days} days",
        (
            *_CUSTOMER,
            Column("上次购电", "last purchase", Kind.TEXT),
            Column("天数", "days", Kind.COUNT, summed=False),
            Column("当时余额", "held and bought", Kind.FEN),
            Column("还可用天数", "days left", Kind.COUNT, summed=False),
        ),
        rows,
        drawn=4,
        notes=_note_rest(late.count(), len(rows)),
    )


@needs("see statistics")
def days_left(actor: Actor, query: Query) -> Table:
    """Return whose credit will end within so many days, the first to end first.

    The last statement's balance, and what was bought since, by the use per day up to it.
    """
    catch_up()
    days, now = query.days or _LEFT_DAYS, chain.read_time()
    ending = MeterState.objects.filter(ends_at__gte=now, ends_at__lt=now + timedelta(days=days))
    past = MeterState.objects.filter(ends_at__lt=now).count()
    rows: list[tuple[Cell, ...]] = [
        (
            *_name_customer(state),
            str(local_day(state.read_at)) if state.read_at else "",
            state.balance_fen + state.sent_fen,
            state.used_fen * MINUTES_PER_DAY // state.used_minutes,
            _count_days_left(state, now),
        )
        for state in ending.select_related(*_WITH_PREMISE).order_by("ends_at", "pk")[:MOST_ROWS]
    ]
    return Table(
        f"{days} 天内将用完的用户",
        f"Customers whose credit will end within {days} days",
        (
            *_CUSTOMER,
            Column("上次读数", "last statement", Kind.TEXT),
            Column("当时余额", "held and bought", Kind.FEN),
            Column("日用电费", "used a day", Kind.FEN, summed=False),
            Column("还可用天数", "days left", Kind.COUNT, summed=False),
        ),
        rows,
        drawn=4,
        notes=(
            *_note_rest(ending.count(), len(rows)),
            f"{past} more should have ended before now: no receipt says so yet.",
        ),
    )


@needs("see statistics")
def loss(actor: Actor, query: Query) -> Table:
    """Return the loss of each area in a month: its feeder's energy less what its meters used.

    Made along with the list of suspects: the month must lie back far enough for receipts to come.
    """
    last = AreaLoss.objects.order_by("-month").values_list("month", flat=True).first()
    month = first_of_month(query.month) if query.month else last
    found = AreaLoss.objects.filter(month=month).select_related("area")
    rows: list[tuple[Cell, ...]] = [
        (
            row.area.name,
            row.meters,
            row.unread,
            row.feeder_wh,
            row.used_wh,
            row.feeder_wh - row.used_wh,
            (row.feeder_wh - row.used_wh) * 1000 // row.feeder_wh if row.feeder_wh > 0 else None,
        )
        for row in found
    ]
    rows.sort(key=lambda row: -int(row[6] or 0))
    return Table(
        f"台区线损 {month.strftime('%Y-%m') if month else ''}",
        "Loss of each area against its feeder meter",
        (
            Column("台区", "area", Kind.TEXT),
            Column("电表", "meters", Kind.COUNT),
            Column("估计", "estimated", Kind.COUNT),
            Column("供电量", "feeder", Kind.KWH),
            Column("用电量", "used", Kind.KWH),
            Column("损失电量", "lost", Kind.KWH),
            Column("线损率", "loss", Kind.PERMILLE),
        ),
        rows,
        drawn=6,
        notes=() if rows else ("No month is worked out yet: run dianka office suspects.",),
    )


def _name_customer(state: MeterState) -> tuple[str, str, str]:
    contract = state.contract
    premise = str(contract.premise) if contract.premise else NO_KEY
    return f"{contract.customer.number:012d}", contract.customer.name, premise


def _count_days_left(state: MeterState, now: datetime) -> int | None:
    """Return the days until the credit ends by the use so far; None if no use is known."""
    return (state.ends_at - now).days if state.ends_at else None


def _note_rest(found: int, shown: int) -> tuple[str, ...]:
    return (f"{found} customers, the first {shown} are shown.",) if found > shown else ()
