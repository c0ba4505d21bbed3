"""A sale and its receipt: on the screen, for the printer, as PDF; and copies of it.

The receipt itself is shown right after the sale, to who sold; later it is printed as a numbered
copy, which is an act (office/vending/receipts_text.py).
"""

from typing import Any

from django.core import signing
from django.db import connection
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from dianka.card_port import CardError
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.vending import receipts_text
from dianka.desk.office.vending.models import Sale
from dianka.desk.office.vending.receipts_text import Receipt
from dianka.desk.web.catalog import CHINESE
from dianka.desk.web.page import Page
from dianka.desk.web.receipt_pdf import PAPERS, draw_pdf
from dianka.desk.web.request import DeskRequest, require_actor
from dianka.desk.web.station import get_station
from dianka.desk.web.told import Link, list_links

_FIRST, _COPY = "dianka.desk.web.receipt", "dianka.desk.web.receipt-copy"
_GOOD_FOR_S = 600
_MOST_SEEN = 200  # signs: a few serials
_IN_CAPITALS = "大写"
_FROM = " 起"  # after a time: the price from then on
STATES: dict[str, str | Promise] = {
    "pending": _("not finished: put its card in"),
    "written": _("on the card, not known to be in the meter"),
    "loaded": _("in the meter"),
    "void": _("void: it never reached the card"),
    "refunded": _("paid back"),
}
# The labels of a receipt, which is printed in Chinese.
LABELS: dict[str, str | Promise] = {
    "售电收据": _("Receipt"),
    "收据号": _("Receipt number"),
    "售电号": _("Sale number"),
    "时间": _("Time"),
    "操作员": _("Operator"),
    "户号": _("Customer number"),
    "户名": _("Customer"),
    "地址": _("Place"),
    "表号": _("Meter"),
    "购电次数": _("Purchase"),
    "金额": _("Amount"),
    "付款方式": _("Paid by"),
    "实收": _("Given"),
    "找零": _("Change"),
    "电价": _("Price"),
    "可购电量": _("Energy"),
    "链头": _("Chain"),
    "冲正收据": _("Reversal"),
    "退费收据": _("Refund"),
    "退费号": _("Refund number"),
    "原售电号": _("Sale"),
    "原收据号": _("Receipt of the sale"),
    "复核": _("Consented by"),
    "原因": _("Reason"),
}
# What stands in its texts.
TEXTS: dict[str, str | Promise] = {
    "现金": _("Cash"),
    "银行卡": _("Bank card"),
    "手机": _("Phone"),
    "转账": _("Transfer"),
}
UNITS: dict[str, str | Promise] = {
    " 元": _(" yuan"),
    " 元/kWh": _(" yuan/kWh"),
}


def sign_first(number: int, actor: Actor, lines: tuple[str, ...] = (), shortage: str = "") -> str:
    """Return the word with which who sold is shown the receipt itself, and what else was told."""
    told = {"number": number, "who": actor.operator, "lines": lines, "shortage": shortage}
    return signing.dumps(told, salt=_FIRST, compress=True)


def show_sale(request: DeskRequest, number: int) -> HttpResponseBase:
    """Show a sale of this desk: its receipt right after it was made, a copy if one was entered."""
    actor = require_actor(request)
    sale = receipts_text.find_sale(actor, number)
    told = _read_first(request, actor, number)
    copy = _read_copy(request, number)
    receipt = _find_receipt(sale, told, copy)
    paper = request.GET.get("paper", "80")
    return render(
        request,
        "counter/sale.html",
        {
            "sale": sale,
            "receipt": translate_receipt(receipt) if receipt else None,
            "first": request.GET.get("first", "") if told else "",
            "copy": request.GET.get("copy", "") if copy else "",
            "told": told or {},
            "paper": paper if paper in PAPERS else "80",
            "change_fen": (sale.tendered_fen or sale.amount_fen) - sale.amount_fen,
            "state": STATES[sale.state],
            "links": _list_links(actor, sale),
            "seen": ",".join(sorted(_see_cards(sale))) if told else "",
        },
    )


def _list_links(actor: Actor, sale: Sale) -> list[Link]:
    """Return what may be done with a sale whose purchase is still on its card."""
    if sale.state != Sale.State.WRITTEN:
        return []
    return list_links(actor, ["refund"], desk=sale.desk.name, number=sale.number)


def await_next(request: DeskRequest) -> HttpResponseBase:
    """Lead from the receipt to the counter as soon as another card is in than when it was shown."""
    known = frozenset(request.GET.get("seen", "")[:_MOST_SEEN].split(","))
    if not connection.in_atomic_block:
        connection.close()  # others need it meanwhile
    try:
        is_there = get_station().await_other(known)
    except CardError:
        is_there = False
    response = HttpResponse(status=200 if is_there else 204)
    if is_there:
        response["HX-Redirect"] = reverse("counter")
    return response


def _see_cards(sale: Sale) -> set[str]:
    """Return the serials of the cards that are no next customer's: what is in, and what was."""
    try:
        return {sale.card_serial, *get_station().see().serials}
    except CardError:
        return {sale.card_serial}


def print_copy(request: DeskRequest, number: int) -> HttpResponseBase:
    """Enter one more print of the receipt, and show it."""
    actor = require_actor(request)
    sale = receipts_text.find_sale(actor, number)
    if sale.receipt is None:
        raise CardError(f"sale {number} has no receipt: it is {sale.state}")
    _sale, copy = receipts_text.enter_copy(actor, sale.receipt)
    word = signing.dumps((number, copy), salt=_COPY)
    return redirect(f"{reverse('sale', kwargs={'number': number})}?copy={word}")


def give_pdf(request: DeskRequest, number: int) -> HttpResponseBase:
    """Return the receipt that the page shows as PDF."""
    actor = require_actor(request)
    sale = receipts_text.find_sale(actor, number)
    receipt = _find_receipt(sale, _read_first(request, actor, number), _read_copy(request, number))
    if receipt is None:
        return redirect("sale", number=number)
    paper = request.GET.get("paper", "80")
    content = draw_pdf(receipt, paper if paper in PAPERS else "80")
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="receipt-{number}.pdf"'
    return response


def _find_receipt(sale: Sale, told: dict[str, Any] | None, copy: int) -> Receipt | None:
    """Return what may be printed now: the receipt itself, a copy that was entered, or nothing."""
    if sale.act is None or not (told or copy):
        return None
    return receipts_text.describe_receipt(sale, copy)


def _read_first(request: DeskRequest, actor: Actor, number: int) -> dict[str, Any] | None:
    word = request.GET.get("first", "")
    try:
        told = signing.loads(word, salt=_FIRST, max_age=_GOOD_FOR_S)
    except signing.BadSignature:
        return None
    return told if (told["number"], told["who"]) == (number, actor.operator) else None


def _read_copy(request: DeskRequest, number: int) -> int:
    """Return the number of the copy that the page shows, 0 if it shows none."""
    try:
        of, copy = signing.loads(request.GET.get("copy", ""), salt=_COPY, max_age=_GOOD_FOR_S)
    except signing.BadSignature:
        return 0
    return copy if of == number else 0


def translate_receipt(receipt: Receipt) -> Receipt:
    """Return the receipt in the language of the page."""
    if get_language() == CHINESE:
        return receipt
    groups = tuple(
        tuple(
            (_translate_label(label), _translate_text(text))
            for label, text in group
            if label != _IN_CAPITALS
        )
        for group in receipt.groups
    )
    return Receipt(str(LABELS[receipt.title]), receipt.copy, groups)


def _translate_label(label: str) -> str:
    if label.endswith(_FROM):
        return str(_("from %(time)s")) % {"time": label.removesuffix(_FROM)}
    return str(LABELS.get(label, label))


def _translate_text(text: str) -> str:
    for unit, told in UNITS.items():
        if text.endswith(unit):
            return text.removesuffix(unit) + str(told)
    return str(TEXTS.get(text, text))


_EXAMPLE = {"number": 1}
PAGES = (
    Page("counter/next", "next-card", await_next, "sell", _("Next customer"), polled=True),
    Page("counter/sale/<int:number>", "sale", show_sale, "sell", _("Sale"), example=_EXAMPLE),
    Page(
        "counter/sale/<int:number>/copy",
        "receipt-copy",
        print_copy,
        "sell",
        _("Print a copy"),
        methods=("POST",),
        example=_EXAMPLE,
    ),
    Page(
        "counter/sale/<int:number>/receipt.pdf",
        "receipt-pdf",
        give_pdf,
        "sell",
        _("Receipt"),
        example=_EXAMPLE,
    ),
)
