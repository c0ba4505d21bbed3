"""Tell of rows that were made in bulk, in acts as an import's: so the whole can be proved."""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Model

from dianka.desk.office.audit import chain
from dianka.desk.office.state.tables import TABLES, Table
from dianka.desk.office.state.told import tell

_CHAIN = "estate"  # of acts that no desk has done
_ROWS = 500  # of an act


def tell_of_all(operator: str = "figures") -> None:
    """Append acts that tell of all rows but readings, which have their own."""
    for table in TABLES.values():
        if table.timed or table.is_emptied:
            continue
        for rows in _list_some(table):
            with transaction.atomic():
                chain.append(_CHAIN, operator, "made in bulk", table.name, rows=tell(*rows))


def _list_some(table: Table) -> Iterator[list[Model]]:
    last = 0
    while some := list(
        table.model._default_manager.filter(pk__gt=last).only("pk").order_by("pk")[:_ROWS]
    ):
        last = some[-1].pk
        yield some
