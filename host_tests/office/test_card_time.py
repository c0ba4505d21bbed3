"""How long card and control card talk at the counter, by the characters that T=0 takes.

A character is 12 etu (ISO 7816-3, 10.2), 1.25 ms at 9600 bit/s. What a reader adds is not counted:
its own turnarounds, and USB.
"""

import uuid
from collections.abc import Callable
from pathlib import Path

from test_sales import Clerk, Resident

import cards_kit as kit
from dianka.cardos.chip import Chip

CHARACTER_US = 1250
FASTER = 4  # of rates that readers agree on by themselves, where the card offers it (TA1 13)
LOOK_LIMIT_MS, SALE_LIMIT_MS = 300, 3000


class Wire:
    """A chip at a T=0 line, whose characters are counted."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self.characters = 0

    def power_on(self) -> bytes:
        atr = self.chip.power_on()
        self.characters += len(atr)
        return atr

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        answer, sw = self.chip.process(apdu)
        data = len(apdu) - 5 if len(apdu) > 5 else 0
        self.characters += 5 + 1 + data + 2 + len(answer)  # header, procedure byte, data, status
        if data and answer:
            self.characters += 5 + 1 + 2  # GET RESPONSE
        return answer, sw


def test_a_look_and_a_sale_are_short_on_the_wire(
    office: Path, record_property: Callable[[str, object], None]
) -> None:
    from dianka.desk.office.vending import counter

    control = kit.control_card()
    resident, actor = Resident(control), Clerk(control).actor
    for _ in range(3):  # the first opens the account, later ones have a receipt to read
        card, own = Wire(resident.card), Wire(control)
        counter.look(actor, own, card, tell=lambda line: None)
        look_us = (card.characters + own.characters) * CHARACTER_US
        card, own = Wire(resident.card), Wire(control)
        counter.sell(actor, own, card, 1000, key=uuid.uuid4())
        sale_us = (card.characters + own.characters) * CHARACTER_US
        resident.visit_meter()
    assert look_us // FASTER // 1000 < LOOK_LIMIT_MS
    assert sale_us // 1000 < SALE_LIMIT_MS
    record_property(
        "figure",
        f"characters at the counter at 9600 bit/s: {look_us // 1000} ms for a look, "
        f"{sale_us // 1000} ms for a sale; at four times the rate {look_us // FASTER // 1000} and "
        f"{sale_us // FASTER // 1000} ms",
    )
