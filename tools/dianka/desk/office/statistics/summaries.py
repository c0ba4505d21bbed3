"""Sums by day and month, and the state of each meter, carried on along the audit chains.

The sums of a chain cover its acts 1 to Mark.acts, a beginning of the chain. An act is never changed
and a chain only grows at its end, so what is summed up stays right: a day can't change behind its
sum. A refund, a late receipt or a reversal is an act of its own: it is added to the day on which it
was made, and never alters that of the sale. A report first sums up what has come since
(`catch_up`), at most some days of acts, and then reads sums alone.

Area and tariff are those at the time of summing up: a premise that moves to another area later
takes nothing along.
"""

import re
from datetime import timedelta

from django.db import connection, transaction

from dianka.desk.office.audit.models import Chain
from dianka.desk.office.statistics.models import Mark
from dianka.desk.office.statistics.states import refresh_states
from dianka.desk.prices import UTC_OFFSET

CHUNK = 100_000  # acts in one transaction: a report that comes meanwhile waits for one of them
_METER_NO = re.compile(r"\b[0-9]{12}\b")
_OFFSET_S = UTC_OFFSET // timedelta(seconds=1)
_SQL = {
    "sqlite": {
        "day": f"date(a.time, '+{_OFFSET_S} seconds')",
        "hour": f"strftime('%%H', a.time, '+{_OFFSET_S} seconds')",
        "minute": "CAST(substr(strftime('%%Y%%m%%d%%H%%M', a.time, "
        f"'+{_OFFSET_S} seconds'), 3) AS bigint)",
        "month": "date(d, 'start of month')",
    },
    "postgresql": {
        "day": f"CAST(a.time AT TIME ZONE 'UTC' + interval '{_OFFSET_S} seconds' AS date)",
        "hour": f"to_char(a.time AT TIME ZONE 'UTC' + interval '{_OFFSET_S} seconds', 'HH24')",
        "minute": "CAST(to_char(a.time AT TIME ZONE 'UTC' + "
        f"interval '{_OFFSET_S} seconds', 'YYMMDDHH24MI') AS bigint)",
        "month": "CAST(date_trunc('month', d) AS date)",
    },
}
_OF_CHAIN = "a.chain_id = %s AND a.number > %s AND a.number <= %s"
# Each source: its rows with subject, day d, its groupings, count n, fen and wh; and the groupings.
_SALES = (
    "SELECT 'sale' AS subject, {day} AS d, {hour} AS hour, k.name AS desk, s.operator AS operator, "
    "coalesce(CAST(p.area_id AS text), '') AS area, s.method AS method, "
    "CAST(v.tariff_id AS text) AS tariff, 1 AS n, s.amount_fen AS fen, 0 AS wh FROM audit_act a "
    "JOIN vending_sale s ON s.act_id = a.id JOIN vending_desk k ON k.id = s.desk_id "
    "JOIN customers_contract c ON c.id = s.contract_id "
    "LEFT JOIN estate_premise p ON p.id = c.premise_id "
    f"JOIN customers_tariffversion v ON v.id = s.price_id WHERE {_OF_CHAIN}"
)
# Use as the ledger has it; the contract is the last that was opened at the meter by then.
_USED = (
    "SELECT 'used' AS subject, u.d AS d, coalesce(CAST(p.area_id AS text), '') AS area, "
    "coalesce(CAST(c.tariff_id AS text), '') AS tariff, 1 AS n, u.fen AS fen, "
    "u.fen * 100000 / coalesce((SELECT v.price_e4 FROM customers_tariffversion v "
    "WHERE v.tariff_id = c.tariff_id AND v.begins <= u.minute "
    "ORDER BY v.begins DESC, v.number DESC LIMIT 1), now.price_e4) AS wh FROM ("
    "SELECT {day} AS d, {minute} AS minute, "
    "CASE WHEN b.kind = 'meter' THEN e.amount_fen ELSE -e.amount_fen END AS fen, "
    "(SELECT c.id FROM estate_meter m JOIN customers_contract c ON c.meter_id = m.id "
    "WHERE m.number = CAST(b.owner AS bigint) AND c.opened_at <= a.time "
    "ORDER BY c.opened_at DESC, c.id DESC LIMIT 1) AS contract FROM audit_act a "
    "JOIN ledger_entry e ON e.act_id = a.id JOIN ledger_account b ON b.id = e.debit_id "
    "JOIN ledger_account r ON r.id = e.credit_id "
    f"WHERE {_OF_CHAIN} AND (b.kind = 'meter' AND r.kind = 'used' "
    "OR b.kind = 'used' AND r.kind = 'meter')) u "
    "LEFT JOIN customers_contract c ON c.id = u.contract "
    "LEFT JOIN customers_tariffversion now ON now.id = c.price_id "
    "LEFT JOIN estate_premise p ON p.id = c.premise_id"
)
# All acts but the many of every day; `fen` is what they paid back.
_ACTS = (
    "SELECT 'act ' || a.kind AS subject, {day} AS d, a.operator AS operator, h.desk AS desk, "
    "1 AS n, coalesce((SELECT sum(e.amount_fen) FROM ledger_entry e "
    "JOIN ledger_account b ON b.id = e.debit_id JOIN ledger_account r ON r.id = e.credit_id "
    "WHERE e.act_id = a.id AND b.kind IN ('transit', 'meter') AND r.kind IN ('cash', 'refund')), 0)"
    " AS fen, 0 AS wh FROM audit_act a JOIN audit_chain h ON h.id = a.chain_id "
    f"WHERE {_OF_CHAIN} AND a.kind NOT IN ('sale', 'receipt')"
)
SOURCES = (
    (_SALES, ("all", "hour", "desk", "operator", "area", "method", "tariff")),
    (_USED, ("all", "area", "tariff")),
    (_ACTS, ("all", "operator", "desk")),
)


def catch_up(chunk: int = CHUNK) -> int:
    """Sum up all acts that are not yet, and return their number."""
    done = 0
    for chain in Chain.objects.order_by("id").values_list("id", flat=True):
        Mark.objects.get_or_create(chain_id=chain)
        taken = chunk
        while taken == chunk:
            taken = _sum_up(chain, chunk)
            done += taken
    _refresh_states()
    return done


def _sum_up(chain: int, chunk: int) -> int:
    with transaction.atomic():
        mark = next(mark for mark in _lock_marks() if mark.pk == chain)
        last = min(Chain.objects.get(pk=chain).length, mark.acts + chunk)
        taken = last - mark.acts
        if taken:
            acts = (chain, mark.acts, last)
            for source, groupings in SOURCES:
                _add(source, groupings, acts)
            mark.acts = last
            mark.save(update_fields=["acts"])
    return taken


def _refresh_states() -> None:
    """Make the states of all meters anew that the acts since the last time have touched."""
    with transaction.atomic():
        behind = [mark for mark in _lock_marks() if mark.states < mark.acts]
        touched: set[int] = set()
        for mark in behind:
            touched |= _find_touched((mark.pk, mark.states, mark.acts))
            mark.states = mark.acts
            mark.save(update_fields=["states"])
        refresh_states(touched)


def _lock_marks() -> list[Mark]:
    """Lock all marks, in one order: the sums of two chains share their rows."""
    return list(Mark.objects.select_for_update().order_by("pk"))


def _add(source: str, groupings: tuple[str, ...], acts: tuple[int, int, int]) -> None:
    words = _SQL[connection.vendor]
    sums = "CAST(sum(n) AS bigint) AS n, CAST(sum(fen) AS bigint) AS fen, " + (
        "CAST(sum(wh) AS bigint) AS wh"
    )
    by_day = " UNION ALL ".join(
        f"SELECT subject, '{name}' AS g, d, {_key(name)} AS k, {sums} FROM found "
        f"GROUP BY subject, d{'' if name == 'all' else ', ' + name}"
        for name in groupings
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH found AS ({source.format(**words)}), days AS ({by_day}) "
            "INSERT INTO statistics_summary "
            "(subject, grain, grouping, first, key, count, amount_fen, energy_wh) "
            "SELECT * FROM (SELECT subject, 'day' AS grain, g, d, k, n, fen, wh FROM days "
            f"UNION ALL SELECT subject, 'month', g, {words['month']}, k, {sums} FROM days "
            f"GROUP BY subject, g, {words['month']}, k) AS new WHERE true "
            "ON CONFLICT (subject, grain, grouping, first, key) DO UPDATE SET "
            "count = statistics_summary.count + excluded.count, "
            "amount_fen = statistics_summary.amount_fen + excluded.amount_fen, "
            "energy_wh = statistics_summary.energy_wh + excluded.energy_wh",
            acts,
        )


def _key(name: str) -> str:
    return "''" if name == "all" else name


def _find_touched(acts: tuple[int, int, int]) -> set[int]:
    """Return the numbers of the meters that these acts are about or whose money they move.

    Sales and receipts are about the meter whose money they move; others may name two.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT a.subject FROM audit_act a WHERE {_OF_CHAIN} UNION "
            f"SELECT a.moves FROM audit_act a WHERE {_OF_CHAIN} "
            "AND a.kind NOT IN ('sale', 'receipt')",
            acts * 2,
        )
        return {int(number) for (text,) in cursor.fetchall() for number in _METER_NO.findall(text)}
