"""Prove the ledger: every fen that was sold is somewhere, and nothing was changed by hand.

All from the entries themselves; what the balances say is compared with them, and not believed. The
database compares: three statements go through all entries, and only what is wrong comes here.
"""

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Sum

from dianka.desk.office.ledger.models import Account
from dianka.desk.office.ledger.posting import Place, is_allowed
from dianka.money import signed_yuan

_FEW = 1000  # rows fetched at once
_BALANCES = (
    "SELECT a.kind, a.owner, a.method, a.balance_fen, CAST(coalesce(s.fen, 0) AS bigint) "
    "FROM ledger_account a LEFT JOIN (SELECT id, sum(fen) AS fen FROM ("
    "SELECT debit_id AS id, amount_fen AS fen FROM ledger_entry "
    "UNION ALL SELECT credit_id, -amount_fen FROM ledger_entry) m GROUP BY id) s ON s.id = a.id "
    "WHERE a.balance_fen <> coalesce(s.fen, 0) ORDER BY a.id"
)
_NAMES = {
    side: f"{side}.kind || ':' || {side}.owner || "
    f"CASE {side}.method WHEN '' THEN '' ELSE ':' || {side}.method END"
    for side in ("d", "c")
}
_LINE = f"{_NAMES['d']} || ' > ' || {_NAMES['c']} || ' ' || e.amount_fen"
# The line of an act's moves at the entry's place, empty if there is none.
_TOLD = {
    "postgresql": "split_part(a.moves, chr(10), e.place + 1)",
    "sqlite": "CASE e.place WHEN 0 THEN "
    "substr(a.moves, 1, instr(a.moves || char(10), char(10)) - 1) "
    "ELSE office_line(a.moves, e.place) END",
}
_WRONG_ENTRIES = (
    "SELECT e.act_id, h.desk, a.number, d.kind, d.owner, c.kind, c.owner, e.reverses_id, "
    "coalesce({told}, '') <> ({line}) FROM ledger_entry e "
    "{join} ledger_account d ON d.id = e.debit_id {join} ledger_account c ON c.id = e.credit_id "
    "LEFT JOIN audit_act a ON a.id = e.act_id LEFT JOIN audit_chain h ON h.id = a.chain_id "
    "WHERE coalesce({told}, '') <> ({line}) OR (e.reverses_id IS NULL AND NOT ({allowed}))"
)
# SQLite keeps the order of a CROSS JOIN: left to itself it takes the accounts first, and then each
# entry from another page, which takes 4 times as long.
_JOIN = {"postgresql": "JOIN", "sqlite": "CROSS JOIN"}
_CACHE_KIB, _USUAL_CACHE_KIB = 65_536, 2000  # of SQLite; the latter is its default
_NEWLINE = {"postgresql": "chr(10)", "sqlite": "char(10)"}
_LINES = "length(a.moves) - length(replace(a.moves, {newline}, '')) + 1"
_SHORT_ACTS = (
    "SELECT a.id, h.desk, a.number FROM audit_act a JOIN audit_chain h ON h.id = a.chain_id "
    "WHERE a.moves <> '' AND {lines} <> "
    "(SELECT count(*) FROM ledger_entry e WHERE e.act_id = a.id)"
)


def sum_by_kind() -> dict[str, int]:
    """Return the sum of all balances of each kind, in fen: debits minus credits."""
    found = Account.objects.values("kind").order_by("kind").annotate(fen=Sum("balance_fen"))
    return {row["kind"]: row["fen"] for row in found}


def find_faults() -> Iterator[str]:
    """Yield one line for each thing that is wrong, with its name and fen."""
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        connection.connection.create_function("office_line", 2, _get_line, deterministic=True)
    _set_up(begin=True)
    try:
        yield from _find_wrong_balances()
        yield from _find_wrong_entries()
    finally:
        _set_up(begin=False)


def _set_up(begin: bool) -> None:
    """Give the connection what going through all years takes, or its usual settings again."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            kib = _CACHE_KIB if begin else _USUAL_CACHE_KIB
            cursor.execute(f"PRAGMA cache_size = -{kib}")
        else:
            cursor.execute("SET statement_timeout = 0" if begin else "RESET statement_timeout")


def _find_wrong_balances() -> Iterator[str]:
    for kind, owner, method, balance_fen, right_fen in _run(_BALANCES):
        yield (
            f"account {Place(kind, owner, method)}: its balance is {signed_yuan(balance_fen)} "
            f"yuan, its entries sum up to {signed_yuan(right_fen)}"
        )


def _find_wrong_entries() -> Iterator[str]:
    """Compare each entry with the line that its act's hash covers, and with the moves that may be.

    An entry has a place of its own in its act. So if each is the line at its place and there are
    as many entries as lines, no line is without its entry.
    """
    told, newline = _TOLD[connection.vendor], _NEWLINE[connection.vendor]
    wrong = set()
    for act, desk, number, kind, owner, other_kind, other, reverses, differs in _run(
        _WRONG_ENTRIES.format(
            told=told, line=_LINE, join=_JOIN[connection.vendor], allowed=_list_allowed()
        )
    ):
        debit, credit = Place(kind, owner), Place(other_kind, other)
        if reverses is None and not is_allowed(debit, credit):
            yield f"an entry moves money from {debit} to {credit}, which no act may"
        if differs and act not in wrong:
            wrong.add(act)
            yield _describe(act, desk, number)
    lines = _LINES.format(newline=newline)
    ((expected,),) = _run(f"SELECT coalesce(sum({lines}), 0) FROM audit_act a WHERE a.moves <> ''")
    ((found,),) = _run("SELECT count(*) FROM ledger_entry")
    if found != expected:
        for act, desk, number in _run(_SHORT_ACTS.format(lines=lines)):
            if act not in wrong:
                yield _describe(act, desk, number)


def _describe(act: int, desk: str | None, number: int | None) -> str:
    if number is None:
        return f"entry of act row {act}: no act tells of it"
    return f"act {number} of desk {desk}: its entries are not those that it tells"


def _list_allowed() -> str:
    """Return the condition that `is_allowed` holds: it is asked about each pair of kinds."""
    allowed = []
    for debit in Account.Kind.values:
        for credit in Account.Kind.values:
            pair = f"d.kind = '{debit}' AND c.kind = '{credit}'"
            if is_allowed(Place(debit, "one"), Place(credit, "other")):
                allowed.append(f"({pair})")
            elif is_allowed(Place(debit, "one"), Place(credit, "one")):
                allowed.append(f"({pair} AND d.owner = c.owner)")
    return " OR ".join(allowed)


def _get_line(moves: str | None, place: int) -> str:
    lines = (moves or "").split("\n")
    return lines[place] if place < len(lines) else ""


def _run(statement: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        while rows := cursor.fetchmany(_FEW):
            yield from rows
