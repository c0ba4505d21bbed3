"""The tables whose rows acts tell of: their keys, and the fields in the order of a told row.

The order is fixed for ever, a new field comes last: rows of years are told so. What the proofs
compare already is not here (sales, refunds, shifts, the numbers of desks), nor what is made anew
from other rows (search, statistics), nor the items of a batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db.models import Model

from dianka.desk.office.cards.models import Card
from dianka.desk.office.customers.models import Contract, Customer, Tariff, TariffVersion
from dianka.desk.office.estate.models import Area, Meter, Premise, Reading
from dianka.desk.office.people.models import Consent, Operator, SignIn
from dianka.desk.office.statistics.models import (
    FeederReading,
    Inspection,
    MeterLog,
    Outage,
    RuleLimit,
)
from dianka.desk.office.vending.models import Desk, Limit

Path = str  # to a column, as a query of Django's names it
_PLACE = "area__name building unit room"


@dataclass(frozen=True, eq=False)
class Table:
    """One table. `key` and each field are one column or more, which are joined by /.

    `secret` fields are told by their digests. Rows of a table that `is_emptied` may be deleted. Of
    one that is `made_unasked`, acts tell only what is changed. The key of a `timed` one ends with
    the time of its act.
    """

    name: str
    model: type[Model]
    key: tuple[Path, ...]
    fields: Mapping[str, tuple[Path, ...]]
    secret: frozenset[str] = field(default=frozenset())
    is_emptied: bool = False
    made_unasked: bool = False
    timed: bool = False


def _table(name: str, model: type[Model], key: str, fields: str = "", **more: Any) -> Table:
    """Return a table; in `fields`, name=path or name alone, and `@path` is a place there."""
    told = {}
    for word in fields.split():
        called, _, path = word.partition("=")
        path = path or called
        prefix = path[1:]
        places = tuple(f"{prefix}__{each}" for each in _PLACE.split())
        told[called] = places if path.startswith("@") else (path,)
    return Table(name, model, tuple(key.split()), told, **more)


TABLES = {
    table.name: table
    for table in (
        _table(
            "operator",
            Operator,
            "username",
            "active=is_active must_change password",
            secret=frozenset({"password"}),
        ),
        _table("role", Operator.groups.through, "operator__username group__name", is_emptied=True),
        _table(
            "sign-in", SignIn, "token_hash", "operator=operator__username desk begun_at ends_at"
        ),
        _table("consent", Consent, "pk", "kind subject amount_fen asked_by given_by given_at"),
        _table("limit", Limit, "name owner", "amount_fen", is_emptied=True),
        _table("threshold", RuleLimit, "name", "value"),
        _table("desk", Desk, "name", "closed", made_unasked=True),
        _table("area", Area, "name", "archived"),
        _table("premise", Premise, _PLACE, "vacant archived"),
        _table("meter", Meter, "number", "model state place=@premise"),
        _table(
            "reading",
            Reading,
            "meter__number seen_at",
            "source meter_minute count balance_fen illegal_cards loaded_fen used_fen "
            "unexplained_fen energy_wh price_e4 proved",
            timed=True,
        ),
        _table(
            "customer",
            Customer,
            "number",
            "name phone id_number note archived",
            secret=frozenset({"phone", "id_number", "note"}),
        ),
        _table("tariff", Tariff, "name", "archived"),
        _table("price", TariffVersion, "tariff__name number", "price_e4 begins approved_by"),
        _table(
            "contract",
            Contract,
            "pk",
            "customer=customer__number meter=meter__number place=@premise tariff=tariff__name "
            "price=price__number alarm1_fen alarm2_fen hoard_limit_fen state former_count "
            "former_fen brought_fen opened_at closed_at price_of=price__tariff__name "
            "readings_before",
        ),
        _table(
            "card",
            Card,
            "serial",
            "kind state state_at contract=contract_id meter_no again holder "
            "replaces=replaces__serial count money_fen desk made_by made_at",
        ),
        _table(
            "inspection",
            Inspection,
            "pk",
            "contract=contract_id visited_at operator found rules score note",
        ),
        _table("feeder reading", FeederReading, "area__name read_at", "energy_wh operator"),
        _table("outage", Outage, "pk", "area=area__name begins_at ends_at operator"),
        _table(
            "meter log",
            MeterLog,
            "pk",
            "meter=meter__number seen_at hours off_hours covers relay_faults",
        ),
    )
}


def list_paths(table: Table) -> list[Path]:
    """Return all columns of a table, those of its key first."""
    return [*table.key, *(path for paths in table.fields.values() for path in paths)]


def shape(table: Table, columns: list[Any]) -> tuple[str, list[Any]]:
    """Return a row's key and the values of its fields, of the columns of `list_paths`."""
    plain = [_plain(column) for column in columns]
    at = len(table.key)
    values = []
    for paths in table.fields.values():
        some = plain[at : at + len(paths)]
        at += len(paths)
        values.append(some[0] if len(some) == 1 else _join(some))
    return _join(plain[: len(table.key)]) or "", values


def tell_time(time: datetime) -> str:
    """Return a time as keys and values tell it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(value: Any) -> Any:
    """Return a column as JSON has it."""
    if isinstance(value, datetime):
        return tell_time(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value


def _join(words: list[Any]) -> str | None:
    return None if words[0] is None else "/".join(str(word) for word in words)
