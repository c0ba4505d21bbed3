"""Orders that end an account, on the resident's own card, and the statement that the meter makes.

An order is two writes: file 06 with no money and the count after the meter's, then file 01 with
command 0C (docs/cards/sessions.md, "Closing order"). A card that is pulled in between is a user
card as before. The meter's statement comes back in place of the write-back. It is read as the card
proves it, and the card took it from its meter's ESAM alone.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dianka.card_port import CardError, CardPort, read_file, select_card
from dianka.cardos.files import card_files
from dianka.desk.sell import prove_wallet, prove_write_back, read_user_card
from dianka.desk.session import Desk
from dianka.desk.words import Lines, format_number, format_time
from dianka.money import yuan

Rng = Callable[[int], bytes]

_INFO_BYTES = card_files.size_of(card_files.PARAMS) + card_files.FRAME_OVERHEAD
_NO_ORDER = bytes(card_files.size_of(card_files.WALLET))


@dataclass(frozen=True)
class Statement:
    """The end of an account, as its meter says it. `debt_fen` is what is owed."""

    meter_no: int
    customer_no: int
    balance_fen: int
    debt_fen: int
    count: int  # of the order, one above the last purchase's
    energy_mwh: int
    bought_fen: int
    time: int  # YYMMDDhhmm by the meter's clock, 0 if it had none

    @property
    def amount_fen(self) -> int:
        """Return what is to be paid back, below zero if it is owed."""
        return self.balance_fen - self.debt_fen

    @property
    def purchases(self) -> int:
        """Return the number of the last purchase."""
        return self.count - 1

    def describe(self) -> Lines:
        """Return the statement in words, as (label, text) pairs."""
        kwh, watt_hours = divmod(self.energy_mwh // 1000, 1000)
        owed = self.amount_fen < 0
        return [
            ("meter", format_number(self.meter_no)),
            ("customer", format_number(self.customer_no)),
            ("owed" if owed else "to pay back", f"{yuan(abs(self.amount_fen))} yuan"),
            ("last purchase", str(self.purchases)),
            ("bought in all", f"{yuan(self.bought_fen)} yuan"),
            ("energy", f"{kwh}.{watt_hours:03d} kWh on the meter"),
            ("closed", format_time(self.time) if self.time else "the meter had no time"),
        ]


def is_closing_card(card: CardPort) -> bool:
    """Return whether the card, selected, is a user card with a closing order."""
    head = read_file(card, card_files.CARD_INFO, 2)
    return head == bytes((card_files.HEAD, card_files.CMD_CLOSE))


def order_closing(control: CardPort, card: CardPort, rng: Rng = os.urandom) -> int:
    """Write a closing order to a resident's card. Return the order's count.

    On a card that has one already it is written again. Raise CardError if the card's last purchase
    is not in its meter, or if the account is closed already.
    """
    select_card(card)
    params = read_params(card) if is_closing_card(card) else read_user_card(card).params
    desk = open_desk(control, card, rng)
    block = desk.read_proved(card_files.CARD_WRITE_BACK, card_files.WRITE_BACK_SIZE)
    if unpack_statement(block):
        raise CardError("the account is closed, its statement is on the card: read it")
    back = prove_write_back(desk)
    _, count = prove_wallet(desk)
    if back is None or back["count"] != count:
        raise CardError(
            "the card's last purchase is not in its meter: put the card into its meter first, or "
            "take the purchase off"
        )
    count = back["count"] + 1
    order = card_files.pack(card_files.WALLET, {"money_fen": 0, "count": count})
    desk.update(card_files.CARD_ORDER, order)
    desk.update(card_files.CARD_INFO, _frame(card_files.CMD_CLOSE, params))
    return count


def withdraw_order(control: CardPort, card: CardPort, rng: Rng = os.urandom) -> None:
    """Take a closing order off a card; CardError if it has none, or if its meter has obeyed it."""
    select_card(card)
    if not is_closing_card(card):
        raise CardError("there is no closing order on this card")
    params = read_params(card)
    desk = open_desk(control, card, rng)
    if unpack_statement(desk.read_proved(card_files.CARD_WRITE_BACK, card_files.WRITE_BACK_SIZE)):
        raise CardError("the account is closed, its statement is on the card: read it")
    # The order first: what a pulled card has left is no order to its meter (14).
    desk.update(card_files.CARD_ORDER, _NO_ORDER)
    desk.update(card_files.CARD_INFO, _frame(card_files.CMD_USER, params))


def read_statement(control: CardPort, card: CardPort, rng: Rng = os.urandom) -> Statement:
    """Return the statement that a card proves; CardError if it has none of its own meter."""
    select_card(card)
    if not is_closing_card(card):
        raise CardError("there is no closing order on this card: `dianka card close` writes one")
    params = read_params(card)
    desk = open_desk(control, card, rng)
    block = desk.read_proved(card_files.CARD_WRITE_BACK, card_files.WRITE_BACK_SIZE)
    statement = unpack_statement(block)
    if statement is None:
        raise CardError("the meter has not closed the account yet: put the card into its meter")
    order = card_files.unpack(
        card_files.WALLET, read_file(card, card_files.CARD_ORDER, len(_NO_ORDER))
    )
    numbers = statement.meter_no, statement.customer_no, statement.count
    if numbers != (params["meter_no"], params["customer_no"], order["count"]):
        raise CardError(
            f"the statement is of meter {format_number(statement.meter_no)}, order "
            f"{statement.count}, and not this card's: send an inspector to the meter"
        )
    return statement


def unpack_statement(block: bytes) -> Statement | None:
    """Return the statement in a write-back or run info file, None if there is another content."""
    try:
        command, data = card_files.unframe(block)
        if command == card_files.CMD_STATEMENT:
            return Statement(**card_files.unpack(card_files.STATEMENT, data))
    except ValueError:
        pass
    return None


def open_desk(control: CardPort, card: CardPort, rng: Rng = os.urandom) -> Desk:
    """Reset a user card and return the session with it; card and desk have proved themselves."""
    control.power_on()
    desk = Desk(control, card, select_card(card))
    desk.identify(rng)
    desk.authenticate()
    return desk


def read_params(card: CardPort) -> dict[str, Any]:
    """Return the parameters of file 01, whatever its command; CardError if it is damaged."""
    try:
        _, data = card_files.unframe(read_file(card, card_files.CARD_INFO, _INFO_BYTES))
        return card_files.unpack(card_files.PARAMS, data)
    except ValueError as error:
        raise CardError(f"the card is damaged ({error}): replace it") from None


def _frame(command: int, params: dict[str, Any]) -> bytes:
    return card_files.frame(command, card_files.pack(card_files.PARAMS, params))
