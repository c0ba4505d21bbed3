"""What was sold, and who paid back, voided, reversed and printed again how often."""

from dianka.card_port import CardError
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.statistics.models import Summary
from dianka.desk.office.statistics.query import (
    Query,
    Sums,
    describe,
    fill_gaps,
    find_period,
    name_keys,
    read_sums,
)
from dianka.desk.office.statistics.table import Cell, Column, Kind, Table
from dianka.desk.office.statistics.times import Period

GROUPINGS = {
    "hour": "时段",
    "day": "日期",
    "month": "月份",
    "desk": "窗口",
    "operator": "操作员",
    "area": "台区",
    "method": "付款方式",
    "tariff": "电价",
}
_OVER_TIME = ("hour", "day", "month")
# What acts are counted, by a word in their kind.
_ACTS = (("refund", "退费"), ("void", "作废"), ("reversal", "冲正"), ("reprint", "补打"))


@needs("see statistics")
def sales(actor: Actor, query: Query) -> Table:
    """Return what was sold by hour of the day, day, month, desk, operator, area, method or tariff.

    A sale counts on the day on which it was posted, for good; a refund counts on its own day.
    """
    by = require_grouping(query.by or "day", tuple(GROUPINGS))
    period = find_period(query)
    found = fill_gaps(read_sums("sale", period, by), by)
    names = name_keys(found, by)
    rows = [_make_row(names[key], sums) for key, sums in found.items()]
    if by not in _OVER_TIME:
        rows.sort(key=lambda row: (-row[2], row[0]))
    return Table(
        f"售电统计（按{GROUPINGS[by]}）{describe(period)}",
        f"Sales by {by}",
        (
            Column(GROUPINGS[by], by, Kind.TEXT),
            Column("笔数", "sales", Kind.COUNT),
            Column("金额", "amount", Kind.FEN),
            Column("平均每笔", "mean", Kind.FEN, summed=False),
        ),
        [*rows],
        drawn=2,
        ordered=by in _OVER_TIME,
    )


@needs("see statistics")
def operators(actor: Actor, query: Query) -> Table:
    """Return each operator's sales, refunds, voids, reversals and reprints."""
    period = find_period(query)
    sold = read_sums("sale", period, "operator")
    done = read_acts(period)
    rows: list[tuple[Cell, ...]] = []
    for name in sorted({*sold, *(operator for operator, _ in done)}):
        sale = sold.get(name, Sums())
        acts = [done.get((name, word), Sums()) for word, _ in _ACTS]
        odd = sum(act.count for act in acts)
        share = odd * 1000 // sale.count if sale.count else None
        paid_back = sum(act.amount_fen for act in acts)
        counts = (act.count for act in acts)
        if odd or sale.count:
            rows.append((name, sale.count, sale.amount_fen, *counts, paid_back, share))
    return Table(
        f"操作员统计 {describe(period)}",
        "Refunds, voids, reversals and reprints by operator",
        (
            Column("操作员", "operator", Kind.TEXT),
            Column("笔数", "sales", Kind.COUNT),
            Column("金额", "amount", Kind.FEN),
            *(Column(zh, f"{word}s", Kind.COUNT) for word, zh in _ACTS),
            Column("退还金额", "paid back", Kind.FEN),
            Column("占比", "of sales", Kind.PERMILLE),
        ),
        rows,
        drawn=8,
    )


def require_grouping(by: str, known: tuple[str, ...]) -> str:
    """Return the grouping; CardError if the report has no such."""
    if by not in known:
        raise CardError(f"this report is not grouped by {by!r}: take one of {', '.join(known)}")
    return by


def read_acts(period: Period) -> dict[tuple[str, str], Sums]:
    """Return the acts of each operator and word."""
    kinds = Summary.objects.filter(subject__startswith="act ", grain="month", grouping="all")
    found: dict[tuple[str, str], Sums] = {}
    for subject in kinds.order_by("subject").values_list("subject", flat=True).distinct():
        word = next((word for word, _ in _ACTS if word in subject), None)
        if word:
            for operator, sums in read_sums(subject, period, "operator").items():
                kept = found.setdefault((operator, word), Sums())
                kept.count += sums.count
                kept.amount_fen += sums.amount_fen
    return found


def _make_row(name: str, sums: Sums) -> tuple[str, int, int, int]:
    mean_fen = sums.amount_fen // sums.count if sums.count else 0
    return name, sums.count, sums.amount_fen, mean_fen
