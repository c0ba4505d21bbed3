"""Chips, and the register of the office that they are entered in.

A test of the register has the fixture `office`; the chips are real ones (cards_kit).
"""

from typing import TYPE_CHECKING

import cards_kit
import shift_kit
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.desk import issue, sell
from estate_kit import make_actor

if TYPE_CHECKING:
    from dianka.desk.office.cards.models import Card
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.vending.models import Sale

TECHNICIAN, CLERK = "technician", "clerk"


def make_data(contract: "Contract") -> issue.UserData:
    """Return what a contract's first card carries."""
    numbers = contract.meter.number, contract.customer.number
    alarms = contract.alarm1_fen, contract.alarm2_fen
    return issue.UserData(*numbers, *alarms, [contract.price.price_e4])


def make_card(control: Chip, contract: "Contract", seed: int) -> Chip:
    """Make a contract's first card, entered in the register from begin to end."""
    from dianka.desk.office.cards import register

    chip = cards_kit.blank(kinds.USER, control, seed)
    technician = make_actor(TECHNICIAN)
    register.begin_making(
        technician, chip.state.serial, register.Making(kinds.USER, contract=contract)
    )
    issue.make_user(control, chip, make_data(contract))
    register.finish_making(technician, chip.state.serial)
    return chip


def make_outside(control: Chip, contract: "Contract", seed: int) -> Chip:
    """Make a contract's card as `dianka card issue` does without an office."""
    chip = cards_kit.blank(kinds.USER, control, seed)
    issue.make_user(control, chip, make_data(contract))
    return chip


def sell_to(control: Chip, chip: Chip, contract: "Contract", amount_fen: int) -> "Sale":
    """Sell to a card, and enter the sale as written and in transit."""
    receipt = sell.sell(control, chip, amount_fen)
    sale = enter_sale(contract, chip.state.serial, amount_fen)
    assert sale.count == receipt.count
    return sale


def enter_sale(contract: "Contract", serial: bytes, amount_fen: int) -> "Sale":
    """Sell to a card in the books alone: it is written and in transit."""
    from dianka.desk.office.vending import sales

    sale = begin_sale(contract, serial, amount_fen)
    return sales.post(shift_kit.find_seller(), sale)


def begin_sale(contract: "Contract", serial: bytes, amount_fen: int) -> "Sale":
    """Store the intent to sell to a card; it is not finished."""
    seller = shift_kit.find_seller()
    return shift_kit.begin_sale(seller, contract, amount_fen, card_serial=serial.hex())


def load(sale: "Sale") -> None:
    """Take in the receipt of a meter that has the purchase."""
    shift_kit.read_meter(sale.contract)
    sale.refresh_from_db()


def look(control: Chip, chip: Chip) -> "Card":
    """Recognise a card that is in the register."""
    from dianka.desk.office.cards.recognising import recognise

    card = recognise(make_actor(CLERK), control, chip).card
    assert card
    return card


def state_of(chip: Chip) -> str:
    """Return the state of a chip in the register."""
    from dianka.desk.office.cards import register

    card = register.find_card(chip.state.serial)
    assert card
    return card.state
