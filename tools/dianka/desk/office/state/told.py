"""Tell of rows in acts: the lines that replay.py reads again."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.db.models import Model

from dianka.desk.office.audit.digests import digest, read_key
from dianka.desk.office.state.tables import TABLES, Table, list_paths, shape

_OF_MODEL = {table.model: table for table in TABLES.values()}
_AT_ONCE = 500  # rows of one query: SQLite has a limit


def tell(*rows: Model) -> list[str]:
    """Return the lines that tell how these rows are now, for the act that has made them so.

    They are read once more: what is told is what the database has, whoever has changed a row since
    the caller read it.
    """
    keys: dict[Table, list[Any]] = defaultdict(list)
    for row in rows:
        keys[_OF_MODEL[type(row)]].append(row.pk)
    return [line for table in keys for line in _list_lines(table, keys[table])]


def tell_reading(meter_no: int, **fields: Any) -> list[str]:
    """Return the line of a meter's reading, whose key ends with the time of its act."""
    table = TABLES["reading"]
    return [write_line(table, str(meter_no), [fields[name] for name in table.fields])]


def tell_role(username: str, *roles: str) -> list[str]:
    """Return the lines of an operator's new roles."""
    return [write_line(TABLES["role"], f"{username}/{role}", []) for role in roles]


def tell_gone(name: str, key: str) -> list[str]:
    """Return the line of a row that is deleted."""
    return [write_line(TABLES[name], key, None)]


def hide(table: Table, values: list[Any], key: bytes) -> list[Any]:
    """Return the values of a row with digests in the place of those that acts must not show."""
    if not table.secret:
        return values
    return [
        digest(key, f"{table.name} {name}", value) if name in table.secret else value
        for name, value in zip(table.fields, values, strict=True)
    ]


def write_line(table: Table, key: str, values: list[Any] | None) -> str:
    """Return the line of a row; without values it is gone."""
    told = [table.name, key, *([values] if values is not None else [])]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _list_lines(table: Table, rows: list[Any]) -> Iterator[str]:
    key = read_key() if table.secret else b""
    for at in range(0, len(rows), _AT_ONCE):
        found = table.model._default_manager.filter(pk__in=rows[at : at + _AT_ONCE])
        for columns in found.order_by("pk").values_list(*list_paths(table)):
            named, values = shape(table, list(columns))
            yield write_line(table, named, hide(table, values, key))
