"""Which reader has the resident's card and which the control card, however they are plugged in.

A name on PC/SC ends in numbers that two alike readers may swap when they are plugged in again
("ACS ACR39U 00 00" and "ACS ACR39U 01 00" by pcsc-lite, "ACS CCID USB Reader 0" by Windows). What
stands before them is the model, and with pcsc-lite the USB serial number in parentheses if the
reader has one. So a role is bound by that part, and where it fits several readers, or none is
given, the cards in them decide.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dianka.card_port import CardError

_NUMBERS = re.compile(r"( [0-9A-Fa-f]{2} [0-9A-Fa-f]{2}| [0-9]+)$")


@dataclass(frozen=True)
class Roles:
    """A part of the name of the reader for each card, empty if the cards decide."""

    resident: str = ""
    control: str = ""


@dataclass(frozen=True)
class Place:
    """A reader, whether there is a card in it, and whether that is a control card."""

    name: str
    filled: bool = False
    is_control: bool = False


def strip_numbers(name: str) -> str:
    """Return the part of a reader's name that stays when it is plugged in again."""
    return _NUMBERS.sub("", name)


def find_bound(names: Sequence[str], word: str, what: str) -> list[str]:
    """Return the readers that may have this card; raise CardError if the bound one is not there."""
    if not word:
        return list(names)
    found = [name for name in names if name == word] or [
        name for name in names if word.lower() in name.lower()
    ]
    if not found:
        raise CardError(f"the reader of {what}, {word!r}, is not there: plug it in")
    return found


def find_candidates(names: Sequence[str], roles: Roles) -> tuple[list[str], list[str]]:
    """Return the readers that may have the resident's card and those that may have the control's.

    One that can be the control card's alone is not the resident's, and the other way round.
    """
    resident = find_bound(names, roles.resident, "the resident's card")
    control = find_bound(names, roles.control, "the control card")
    only_control = control if roles.control and len(control) == 1 else []
    only_resident = resident if roles.resident and len(resident) == 1 else []
    if only_control and only_control == only_resident:
        raise CardError(
            f"{only_control[0]} is bound to both cards: bind the control card to another reader"
        )
    return (
        [name for name in resident if name not in only_control],
        [name for name in control if name not in only_resident],
    )


def choose_control(places: Sequence[Place], roles: Roles) -> str:
    """Return the reader with the control card; raise CardError unless there is exactly one."""
    _, names = find_candidates([place.name for place in places], roles)
    found = [place.name for place in places if place.name in names and place.is_control]
    if len(found) > 1:
        raise CardError(f"two control cards, in {' and '.join(found)}: take one out")
    if not found:
        where = names[0] if len(names) == 1 else "any reader"
        raise CardError(f"there is no control card in {where}: put it in")
    return found[0]


def choose_resident(places: Sequence[Place], roles: Roles) -> str:
    """Return the reader with the resident's card, any card that is no control card.

    Raise CardError unless there is exactly one.
    """
    names, _ = find_candidates([place.name for place in places], roles)
    here = [place for place in places if place.name in names]
    found = [place.name for place in here if place.filled and not place.is_control]
    if len(found) > 1:
        raise CardError(f"two cards, in {' and '.join(found)}: take one out")
    if not found:
        where = names[0] if len(names) == 1 else "a reader"
        raise CardError(f"there is no resident's card: put it into {where}")
    return found[0]
