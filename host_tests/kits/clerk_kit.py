"""A clerk at the pages of the counter, with a card in the reader: the test client, real cards."""

from typing import Any

import shift_kit
from counter_kit import Resident
from estate_kit import make_actor
from web_kit import Desk, Web, list_fields


class Counter:
    """A clerk at the counter with a customer's card in the reader."""

    def __init__(self, web: Web, desk: Desk, language: str = "en") -> None:
        self.desk = desk
        self.client = web.sign_in("clerk", name="zhao", language=language)
        self.actor = make_actor("clerk", "desk1", "zhao")
        self.resident = Resident(desk.control)
        from dianka.desk.office.vending import shifts

        shifts.open_shift(self.actor, shift_kit.count_notes(0))
        self.put_in()

    def put_in(self) -> None:
        self.desk.slot.put_in(self.resident.card)

    def visit_meter(self) -> None:
        self.resident.card = self.desk.slot.take_out()
        self.resident.visit_meter()
        self.put_in()

    def open(self) -> Any:
        return self.client.get("/counter")

    def sell(self, amount: str, **more: str) -> Any:
        fields = list_fields(self.open(), "/counter/sell")
        return self.client.post("/counter/sell", fields | {"amount": amount} | more)

    def list_sales(self) -> list[tuple[int, str]]:
        from dianka.desk.office.vending.models import Sale

        return [(sale.amount_fen, sale.state) for sale in Sale.objects.order_by("number")]
