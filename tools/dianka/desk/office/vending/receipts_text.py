"""Receipts of sales and refunds as they are printed, and copies of them."""

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

_RELATED = ("desk", "contract__customer", "contract__meter", "contract__premise__area", "act")


class ReceiptError(CardError):
    """There is no such receipt."""


def format_receipt(sale: Sale, copy: int = 0) -> str:
    """Return the receipt of a posted sale; `copy` is the number of a copy, 0 the receipt itself."""
    assert sale.act is not None and sale.written_at is not None
    blocks: list[str | list[str]] = [
        paper.center(f"售电收据 副本 {copy}" if copy else "售电收据"),
        "",
        paper.spread("收据号", f"{sale.desk.name} {sale.receipt}"),
        paper.spread("售电号", str(sale.number)),
        paper.spread("时间", paper.format_local(sale.written_at)),
        paper.spread("操作员", sale.operator),
        *_list_customer(sale),
        paper.spread("购电次数", str(sale.count)),
        "",
        *_list_amount(sale.amount_fen, sale.method),
        *_list_change(sale),
        *_list_energy(sale),
        "",
        _format_head(sale.act),
    ]
    return paper.join(blocks)


def format_refund(refund: Refund) -> str:
    """Return the receipt of a refund that is paid."""
    assert refund.act is not None and refund.paid_desk is not None
    sale = refund.sale
    blocks: list[str | list[str]] = [
        paper.center("冲正收据" if refund.reversal else "退款收据"),
        "",
        paper.spread("收据号", f"{refund.paid_desk.name} {refund.receipt}"),
        paper.spread("退款号", f"{refund.desk.name} {refund.number}"),
        paper.spread("原售电号", f"{sale.desk.name} {sale.number}"),
        paper.spread("原收据号", f"{sale.desk.name} {sale.receipt}"),
        paper.spread("时间", paper.format_local(refund.act.time)),
        paper.spread("操作员", refund.operator),
        paper.spread("复核", refund.consent_by),
        *_list_customer(sale),
        "",
        *_list_amount(sale.amount_fen, refund.method),
        paper.spread("原因", refund.reason),
        "",
        _format_head(refund.act),
    ]
    return paper.join(blocks)


@needs("sell")
def copy_receipt(actor: Actor, number: int, desk: str = "") -> str:
    """Return one more print of a receipt of a desk, marked and numbered as a copy; it is an act."""
    with transaction.atomic():
        rows = Sale.objects.select_for_update(of=("self",)).select_related(*_RELATED)
        sale = rows.filter(desk__name=desk or actor.desk, receipt=number).first()
        if sale is None:
            raise ReceiptError(f"{desk or actor.desk} has no receipt {number}: look the sale up")
        copy = ReceiptCopy.objects.filter(sale=sale).count() + 1
        subject = f"receipt {sale.desk.name} {number}"
        act = chain.append(actor.desk, actor.operator, "receipt copy", subject, f"copy {copy}")
        ReceiptCopy.objects.create(sale=sale, number=copy, act=act)
        return format_receipt(sale, copy)


def mask_name(name: str) -> str:
    """Return a name with its first character alone."""
    return name[:1] + "*" * min(len(name) - 1, 2)


def _list_customer(sale: Sale) -> list[str | list[str]]:
    contract = sale.contract
    return [
        paper.spread("户号", f"{contract.customer.number:012d}"),
        paper.spread("户名", mask_name(contract.customer.name)),
        paper.spread("地址", str(contract.premise or "")),
        paper.spread("表号", str(contract.meter)),
    ]


def _list_amount(amount_fen: int, method: str) -> list[str | list[str]]:
    return [
        paper.spread("金额", f"{yuan(amount_fen)} 元"),
        paper.spread("大写", write_capitals(amount_fen)),
        paper.spread("付款方式", METHOD_NAMES.get(method, method)),
    ]


def _list_change(sale: Sale) -> list[str | list[str]]:
    if sale.tendered_fen is None:
        return []
    return [
        paper.spread("实收", f"{yuan(sale.tendered_fen)} 元"),
        paper.spread("找零", f"{yuan(sale.tendered_fen - sale.amount_fen)} 元"),
    ]


def _list_energy(sale: Sale) -> list[str | list[str]]:
    """Return the price in force when it was sold, the energy that it buys, and a new price."""
    assert sale.written_at is not None
    now = card_minute(sale.written_at + UTC_OFFSET)
    price = find_in_force(list_versions(sale.price.tariff), now) or sale.price
    lines = [
        paper.spread("电价", _format_price(price)),
        paper.spread("可购电量", f"{_format_energy(sale.amount_fen, price.price_e4)} kWh"),
    ]
    if sale.price.begins > now:
        lines.append(
            paper.spread(f"{format_time(sale.price.begins)} 起", _format_price(sale.price))
        )
    return [*lines]


def _format_price(version: TariffVersion) -> str:
    return f"{version.price_e4 // 10_000}.{version.price_e4 % 10_000:04d} 元/kWh"


def _format_energy(amount_fen: int, price_e4: int) -> str:
    """Return how much energy an amount buys, in kWh with two decimals, rounded down."""
    kwh_e2 = amount_fen * 10_000 // price_e4
    return f"{kwh_e2 // 100}.{kwh_e2 % 100:02d}"


def _format_head(act: Act) -> list[str]:
    return paper.spread("链头", f"{act.number} {bytes(act.hash).hex()[:32]}")
