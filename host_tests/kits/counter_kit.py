"""A counter with real chips: a control card, residents' cards, their meters' ESAMs, and a clerk.

The clerk keeps the till as docs/operations.md tells him: money is taken for a receipt, kept when a
sale broke off after its money was sent, given back when the books say so. What he holds is compared
with the books at the end; it is never read from them.
"""

from typing import TYPE_CHECKING, Any

import cards_kit as kit
import shift_kit
from dianka.card_port import CardError, CardPort, send
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.files import card_files
from dianka.desk.sell import SaleBroken
from estate_kit import make_actor, make_contract

if TYPE_CHECKING:
    from dianka.desk.office.vending.models import Sale


class Resident:
    """One customer: his card, and the ESAM of his meter. All meters have METER_NO's keys."""

    def __init__(self, control: Chip) -> None:
        self.contract = make_contract(kit.METER_NO, kit.CUSTOMER_NO)
        self.card = kit.user_card(control)
        self.esam = kit.private_esam(control)
        self.used_fen = 0

    def visit_meter(self) -> None:
        """Put the card into the meter, and pull it when the receipt is on it."""
        kit.use_in_meter(self.esam, self.card)

    def use(self, fen: int) -> None:
        """Use up to this much of what is in the meter."""
        fen = min(fen, kit.wallet(self.esam)[0])
        if fen:
            amount = card_files.with_inverse(fen.to_bytes(4, "big"))
            send(self.esam, bytes.fromhex("8030000C08") + amount, "debit")
        self.used_fen += fen


class Clerk:
    """Sells, and keeps the till by what he is told."""

    def __init__(self, control: Chip, desk: str = "counter", name: str = "") -> None:
        self.control, self.actor = control, make_actor("clerk", desk, name)
        self.till_fen = 0
        self.kept: dict[int, int] = {}  # by meter number: money of a sale that broke off
        self.open()

    def open(self) -> None:
        """Open a shift with what is in the till."""
        from dianka.desk.office.vending import shifts

        self.shift = shifts.open_shift(self.actor, shift_kit.count_notes(self.till_fen))

    def sell(self, resident: Resident, amount_fen: int, port: CardPort, **more: Any) -> str:
        """Sell once; return sold, completed, kept, or the reason of a refusal."""
        from dianka.desk.office.vending import counter

        meter_no = resident.contract.meter.number

        def hear(line: str) -> None:
            self._hear(meter_no, [line])

        try:
            sale = counter.sell(self.actor, self.control, port, amount_fen, tell=hear, **more)
        except SaleBroken:
            self._keep(meter_no, amount_fen)
            return "kept"
        except (CardError, CardTorn) as error:
            return str(error)
        return self._take(meter_no, sale)

    def look(self, resident: Resident) -> list[str]:
        """Look at the card, and give back what the books say."""
        from dianka.desk.office.vending import counter

        told: list[str] = []
        counter.look(self.actor, self.control, resident.card, tell=told.append)
        self._hear(resident.contract.meter.number, told)
        return told

    def _keep(self, meter_no: int, amount_fen: int) -> None:
        if meter_no not in self.kept:
            self.kept[meter_no] = amount_fen
            self.till_fen += amount_fen

    def _hear(self, meter_no: int, told: list[str]) -> None:
        for line in told:
            fen = self.kept.pop(meter_no, 0) if "posted now" in line or "void" in line else 0
            if "give its money back" in line:
                self.till_fen -= fen

    def _take(self, meter_no: int, sale: "Sale") -> str:
        kept_fen = self.kept.pop(meter_no, 0)
        self.till_fen += sale.amount_fen - kept_fen
        return "completed" if kept_fen else "sold"
