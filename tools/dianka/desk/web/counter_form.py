"""The counter's form: what is typed into it, checked field by field, and what it will buy."""

import uuid
from dataclasses import dataclass, field

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dianka.desk.office.vending.counting import METHODS, NOTES
from dianka.desk.office.vending.receipts_text import format_energy
from dianka.desk.web.fields import FieldError, plain_number, read_fen
from dianka.desk.web.jobs import Shown, Wish
from dianka.money import yuan

METHOD_NAMES: dict[str, str | Promise] = {
    "notes": gettext_lazy("Cash"),
    "card": gettext_lazy("Bank card"),
    "mobile": gettext_lazy("Phone"),
    "transfer": gettext_lazy("Transfer"),
}
FIELDS: dict[str, str | Promise] = {
    "amount": gettext_lazy("Amount, yuan"),
    "tendered": gettext_lazy("Cash given, yuan"),
}
_LONGEST = 200  # of what is shown again at a field
_MINUTES_PER_DAY = 1440


@dataclass
class SaleForm:
    """The form as it is drawn: `wrong` has a line for each field that can't be taken."""

    serial: str
    key: uuid.UUID
    amount: str = ""
    tendered: str = ""
    method: str = NOTES
    wrong: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Quote:
    """What an amount buys: kWh, days by the use so far, and the change to give back in fen."""

    kwh: str = ""
    days: int | None = None
    change_fen: int | None = None
    short_fen: int | None = None  # what is missing yet


def new_form(shown: Shown) -> SaleForm:
    """Return an empty form for a card; an unfinished sale's form has its amount."""
    form = SaleForm(shown.serial, uuid.uuid4())
    if shown.unfinished:
        form.amount = yuan(shown.unfinished.amount_fen)
        form.method = shown.unfinished.method
    return form


def read_form(sent: QueryDict) -> tuple[SaleForm, Wish | None]:
    """Return the form as it was sent, and the wish if all of it can be taken."""
    form = SaleForm(
        sent.get("serial", "")[:_LONGEST],
        uuid.uuid4(),
        sent.get("amount", "")[:_LONGEST],
        sent.get("tendered", "")[:_LONGEST],
        sent.get("method", NOTES),
    )
    try:
        form.key = uuid.UUID(sent.get("key", ""))
    except ValueError:
        form.wrong["sale"] = _("This form was not whole and is drawn anew: press Enter again.")
    if form.method not in METHODS:
        form.method = NOTES
        form.wrong["method"] = _("Choose how it is paid.")
    amount_fen = _take(form, "amount", sent.get("amount", ""))
    tendered_fen = None
    if form.method == NOTES and plain_number(form.tendered):
        tendered_fen = _take(form, "tendered", sent.get("tendered", ""))
        if tendered_fen is not None and amount_fen is not None and tendered_fen < amount_fen:
            form.wrong["tendered"] = _("That does not pay the amount: ask for the rest.")
    if form.wrong or amount_fen is None:
        return form, None
    return form, Wish(form.serial, amount_fen, form.method, form.key, tendered_fen)


def quote(shown: Shown, amount: str, tendered: str, method: str) -> Quote:
    """Return what is typed so far buys; what can't be read yet is left out."""
    amount_fen, tendered_fen = _try_fen(amount), _try_fen(tendered)
    if amount_fen is None:
        return Quote()
    days = None
    if shown.use:
        used_fen, minutes = shown.use
        days = amount_fen * minutes // (used_fen * _MINUTES_PER_DAY)
    left_fen = None if tendered_fen is None or method != NOTES else tendered_fen - amount_fen
    return Quote(
        format_energy(amount_fen, shown.price_e4),
        days,
        left_fen if left_fen is not None and left_fen >= 0 else None,
        -left_fen if left_fen is not None and left_fen < 0 else None,
    )


def _take(form: SaleForm, name: str, text: str) -> int | None:
    try:
        return read_fen(text)
    except FieldError as error:
        form.wrong[name] = str(error)
        return None


def _try_fen(text: str) -> int | None:
    try:
        return read_fen(text)
    except FieldError:
        return None
