"""What people type into forms, made what the office takes: texts, and numbers in any digits.

Full-width digits, points and commas of an input method count as the plain ones, and so do spaces
around a number: １２．５０ is 12.50. A comma is refused, as it means two things.
"""

import unicodedata

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from dianka.card_port import CardError
from dianka.desk.amounts import parse_decimal
from dianka.money import HIGHEST_FEN, yuan

_UNSEEN = ("Cc", "Cf", "Cs")  # control, format, half of a pair
_LONGEST_NUMBER = 20
_POINTS = str.maketrans({"。": ".", "．": ".", "｡": ".", "·": "."})


class FieldError(CardError):
    """A field that can't be taken as it is. The message is one line in the reader's language."""


def read_text(text: str, what: str | Promise, most: int, least: int = 0) -> str:
    """Return a text as one line; FieldError if it has unseen signs, or too many or few."""
    cleaned = unicodedata.normalize("NFC", " ".join(text.split()))
    if any(unicodedata.category(sign) in _UNSEEN for sign in cleaned):
        raise FieldError(_("There is a sign in it that is not seen: type it anew."))
    if len(cleaned) > most:
        told = {"what": what, "count": len(cleaned), "most": most}
        raise FieldError(_("%(what)s: %(count)d signs, up to %(most)d are taken.") % told)
    if len(cleaned) < least or (least and not cleaned):
        raise FieldError(_("Fill this in."))
    return cleaned


def plain_number(text: str) -> str:
    """Return a number in plain digits, without the spaces around it."""
    return unicodedata.normalize("NFKC", text.translate(_POINTS)).strip()


def read_fen(text: str, least_fen: int = 1, most_fen: int = HIGHEST_FEN) -> int:
    """Return an amount in yuan as fen; FieldError says at its field what is wrong with it."""
    number = plain_number(text)
    if not number:
        raise FieldError(_("Give an amount."))
    if len(number) > _LONGEST_NUMBER:
        raise FieldError(_("That is no amount: it has too many digits."))
    try:
        fen = parse_decimal(number, 2, "amount in yuan")
    except CardError:
        raise FieldError(_("That is no amount: write it as 12 or 12.50.")) from None
    if not least_fen <= fen <= most_fen:
        told = {"least": yuan(least_fen), "most": yuan(most_fen)}
        raise FieldError(_("An amount is from %(least)s to %(most)s yuan.") % told)
    return fen
