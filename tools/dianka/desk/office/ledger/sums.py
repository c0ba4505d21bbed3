"""Compare all balances with the entries: with all of them, or with those since a proof.

A proof that finds nothing keeps what each account's entries sum up to, and a hash over all these
sums that its night's act tells (audit/nights.py). The next proof adds what has come since.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from dianka.desk.office.audit.links import Head
from dianka.desk.office.audit.nights import Night
from dianka.desk.office.ledger.posting import Place
from dianka.desk.office.ledger.since import ENTRIES_SINCE, write_cut
from dianka.money import signed_yuan

_FEW = 2000  # rows fetched at once
_SIDES = "(SELECT 1 AS sign UNION ALL SELECT -1) s"
# Cast: SQLite makes an index of a column whose type it knows, and looks accounts up in it; without
# one each account goes through all that has come since.
_SINCE = (
    "since AS MATERIALIZED ("
    "SELECT CAST(CASE s.sign WHEN 1 THEN e.debit_id ELSE e.credit_id END AS bigint) AS account, "
    "CAST(sum(s.sign * e.amount_fen) AS bigint) AS fen "
    "FROM {entries} CROSS JOIN {sides} GROUP BY 1)"
)
_TOTAL = (
    "total AS MATERIALIZED (SELECT account, CAST(sum(fen) AS bigint) AS fen FROM ("
    "SELECT debit_id AS account, amount_fen AS fen FROM ledger_entry "
    "UNION ALL SELECT credit_id, -amount_fen FROM ledger_entry) m GROUP BY account)"
)
_ACCOUNTS = (
    "SELECT a.kind, a.owner, a.method, a.balance_fen, coalesce(p.sum_fen, 0), "
    "coalesce(s.fen, 0), {right} FROM ledger_account a "
    "LEFT JOIN ledger_provedsum p ON p.account_id = a.id "
    "LEFT JOIN since s ON s.account = a.id {total}ORDER BY a.id"
)
_KEEP = (
    "WITH {since} INSERT INTO ledger_provedsum (account_id, sum_fen) "
    "SELECT a.id, a.balance_fen - coalesce(s.fen, 0) FROM ledger_account a "
    "LEFT JOIN ledger_provedsum p ON p.account_id = a.id LEFT JOIN since s ON s.account = a.id "
    "WHERE coalesce(p.sum_fen, 0) <> a.balance_fen - coalesce(s.fen, 0) "
    "ON CONFLICT (account_id) DO UPDATE SET sum_fen = excluded.sum_fen"
)


@dataclass
class Compared:
    """What a comparison has found, line by line, and what is to be kept if it is nothing."""

    faults: list[str] = field(default_factory=list)
    # Sums that are not those of the former night: the books themselves may be right.
    odd_sums: list[str] = field(default_factory=list)
    sums_fen: Mapping[str, int] = field(default_factory=dict)  # by kind of account
    proved: bytes = b""


def compare(night: Night | None, whole: bool, heads: Iterable[Head]) -> Compared:
    """Compare each balance with its entries: all of them, or those that the night has not proved.

    In one view, which ends at these heads. Without a night it is always the whole.
    """
    whole = whole or night is None
    start = tuple(heads) if night is None else night.heads
    found, sums_fen = Compared(), Counter()
    former, now = hashlib.sha256(), hashlib.sha256()
    sources = "its entries" if whole else "the last night's sum and its entries since"
    for kind, owner, method, balance_fen, kept_fen, since_fen, right_fen in _list_sums(
        start, whole
    ):
        place = Place(kind, owner, method)
        sums_fen[kind] += right_fen
        if kept_fen:
            former.update(_write_sum(place, kept_fen))
        if right_fen:
            now.update(_write_sum(place, right_fen))
        if balance_fen != right_fen:
            found.faults.append(
                f"account {place}: its balance is {signed_yuan(balance_fen)} "
                f"yuan, {sources} sum up to {signed_yuan(right_fen)}"
            )
        if night and kept_fen + since_fen != right_fen:
            found.odd_sums.append(
                f"account {place}: night {night.number} is said to have proved "
                f"{signed_yuan(kept_fen)} yuan, the entries up to then sum up to "
                f"{signed_yuan(right_fen - since_fen)}"
            )
    if night and former.digest() != night.proved and not found.odd_sums:
        found.odd_sums.append(f"night {night.number}: the sums kept are not those that it proved")
    if total_fen := sum(sums_fen.values()):
        found.faults.append(f"all accounts together are {signed_yuan(total_fen)} yuan, not 0.00")
    found.sums_fen, found.proved = dict(sums_fen), now.digest()
    return found


def keep(heads: Iterable[Head]) -> None:
    """Keep what the entries of each account sum up to at these heads. The balances are right."""
    with connection.cursor() as cursor:
        cursor.execute(_KEEP.format(since=_since(heads)))


def _write_sum(place: Place, fen: int) -> bytes:
    return f"{place.kind}:{place.owner}:{place.method} {fen}\n".encode()


def write_comparison(start: Iterable[Head], whole: bool) -> str:
    """Return the statement that tells of each account its name, its balance and its sums.

    These are the one kept, that of the entries since `start`, and the right one.
    """
    parts = [_since(start), *([_TOTAL] if whole else [])]
    return f"WITH {', '.join(parts)} " + _ACCOUNTS.format(
        right="coalesce(t.fen, 0)" if whole else "coalesce(p.sum_fen, 0) + coalesce(s.fen, 0)",
        total="LEFT JOIN total t ON t.account = a.id " if whole else "",
    )


def _list_sums(start: Iterable[Head], whole: bool) -> Iterator[tuple[Any, ...]]:
    with connection.chunked_cursor() as cursor:  # millions of accounts are not in memory at once
        cursor.execute(write_comparison(start, whole))
        while rows := cursor.fetchmany(_FEW):
            yield from rows


def _since(heads: Iterable[Head]) -> str:
    entries = ENTRIES_SINCE[connection.vendor]
    return f"{write_cut(heads)}, {_SINCE.format(entries=entries, sides=_SIDES)}"
