"""Chips, and the register of the office that they are entered in. Sales are written by hand here.

A test of the register has the fixture `office`; the chips are real ones (cards_kit).
"""

import hashlib
import uuid
from typing import TYPE_CHECKING

import cards_kit
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
    return enter_sale(contract, chip.state.serial, receipt.count, amount_fen)


def enter_sale(
    contract: "Contract", serial: bytes, count: int, amount_fen: int, state: str = "written"
) -> "Sale":
    """Enter a sale in this state; but for a pending or void one its money is in transit."""
    from dianka.desk.office.audit import chain
    from dianka.desk.office.ledger import posting
    from dianka.desk.office.vending.models import Desk, Sale

    desk, _ = Desk.objects.get_or_create(name="desk1")
    desk.sales += 1
    posted: dict[str, object] = {}
    if state not in ("pending", "void"):
        desk.receipts += 1
        transit = posting.of_meter(posting.TRANSIT, contract.meter.number)
        move = posting.Move(posting.cash("desk1"), transit, amount_fen)
        act = posting.post("desk1", "a-clerk", "sale", str(contract.meter), [move])
        posted = {"receipt": desk.receipts, "act": act, "written_at": chain.read_time()}
    desk.save()
    return Sale.objects.create(
        desk=desk,
        number=desk.sales,
        key=uuid.uuid4(),
        key_hash=hashlib.sha256(b"form").digest(),
        contract=contract,
        card_serial=serial.hex(),
        count=count,
        amount_fen=amount_fen,
        method="notes",
        price=contract.price,
        operator="a-clerk",
        state=state,
        begun_at=chain.read_time(),
        **posted,
    )


def load(sale: "Sale") -> None:
    """Enter that a meter has the purchase, as its receipt says."""
    from dianka.desk.office.ledger import posting

    number = sale.contract.meter.number
    move = posting.Move(
        posting.of_meter(posting.TRANSIT, number),
        posting.of_meter(posting.METER, number),
        sale.amount_fen,
    )
    posting.post("desk1", "a-clerk", "receipt", str(sale.contract.meter), [move])
    sale.state = "loaded"
    sale.save(update_fields=["state"])


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
