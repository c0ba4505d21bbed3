"""Texts that people enter, made clean, and personal numbers made unreadable."""

import re
import unicodedata
from collections.abc import Callable

from dianka.card_port import CardError
from dianka.desk.office.people.rights import Actor

HIDDEN = "*"
# A mobile phone's number, and an identity number, in a text that somebody typed. Meters and
# customers have 12 digits.
_PERSONAL = re.compile(r"(?<![0-9A-Za-z])(1[3-9][0-9]{9}|[0-9]{17}[0-9Xx])(?![0-9A-Za-z])")
_UNSEEN = ("Cc", "Cf", "Cs")  # Unicode's categories: control, format, half of a pair


def clean_text(text: str, what: str, most: int) -> str:
    """Return a text as one line without spaces around it; CardError if that can't be kept.

    Signs that nobody sees or that turn the line around are refused, and more than `most` signs.
    Those without a name in Unicode are kept: rare names are written with them.
    """
    cleaned = unicodedata.normalize("NFC", " ".join(text.split()))
    if any(unicodedata.category(sign) in _UNSEEN for sign in cleaned):
        raise CardError(f"the {what} {cleaned!r} has a sign that is not seen: type it anew")
    if len(cleaned) > most:
        raise CardError(f"the {what} has {len(cleaned)} signs: give up to {most}")
    return cleaned


def require_text(text: str, what: str, most: int) -> str:
    """Return a text as clean_text does; CardError if nothing is left of it."""
    cleaned = clean_text(text, what, most)
    if not cleaned:
        raise CardError(f"there is no {what}: give one")
    return cleaned


def clean_personal(text: str, what: str, most: int) -> str:
    """Return a phone or identity number made clean; CardError if it is a masked one."""
    cleaned = clean_text(text, what, most)
    if HIDDEN in cleaned:
        raise CardError(f"the {what} {cleaned} is a masked one: give the whole number")
    return cleaned


def mask_number(text: str) -> str:
    """Return a personal number with its middle hidden: 138****5678.

    Three signs before and four after it are shown, of a short one the last two.
    """
    if len(text) >= 9:
        return text[:3] + HIDDEN * (len(text) - 7) + text[-4:]
    return HIDDEN * (len(text) - 2) + text[-2:] if len(text) > 3 else HIDDEN * len(text)


def mask_text(text: str) -> str:
    """Return a text with the middle of each personal number in it hidden."""
    return _PERSONAL.sub(lambda found: mask_number(found[0]), text)


def pick_mask(actor: Actor) -> Callable[[str], str]:
    """Return how a text of an act is shown to the actor: masked, unless he may see the numbers."""
    return str if actor.may("see personal numbers") else mask_text


def describe_changes(former: dict[str, str], now: dict[str, str]) -> str:
    """Return what is no longer as it was, old and new values, as an act's detail tells it."""
    return "; ".join(
        f"{name} {former.get(name, '')!r} > {value!r}"
        for name, value in now.items()
        if former.get(name, "") != value
    )
