"""Prove the entries: each is the line that its act's hash covers, and no line is without its entry.

The balances are compared with the entries in sums.py. The database compares: two statements go
through all entries, or through those of the acts since a night, and only what is wrong comes here.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection
from django.db.models import Sum

from dianka.desk.office import server
from dianka.desk.office.audit.links import Head
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.ledger.posting import REVERSAL, Place, is_allowed
from dianka.desk.office.ledger.since import ACTS_SINCE, ENTRIES_SINCE, write_cut

_FEW = 1000  # rows fetched at once
_NAMES = {
    side: f"{side}.kind || ':' || {side}.owner || "
    f"CASE {side}.method WHEN '' THEN '' ELSE ':' || {side}.method END"
    for side in ("d", "c")
}
_LINE = f"{_NAMES['d']} || ' > ' || {_NAMES['c']} || ' ' || e.amount_fen"
# The line of an act's moves at the entry's place, empty or NULL if there is none.
_TOLD = {
    "postgresql": "CASE WHEN e.place >= 0 THEN split_part(a.moves, chr(10), e.place + 1) END",
    "sqlite": "CASE e.place WHEN 0 THEN "
    "substr(a.moves, 1, instr(a.moves || char(10), char(10)) - 1) "
    "ELSE office_line(a.moves, e.place) END",
}
# A reversal is the opposite of the entry that it names, and says so in words that its hash covers.
_REVERSES = (
    "EXISTS (SELECT 1 FROM ledger_entry o WHERE o.id = e.reverses_id "
    "AND o.debit_id = e.credit_id AND o.credit_id = e.debit_id AND o.amount_fen = e.amount_fen "
    "AND a.detail LIKE 'reverses entry ' || o.id || ': %')"
)
_IS_REVERSAL = f"(coalesce(a.kind, '') = '{REVERSAL}' OR e.reverses_id IS NOT NULL)"
_WRONG_ENTRIES = (
    "{cut}SELECT e.act_id, h.desk, a.number, d.kind, d.owner, c.kind, c.owner, "
    "coalesce({told}, '') <> ({line}), {is_reversal} FROM {source} "
    "{join} ledger_account d ON d.id = e.debit_id {join} ledger_account c ON c.id = e.credit_id "
    "LEFT JOIN audit_chain h ON h.id = a.chain_id "
    "WHERE (coalesce({told}, '') <> ({line}) "
    "OR CASE WHEN {is_reversal} THEN NOT {reverses} ELSE NOT ({allowed}) END)"
)
_ALL_ENTRIES = "ledger_entry e LEFT JOIN audit_act a ON a.id = e.act_id"
# SQLite keeps the order of a CROSS JOIN: left to itself it takes the accounts first, and then each
# entry from another page, which takes 4 times as long.
_JOIN = {"postgresql": "JOIN", "sqlite": "CROSS JOIN"}
_NEWLINE = {"postgresql": "chr(10)", "sqlite": "char(10)"}
_LINES = "length(a.moves) - length(replace(a.moves, {newline}, '')) + 1"
_COUNTS_DIFFER = (
    "SELECT (SELECT count(*) FROM ledger_entry) <> "
    "(SELECT coalesce(sum({lines}), 0) FROM audit_act a WHERE a.moves <> '')"
)
_SHORT_ACTS = (
    "{cut}SELECT a.id, h.desk, a.number FROM {source} JOIN audit_chain h ON h.id = a.chain_id "
    "WHERE a.moves <> '' AND {lines} <> "
    "(SELECT count(*) FROM ledger_entry e WHERE e.act_id = a.id)"
)


def sum_by_kind() -> dict[str, int]:
    """Return the sum of all balances of each kind, in fen: debits minus credits."""
    found = Account.objects.values("kind").order_by("kind").annotate(fen=Sum("balance_fen"))
    return {row["kind"]: row["fen"] for row in found}


def find_faults(since: Iterable[Head] | None = None) -> Iterator[str]:
    """Yield one line for each act whose entries are not those that it tells.

    Of all acts, or of those after the heads `since`. In one view (one_view.py).
    """
    if not server.IS_HERE:
        connection.ensure_connection()
        connection.connection.create_function("office_line", 2, _get_line, deterministic=True)
    if since is None:
        yield from _find_wrong_entries()
    else:
        yield from _find_wrong_entries_since(f"WITH {write_cut(since)} ")


def _find_wrong_entries() -> Iterator[str]:
    """Compare each entry with the line that its act's hash covers, and with the moves that may be.

    An entry has a place of its own in its act. So if each is the line at its place and there are
    as many entries as lines, no line is without its entry; else each act is counted.
    """
    wrong: set[int] = set()
    yield from _describe_wrong("", _ALL_ENTRIES, wrong)
    lines = _LINES.format(newline=_NEWLINE[connection.vendor])
    ((differ,),) = _run(_COUNTS_DIFFER.format(lines=lines))
    if differ or wrong:
        yield from _describe_short("", "audit_act a", wrong)


def _find_wrong_entries_since(cut: str) -> Iterator[str]:
    wrong: set[int] = set()
    yield from _describe_wrong(cut, ENTRIES_SINCE[connection.vendor], wrong)
    yield from _describe_short(cut, ACTS_SINCE[connection.vendor], wrong)


def _describe_wrong(cut: str, source: str, wrong: set[int]) -> Iterator[str]:
    """Yield what is wrong with each entry of this source; `wrong` gets the acts that are named."""
    statement = _WRONG_ENTRIES.format(
        cut=cut,
        source=source,
        told=_TOLD[connection.vendor],
        line=_LINE,
        join=_JOIN[connection.vendor],
        is_reversal=_IS_REVERSAL,
        reverses=_REVERSES,
        allowed=_list_allowed(),
    )
    for act, desk, number, kind, owner, other_kind, other, differs, reversal in _run(statement):
        debit, credit = Place(kind, owner), Place(other_kind, other)
        if not reversal and not is_allowed(debit, credit):
            yield f"an entry moves money from {debit} to {credit}, which no act may"
        if act in wrong:
            continue
        if differs:
            wrong.add(act)
            yield _describe(act, desk, number)
        elif reversal:
            wrong.add(act)
            yield f"act {number} of desk {desk}: it is not the opposite of an entry that it names"


def _describe_short(cut: str, source: str, wrong: set[int]) -> Iterator[str]:
    """Yield each act that tells of more or fewer entries than it has, unless it was named."""
    lines = _LINES.format(newline=_NEWLINE[connection.vendor])
    for act, desk, number in _run(_SHORT_ACTS.format(cut=cut, source=source, lines=lines)):
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
    return dict(enumerate(lines)).get(place, "")


def _run(statement: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        while rows := cursor.fetchmany(_FEW):
            yield from rows
