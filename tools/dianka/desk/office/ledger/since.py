"""The acts after some heads, and their entries, as parts of SQL statements.

Which entries are new is told by the acts and their numbers in their chains, never by the entries'
own numbers: those of a desk that commits later may be lower. A LATERAL with an OFFSET on PostgreSQL
and a CROSS JOIN on SQLite are looked up act by act; left to themselves both may read all years.
"""

from collections.abc import Iterable

from dianka.desk.office.audit.links import Head
from dianka.desk.office.audit.models import Chain

_CHAINS = "audit_chain k LEFT JOIN cut ON cut.chain = k.id"
# Rows a of audit_act, after `write_cut`.
ACTS_SINCE = {
    "postgresql": f"{_CHAINS} CROSS JOIN LATERAL (SELECT id, chain_id, number, kind, detail, moves "
    "FROM audit_act WHERE chain_id = k.id AND number > coalesce(cut.length, 0) OFFSET 0) a",
    "sqlite": f"{_CHAINS} CROSS JOIN audit_act a "
    "ON a.chain_id = k.id AND a.number > coalesce(cut.length, 0)",
}
# The same with the rows e of ledger_entry that belong to them.
ENTRIES_SINCE = {
    "postgresql": f"{ACTS_SINCE['postgresql']} CROSS JOIN LATERAL "
    "(SELECT * FROM ledger_entry WHERE act_id = a.id OFFSET 0) e",
    "sqlite": f"{ACTS_SINCE['sqlite']} CROSS JOIN ledger_entry e ON e.act_id = a.id",
}


def write_cut(heads: Iterable[Head]) -> str:
    """Return the table `cut` that the parts above want in their WITH: how far each chain went."""
    numbers = dict(Chain.objects.values_list("desk", "id"))
    cut = [(numbers[head.desk], head.length) for head in heads if head.desk in numbers]
    values = ", ".join(f"({chain:d}, {length:d})" for chain, length in cut)
    return f"cut(chain, length) AS (VALUES {values or '(0, 0)'})"
