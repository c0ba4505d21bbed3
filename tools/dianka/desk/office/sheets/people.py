"""Customers and contracts as sheets. No money comes along: balances are sold or read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dianka.card_port import CardError
from dianka.desk.office.audit import chain
from dianka.desk.office.customers.contracts import Terms, find_price, terms_of
from dianka.desk.office.customers.models import Contract, Customer
from dianka.desk.office.customers.own_readings import find_last_keys
from dianka.desk.office.customers.records import Details, details_of, mask_details
from dianka.desk.office.customers.search import refresh
from dianka.desk.office.estate.models import Meter
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.sheets.columns import (
    BadCell,
    Cells,
    Column,
)
from dianka.desk.office.texts import HIDDEN, clean_personal, clean_text, require_text
from dianka.money import yuan

_BATCH = 500
_AMOUNTS = ("alarm1", "alarm2", "hoard")


@dataclass(frozen=True)
class CustomerRow:
    """A customer; phone and id_number may be masked."""

    number: int
    details: Details


@dataclass(frozen=True)
class ContractRow:
    """A contract that has not ended."""

    customer: int
    meter: int
    terms: Terms


class Customers:
    """客户编号, 姓名, 电话, 证件号码, 备注. Masked numbers of a known customer change nothing."""

    name = "customers"
    columns = (
        Column("number", "客户编号"),
        Column("name", "姓名"),
        Column("phone", "电话", optional=True),
        Column("id_number", "证件号码", optional=True),
        Column("note", "备注", optional=True),
    )

    def __init__(self, whole_numbers: bool = False) -> None:
        self._whole_numbers = whole_numbers  # in what is listed

    def parse(self, cells: Cells) -> CustomerRow:
        details = Details(
            cells.read_text("name", require_text, 60),
            _parse_personal(cells, "phone"),
            _parse_personal(cells, "id_number"),
            cells.read_text("note", clean_text, 500),
        )
        return CustomerRow(cells.read_number("number"), details)

    def find_keys(self, item: CustomerRow) -> dict[str, Any]:
        return {"number": item.number}

    def find_present(self, items: list[CustomerRow]) -> dict[Any, CustomerRow]:
        found = Customer.objects.filter(number__in=[item.number for item in items])
        return {each.number: CustomerRow(each.number, details_of(each)) for each in found}

    def is_same(self, item: CustomerRow, present: CustomerRow) -> bool:
        masked = mask_details(present.details)
        return all(
            value == getattr(masked if HIDDEN in value else present.details, name)
            for name, value in vars(item.details).items()
        )

    def check_new(self, items: list[CustomerRow]) -> Iterator[tuple[CustomerRow, BadCell]]:
        for item in items:
            for name in ("phone", "id_number"):
                if HIDDEN in getattr(item.details, name):
                    yield item, BadCell(name, "a masked number: give the whole one")

    def write(self, actor: Actor, items: list[CustomerRow]) -> Iterator[list[Customer]]:
        for at in range(0, len(items), _BATCH):
            made = Customer.objects.bulk_create(
                Customer(number=item.number, **vars(item.details))
                for item in items[at : at + _BATCH]
            )
            refresh(customer.pk for customer in made)
            yield made

    def list_items(self) -> Iterable[CustomerRow]:
        for customer in Customer.objects.order_by("number").iterator(_BATCH):
            details = details_of(customer)
            yield CustomerRow(
                customer.number, details if self._whole_numbers else mask_details(details)
            )

    def show(self, item: CustomerRow) -> list[str]:
        details = item.details
        return [
            f"{item.number:012d}",
            details.name,
            details.phone,
            details.id_number,
            details.note,
        ]


class Contracts:
    """客户编号, 表号, 电价, 报警一, 报警二, 囤积限额; amounts in yuan."""

    name = "contracts"
    columns = (
        Column("customer", "客户编号"),
        Column("meter", "表号"),
        Column("tariff", "电价"),
        Column("alarm1", "报警一"),
        Column("alarm2", "报警二"),
        Column("hoard", "囤积限额", optional=True),
    )

    def parse(self, cells: Cells) -> ContractRow:
        for column in ("alarm1", "alarm2"):
            if not cells[column]:
                why = "empty: the meter will hold to it, so nothing is assumed"
                cells.add_fault(column, why)
        amounts = [cells.read_amount(column) for column in _AMOUNTS]
        terms = Terms(cells.read_text("tariff", require_text, 40), *amounts)
        if cells.is_good(*_AMOUNTS):
            cells.attempt("alarm1", terms.check, None)
        return ContractRow(cells.read_number("customer"), cells.read_number("meter"), terms)

    def find_keys(self, item: ContractRow) -> dict[str, Any]:
        return {"meter": item.meter}

    def find_present(self, items: list[ContractRow]) -> dict[Any, ContractRow]:
        found = _list_contracts().filter(meter__number__in=[item.meter for item in items])
        return {contract.meter.number: _show_contract(contract) for contract in found}

    def is_same(self, item: ContractRow, present: ContractRow) -> bool:
        return item == present

    def check_new(self, items: list[ContractRow]) -> Iterator[tuple[ContractRow, BadCell]]:
        people = Customer.objects.filter(
            number__in={item.customer for item in items}, archived=False
        )
        numbers = set(people.values_list("number", flat=True))
        installed = Meter.objects.filter(
            number__in={item.meter for item in items}, state=Meter.State.INSTALLED
        )
        meters = set(installed.values_list("number", flat=True))
        tariffs = {name: _find_fault(name) for name in {item.terms.tariff for item in items}}
        tariffs[""] = ""
        for item in items:
            if item.customer and item.customer not in numbers:
                yield item, BadCell("customer", f"there is no customer {item.customer:012d}")
            if item.meter and item.meter not in meters:
                yield item, BadCell("meter", f"no meter {item.meter:012d} is installed")
            if tariffs[item.terms.tariff]:
                yield item, BadCell("tariff", tariffs[item.terms.tariff])

    def write(self, actor: Actor, items: list[ContractRow]) -> Iterator[list[Contract]]:
        now = chain.read_time()
        prices = {name: find_price(name) for name in {item.terms.tariff for item in items}}
        for at in range(0, len(items), _BATCH):
            batch = items[at : at + _BATCH]
            people = Customer.objects.in_bulk(
                {item.customer for item in batch}, field_name="number"
            )
            meters = Meter.objects.select_related("premise").in_bulk(
                {item.meter for item in batch}, field_name="number"
            )
            lasts = find_last_keys(meters.values())
            made = Contract.objects.bulk_create(
                Contract(
                    customer=people[item.customer],
                    meter=meters[item.meter],
                    premise=meters[item.meter].premise,
                    tariff=prices[item.terms.tariff].tariff,
                    price=prices[item.terms.tariff],
                    alarm1_fen=item.terms.alarm1_fen,
                    alarm2_fen=item.terms.alarm2_fen,
                    hoard_limit_fen=item.terms.hoard_limit_fen,
                    opened_at=now,
                    readings_before=lasts.get(meters[item.meter].pk, 0),
                )
                for item in batch
            )
            refresh(customer.pk for customer in people.values())
            yield made

    def list_items(self) -> Iterable[ContractRow]:
        found = _list_contracts().order_by("meter__number")
        yield from map(_show_contract, found.iterator(_BATCH))

    def show(self, item: ContractRow) -> list[str]:
        amounts = (item.terms.alarm1_fen, item.terms.alarm2_fen, item.terms.hoard_limit_fen)
        numbers = [f"{item.customer:012d}", f"{item.meter:012d}"]
        return [*numbers, item.terms.tariff, *map(yuan, amounts)]


def _parse_personal(cells: Cells, column: str) -> str:
    """Return a personal number; a masked one is judged later: it may be a known customer's."""
    return cells.read_text(column, clean_text if HIDDEN in cells[column] else clean_personal, 30)


def _list_contracts() -> Any:
    found = Contract.objects.exclude(state=Contract.State.CLOSED)
    return found.select_related("customer", "meter", "tariff")


def _show_contract(contract: Contract) -> ContractRow:
    return ContractRow(contract.customer.number, contract.meter.number, terms_of(contract))


def _find_fault(tariff: str) -> str:
    try:
        find_price(tariff)
    except CardError as error:
        return str(error)
    return ""
