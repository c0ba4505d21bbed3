"""Receipts of sales and refunds as they are printed, and copies of them."""

from dataclasses import dataclass

from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office.audit import chain
from dianka.desk.office.audit.models import Act
from dianka.desk.office.customers.models import TariffVersion
from dianka.desk.office.customers.tariffs import find_in_force, list_versions
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.vending import paper
from dianka.desk.office.vending.capitals import write_capitals
from dianka.desk.office.vending.models import ReceiptCopy, Refund, Sale
from dianka.desk.office.vending.shift_report import METHOD_NAMES
from dianka.desk.prices import UTC_OFFSET, card_minute, format_time
from dianka.money import yuan

RELATED = ("desk", "contract__customer", "contract__meter", "contract__premise__area", "act")


Pair = tuple[str, str]


class ReceiptError(CardError):
    """There is no such receipt."""


@dataclass(frozen=True)
class Receipt:
    """What a receipt says: its title, and groups of a label and a text. `copy` is 0 or its number.

    It is printed in Chinese; pages translate the labels.
    """

    title: str
    copy: int
    groups: tuple[tuple[tuple[str, str], ...], ...]


def describe_receipt(sale: Sale, copy: int = 0) -> Receipt:
    """Return the receipt of a posted sale; `copy` is the number of a copy, 0 the receipt itself."""
    assert sale.act is not None and sale.written_at is not None
    head = (
        ("收据号", f"{sale.desk.name} {sale.receipt}"),
        ("售电号", str(sale.number)),
        ("时间", paper.format_local(sale.written_at)),
        ("操作员", sale.operator),
        *_list_customer(sale),
        ("购电次数", str(sale.count)),
    )
    money = (
        *_list_amount(sale.amount_fen, sale.method),
        *_list_change(sale),
        *_list_energy(sale),
    )
    return Receipt("售电收据", copy, (head, money, (_name_head(sale.act),)))


def describe_refund(refund: Refund) -> Receipt:
    """Return the receipt of a refund that is paid."""
    assert refund.act is not None and refund.paid_desk is not None
    sale = refund.sale
    head = (
        ("收据号", f"{refund.paid_desk.name} {refund.receipt}"),
        ("退费号", f"{refund.desk.name} {refund.number}"),
        ("原售电号", f"{sale.desk.name} {sale.number}"),
        ("原收据号", f"{sale.desk.name} {sale.receipt}"),
        ("时间", paper.format_local(refund.act.time)),
        ("操作员", refund.operator),
        ("复核", refund.consent_by),
        *_list_customer(sale),
    )
    money = (*_list_amount(sale.amount_fen, refund.method), ("原因", refund.reason))
    title = "冲正收据" if refund.reversal else "退费收据"
    return Receipt(title, 0, (head, money, (_name_head(refund.act),)))


def format_receipt(sale: Sale, copy: int = 0) -> str:
    """Return the receipt of a posted sale as it is printed; `copy` is the number of a copy."""
    return _print(describe_receipt(sale, copy))


def format_refund(refund: Refund) -> str:
    """Return the receipt of a refund that is paid, as it is printed."""
    return _print(describe_refund(refund))


def _print(receipt: Receipt) -> str:
    copy = f" 副本 {receipt.copy}" if receipt.copy else ""
    blocks: list[str | list[str]] = [paper.center(receipt.title + copy)]
    for group in receipt.groups:
        blocks += ["", *(paper.spread(label, text) for label, text in group)]
    return paper.join(blocks)


@needs("sell")
def copy_receipt(actor: Actor, number: int, desk: str = "") -> str:
    """Return one more print of a receipt of a desk, marked and numbered as a copy; it is an act."""
    return format_receipt(*enter_copy(actor, number, desk))


@needs("sell")
def enter_copy(actor: Actor, number: int, desk: str = "") -> tuple[Sale, int]:
    """Enter one more print of a receipt of a desk; return its sale and the number of the copy."""
    with transaction.atomic():
        rows = Sale.objects.select_for_update(of=("self",)).select_related(*RELATED)
        sale = rows.filter(desk__name=desk or actor.desk, receipt=number).first()
        if sale is None:
            raise ReceiptError(f"{desk or actor.desk} has no receipt {number}: look the sale up")
        copy = ReceiptCopy.objects.filter(sale=sale).count() + 1
        subject = f"receipt {sale.desk.name} {number}"
        act = chain.append(actor.desk, actor.operator, "receipt copy", subject, f"copy {copy}")
        ReceiptCopy.objects.create(sale=sale, number=copy, act=act)
        return sale, copy


@needs("sell")
def find_sale(actor: Actor, number: int) -> Sale:
    """Return a sale of the actor's desk by its number, with what its receipt tells."""
    related = Sale.objects.select_related(*RELATED, "price__tariff")
    sale = related.filter(desk__name=actor.desk, number=number).first()
    if sale is None:
        raise ReceiptError(f"{actor.desk} has no sale {number}: look the customer up")
    return sale


def mask_name(name: str) -> str:
    """Return a name with its first character alone."""
    return name[:1] + "*" * min(len(name) - 1, 2)


def _list_customer(sale: Sale) -> list[Pair]:
    contract = sale.contract
    return [
        ("户号", f"{contract.customer.number:012d}"),
        ("户名", mask_name(contract.customer.name)),
        ("地址", str(contract.premise or "")),
        ("表号", str(contract.meter)),
    ]


def _list_amount(amount_fen: int, method: str) -> list[Pair]:
    return [
        ("金额", f"{yuan(amount_fen)} 元"),
        ("大写", write_capitals(amount_fen)),
        ("付款方式", METHOD_NAMES.get(method, method)),
    ]


def _list_change(sale: Sale) -> list[Pair]:
    if sale.tendered_fen is None:
        return []
    return [
        ("实收", f"{yuan(sale.tendered_fen)} 元"),
        ("找零", f"{yuan(sale.tendered_fen - sale.amount_fen)} 元"),
    ]


def _list_energy(sale: Sale) -> list[Pair]:
    """Return the price in force when it was sold, the energy that it buys, and a new price."""
    assert sale.written_at is not None
    now = card_minute(sale.written_at + UTC_OFFSET)
    price = find_in_force(list_versions(sale.price.tariff), now) or sale.price
    lines = [
        ("电价", _format_price(price)),
        ("可购电量", f"{format_energy(sale.amount_fen, price.price_e4)} kWh"),
    ]
    if sale.price.begins > now:
        lines.append((f"{format_time(sale.price.begins)} 起", _format_price(sale.price)))
    return lines


def _format_price(version: TariffVersion) -> str:
    return f"{version.price_e4 // 10_000}.{version.price_e4 % 10_000:04d} 元/kWh"


def format_energy(amount_fen: int, price_e4: int) -> str:
    """Return how much energy an amount buys, in kWh with two decimals, rounded down."""
    kwh_e2 = amount_fen * 10_000 // price_e4
    return f"{kwh_e2 // 100}.{kwh_e2 % 100:02d}"


def _name_head(act: Act) -> Pair:
    return "链头", f"{act.number} {bytes(act.hash).hex()[:32]}"
