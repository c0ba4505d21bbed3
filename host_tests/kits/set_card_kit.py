"""A clerk with an open shift, and an account's card that a test sets to anything.

The card is a real chip; its files are written as no desk and no meter would.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cards_kit as kit
import shift_kit
from dianka.card_port import CardError
from dianka.cardos.files import card_files
from estate_kit import make_actor, make_contract

DESK, FEN = "counter", 5000
Change = Callable[[bytes], bytes]


class Stage:
    """A clerk with an open shift, and an account's card that can be set to anything."""

    def __init__(self, former: int = 0) -> None:
        from dianka.desk.office.vending import shifts

        self.control = kit.control_card()
        self.card = kit.user_card(self.control)
        self.serial = self.card.state.serial.hex()
        self.contract = make_contract(kit.METER_NO, kit.CUSTOMER_NO)
        self.contract.former_count = former
        self.contract.save()
        self.actor = make_actor("clerk", DESK)
        shifts.open_shift(self.actor, shift_kit.count_notes(0))

    def put(self, count: int, fen: int, back: int | None = None) -> None:
        """Set the card's purchase, and its receipt, which is blank without a count."""
        files = self.card.state.files
        wallet = {"money_fen": fen, "count": count}
        files[card_files.CARD_WALLET] = card_files.pack(card_files.WALLET, wallet)
        block = bytes(card_files.WRITE_BACK_SIZE)
        if back is not None:
            numbers = {"meter_no": kit.METER_NO, "customer_no": kit.CUSTOMER_NO}
            record = numbers | {"count": back, "balance_fen": 100, "time": 2601020304}
            data = card_files.pack(card_files.WRITE_BACK, record)
            block = card_files.frame(card_files.CMD_WRITE_BACK, data)
        files[card_files.CARD_WRITE_BACK] = block

    def begin(self, count: int, fen: int = FEN, serial: str = "") -> Any:
        from dianka.desk.office.vending import sales

        form = sales.Form(uuid.uuid4(), serial or self.serial, fen)
        return sales.begin(self.actor, form, self.contract, count, self.contract.price)[0]

    def post(self, count: int, fen: int = FEN, serial: str = "") -> Any:
        from dianka.desk.office.vending import sales

        return sales.post(self.actor, self.begin(count, fen, serial))

    def sell(self, **more: Any) -> Any:
        from dianka.desk.office.vending import counter

        return counter.sell(self.actor, self.control, self.card, FEN, **more)

    def conclude(
        self, alter: Change = bytes, role: str = "clerk", **forged: Any
    ) -> tuple[list[str], str, Any]:
        """Look, undo it, and return the lines told, the refusal, and what was seen.

        The card's words are `forged` as far as they are read in plain, what it proves is altered.
        """
        from django.db import transaction

        from dianka.desk.office.vending import counter

        told: list[str] = []
        refusal, seen = "", None
        with transaction.atomic():
            found, desk = counter.open_card(self.control, Altered(self.card, alter))
            actor = make_actor(role, DESK)
            try:
                seen = counter.take_in(actor, replace(found, **forged), desk, told.append)
            except CardError as error:
                refusal = str(error)
            self.states = list_states()
            transaction.set_rollback(True)
        return told, refusal, seen


class Altered:
    """A device between card and reader that changes what the card answers with a proof."""

    def __init__(self, chip: Any, alter: Change) -> None:
        self.chip, self.alter = chip, alter

    def power_on(self) -> bytes:
        return self.chip.power_on()

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        data, sw = self.chip.process(apdu)
        return (self.alter(data), sw) if apdu[:2] == b"\x04\xb0" else (data, sw)


def break_proof(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


def list_states() -> list[str]:
    from dianka.desk.office.vending.models import Sale

    return list(Sale.objects.order_by("pk").values_list("state", flat=True))
