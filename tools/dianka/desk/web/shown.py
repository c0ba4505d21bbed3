"""How pages show money, numbers and times: filters of the templates."""

import re
from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from dianka.desk.prices import UTC_OFFSET, format_time
from dianka.desk.web.states import CARDS, EVENTS, FOUND, ITEMS, ROLES, STATES
from dianka.desk.web.words import translate_line
from dianka.money import signed_yuan

register = template.Library()
# Acts are stored with whole fen; people count in yuan.
_FEN = re.compile(r"(-?\d+) (fen|分)(?![\w钟])")
_YUAN = {"fen": "yuan", "分": "元"}
# The act of a closed shift has all its sums behind the unit.
_SUMS = re.compile(r"(?P<unit>handed fen: |（分）[：:] ?)(?P<sums>[^;；]*)")
_ACT = re.compile(r"([a-z][a-z -]*), ([^,]+) at ([^:]+?)(?:: (.*))?", re.DOTALL)


@register.filter(name="yuan")
def show_yuan(fen: int | None) -> str:
    """Return an amount in fen as yuan with two decimals; nothing for None."""
    return "" if fen is None else signed_yuan(fen)


@register.filter(name="twelve")
def show_twelve(number: int | None) -> str:
    """Return a meter's or customer's number with its 12 digits."""
    return "" if number is None else f"{number:012d}"


@register.filter(name="price")
def show_price(price_e4: int | None) -> str:
    """Return a price of 0.0001 yuan per kWh as yuan with four decimals."""
    return "" if price_e4 is None else f"{price_e4 // 10_000}.{price_e4 % 10_000:04d}"


@register.filter(name="local")
def show_local(at: datetime | None) -> str:
    """Return a time of the database as the meters' clocks and people here read it."""
    return "" if at is None else f"{at + UTC_OFFSET:%Y-%m-%d %H:%M}"


@register.filter(name="minute")
def show_minute(minute: int) -> str:
    """Return a local minute of a card, YYMMDDhhmm, as people read it."""
    return format_time(minute)


@register.filter(name="line")
def show_line(line: Any) -> str:
    """Return a line of the office in the reader's language."""
    return translate_line(str(line))


@register.filter(name="detail")
def show_detail(line: Any) -> str:
    """Return what an act tells in the reader's language, its amounts in yuan."""
    return _speak_yuan(translate_line(str(line)))


@register.filter(name="invalid")
def show_invalid(line: Any, name: str) -> SafeString:
    """Return the attributes of a field with this name that tell of what is wrong with it."""
    if not line:
        return SafeString("")
    return format_html('aria-invalid="true" aria-describedby="wrong-{}"', name)


@register.filter(name="state")
def show_state(word: str) -> str:
    """Return a state of an account, a card or a meter in the reader's language."""
    return str(STATES.get(word, word))


@register.filter(name="event_kind")
def show_event_kind(word: str) -> str:
    """Return the kind of an event of a history in the reader's language."""
    return str(EVENTS.get(word, word))


@register.filter(name="event")
def show_event(event: Any) -> str:
    """Return the words of an event of a history in the reader's language.

    Of an act they begin with its kind, who did it and at which desk.
    """
    found = _ACT.fullmatch(event.text) if event.kind == "act" else None
    if not found:
        return show_detail(event.text)
    kind, operator, desk, detail = found.groups()
    told = _("%(kind)s, %(operator)s at %(desk)s") % {
        "kind": translate_line(kind),
        "operator": operator,
        "desk": desk,
    }
    return f"{told}: {show_detail(detail)}" if detail else told


@register.filter(name="card_kind")
def show_card_kind(word: str) -> str:
    """Return the kind of a card in the reader's language."""
    return str(CARDS.get(word, word))


@register.filter(name="item_state")
def show_item_state(word: str) -> str:
    """Return the state of a card of a batch in the reader's language."""
    return str(ITEMS.get(word, word))


@register.filter(name="found")
def show_found(word: str) -> str:
    """Return what an inspection found in the reader's language."""
    return str(FOUND.get(word, word))


@register.filter(name="role")
def show_role(word: str) -> str:
    """Return a role in the reader's language."""
    return str(ROLES.get(word, word))


def _speak_yuan(text: str) -> str:
    if found := _SUMS.search(text):
        sums = re.sub(r"-?\d+", lambda sum_fen: signed_yuan(int(sum_fen[0])), found["sums"])
        unit = found["unit"].translate(str.maketrans({"分": "元"})).replace("fen", "yuan")
        text = text[: found.start()] + unit + sums + text[found.end() :]
    return _FEN.sub(lambda found: f"{signed_yuan(int(found[1]))} {_YUAN[found[2]]}", text)
