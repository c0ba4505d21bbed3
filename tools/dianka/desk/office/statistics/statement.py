"""A customer's statement: each purchase, receipt and repayment, and where his money is."""

from typing import Any

from dianka.card_port import CardError
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.estate.models import Reading
from dianka.desk.office.ledger.models import Account
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.statistics.table import Column, Kind, Table
from dianka.desk.office.statistics.times import local_day
from dianka.desk.office.vending.models import Sale

_STATES = {
    "pending": "未完成 unfinished",
    "written": "售电 sale",
    "loaded": "售电 sale",
    "void": "作废 void",
    "refunded": "退费 refunded",
}


@needs("look things up")
def statement(actor: Actor, customer_no: int) -> Table:
    """Return all that was bought and used under a customer's number, in the order of time.

    CardError if there is no such customer.
    """
    contracts = list(
        Contract.objects.filter(customer__number=customer_no)
        .select_related("customer", "meter", "premise__area")
        .order_by("opened_at")
    )
    if not contracts:
        raise CardError(f"customer {customer_no:012d} has no account here: search by name or meter")
    lines = sorted([*_list_sales(contracts), *_list_readings(contracts)], key=lambda line: line[:2])
    return Table(
        f"用户对账单 {contracts[0].customer.name} {customer_no:012d}",
        "Statement of a customer",
        (
            Column("日期", "day", Kind.TEXT),
            Column("事项", "what", Kind.TEXT),
            Column("电表", "meter", Kind.TEXT),
            Column("收据", "receipt", Kind.TEXT),
            Column("方式", "method", Kind.TEXT),
            Column("购电", "bought", Kind.FEN),
            Column("用电", "used", Kind.FEN),
            Column("余额", "balance", Kind.FEN, summed=False),
        ),
        [(str(local_day(at)), *line) for at, _, *line in lines],
        notes=_note_places(contracts),
    )


def _list_sales(contracts: list[Contract]) -> list[tuple[Any, ...]]:
    rows = Sale.objects.filter(contract__in=contracts).select_related("desk", "contract__meter")
    return [
        (
            sale.written_at or sale.begun_at,
            sale.pk,
            _STATES[sale.state],
            str(sale.contract.meter),
            f"{sale.desk.name} {sale.receipt}" if sale.receipt else "",
            sale.method,
            sale.amount_fen if sale.state in ("written", "loaded") else None,
            None,
            None,
        )
        for sale in rows
    ]


def _list_readings(contracts: list[Contract]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for contract in contracts:
        rows = Reading.objects.filter(meter=contract.meter, seen_at__gte=contract.opened_at)
        if contract.closed_at:
            rows = rows.filter(seen_at__lte=contract.closed_at)
        found += [
            (
                row.seen_at,
                -1,  # a receipt comes before the purchase of the same visit
                f"回执 {row.source}",
                str(contract.meter),
                "",
                "",
                None,
                row.used_fen,
                row.balance_fen,
            )
            for row in rows
        ]
    return found


def _note_places(contracts: list[Contract]) -> tuple[str, ...]:
    """Say what the ledger has on the meters of the contracts that are in use."""
    owners = [str(contract.meter) for contract in contracts if contract.state != "closed"]
    wanted = Account.objects.filter(kind__in=("transit", "meter"), owner__in=owners)
    sums: dict[str, int] = {"transit": 0, "meter": 0}
    for kind, fen in wanted.values_list("kind", "balance_fen"):
        sums[kind] -= fen
    return tuple(
        f"{text}: {fen // 100}.{fen % 100:02d} yuan"
        for text, fen in (
            ("电表内 in the meter", sums["meter"]),
            ("在途 in transit", sums["transit"]),
        )
    )
