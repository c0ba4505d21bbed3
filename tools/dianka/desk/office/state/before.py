"""Rows from before acts told of them: counted once, when an older office comes to this version.

What such a row says can't be proved until an act changes it. But the count shows that none of them
is put in or taken out by hand afterwards.
"""

import json
from dataclasses import dataclass

from django.db.models import Count, Max

from dianka.desk.office.audit import chain, times
from dianka.desk.office.audit.models import Act
from dianka.desk.office.state.tables import TABLES

KIND = "rows from before"
_OPERATOR = "office"


@dataclass(frozen=True)
class Before:
    """How many rows a table had then, and the highest number of one."""

    count: int = 0
    last: int = 0


def count_rows() -> None:
    """Append the act that counts all rows. The caller is in a transaction."""
    counts = {}
    for table in TABLES.values():
        found = table.model._default_manager.aggregate(count=Count("pk"), last=Max("pk"))
        counts[table.name] = [found["count"], found["last"] or 0]
    told = json.dumps(counts)
    chain.append(times.UPGRADES, _OPERATOR, KIND, "this version", told, at_any_time=True)


def read_counts() -> dict[str, Before]:
    """Return by table what was counted; nothing if acts have told of all rows from the start."""
    act = Act.objects.filter(chain__desk=times.UPGRADES, kind=KIND).order_by("number").first()
    if act is None:
        return {}
    counts = json.loads(act.words)
    return {name: Before(int(count), int(last)) for name, (count, last) in counts.items()}
