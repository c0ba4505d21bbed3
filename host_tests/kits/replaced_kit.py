"""Replacement cards with real chips, whole or broken off, as a clerk makes them at a desk."""

from typing import TYPE_CHECKING

import pytest

import cards_kit as kit
import shift_kit
from counter_kit import Clerk, Resident
from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.cardos.chip import Chip

if TYPE_CHECKING:
    from dianka.desk.office.cards.replacing import Plan


def plan(clerk: Clerk, resident: Resident, waived: bool = False) -> tuple["Plan", int | None]:
    """Return the resident's next card, and the consent that it takes, if it takes one."""
    from dianka.desk.office.cards import replacing

    planned = replacing.plan_card(clerk.actor, resident.contract.meter.number, waived)
    asked = planned.ask()
    given = shift_kit.give_consent(clerk.actor, *asked) if asked else None
    return planned, given


def make(clerk: Clerk, resident: Resident, seed: int, waived: bool = False) -> Chip:
    """Make the resident's next card, enter it as in use, and return it."""
    from dianka.desk.office.cards import replacing

    chip = kit.blank(kinds.USER, clerk.control, seed)
    planned, given = plan(clerk, resident, waived)
    replacing.make_planned(clerk.actor, clerk.control, chip, planned, given)
    return chip


def break_off(
    clerk: Clerk, resident: Resident, seed: int, whole: bool = True, waived: bool = False
) -> Chip:
    """Begin the resident's next card, and return it: written whole or blank, not entered in use.

    CardError if it may not be begun.
    """
    from dianka.desk.office.cards import register, replacing

    chip = kit.blank(kinds.USER, clerk.control, seed)
    planned, given = plan(clerk, resident, waived)
    if not whole:
        register.begin_replacement(clerk.actor, chip.state.serial, planned.making, given)
        return chip

    def lose(*_words: object) -> None:
        raise CardError("the power is gone")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(register, "finish_making", lose)
        try:
            replacing.make_planned(clerk.actor, clerk.control, chip, planned, given)
        except CardError as error:
            if "the power is gone" not in str(error):
                raise
    return chip


def read(clerk: Clerk, chip: Chip) -> str:
    """Read a card at the desk; return its state in the register, or why it is refused."""
    from dianka.desk.office.cards import recognising

    try:
        card = recognising.recognise(clerk.actor, clerk.control, chip).card
    except CardError as error:
        return str(error)
    return card.state if card else ""
