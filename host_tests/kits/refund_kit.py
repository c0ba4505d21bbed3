"""A clerk who pays purchases back, real chips, and what the books hold and find wrong."""

from typing import Any

import shift_kit
from cards_kit import Pulled
from counter_kit import Clerk, Resident
from dianka.card_port import CardError
from dianka.cardos.chip import CardTorn, Chip


class Refunder(Clerk):
    """A clerk with an open shift, who pays back only what he is told to."""

    def __init__(self, control: Chip, desk: str = "desk1", name: str = "li") -> None:
        super().__init__(control, desk, name)

    def close(self) -> None:
        from dianka.desk.office.vending.shifts import close_shift

        close_shift(self.actor, self.shift.number, shift_kit.count_notes(self.till_fen))

    def refund(self, resident: Resident, port: Any = None, method: str = "notes") -> str:
        """Pay the resident's last purchase back; return paid, broken, or why it is refused."""
        from dianka.desk.office.vending import refund_counter, refunds
        from dianka.desk.office.vending.models import Refund, Sale

        sale = Sale.objects.filter(contract=resident.contract).order_by("id").last()
        assert sale
        given = shift_kit.give_consent(
            self.actor, "refund", refunds.name_sale(sale), sale.amount_fen
        )
        paid_before = Refund.objects.filter(sale=sale, state="paid").exists()
        order, told = refunds.Order("typed 50 for 5", method, given), []
        try:
            refund_counter.refund(
                self.actor, self.control, port or resident.card, sale, order, told.append
            )
        except refund_counter.RefundBroken:
            return "broken"
        except (CardError, CardTorn) as error:
            return str(error) or "torn"
        finally:
            self._hear(resident.contract.meter.number, told)
        if not paid_before and not any("pay it back" in line for line in told):
            self.till_fen -= sale.amount_fen
        return "paid"

    def _hear(self, meter_no: int, told: list[str]) -> None:
        from dianka.desk.office.vending.models import Refund

        back = [line for line in told if "pay it back" in line]
        for line in back:
            self.till_fen -= Refund.objects.get(number=int(line.split()[1])).sale.amount_fen
        super()._hear(meter_no, [line for line in told if not line.startswith("refund")])


def balances() -> dict[str, int]:
    from dianka.desk.office.ledger import proof

    return {kind: fen for kind, fen in proof.sum_by_kind().items() if fen}


def faults() -> list[str]:
    from dianka.desk.office import checking

    return list(checking.find_faults())


def buy(clerk: Clerk, resident: Resident, first: bool) -> None:
    """Buy 50.00 yuan, as a first purchase or a later one."""
    if not first:
        assert clerk.sell(resident, 700, resident.card) == "sold"
        resident.visit_meter()
    assert clerk.sell(resident, 5000, resident.card) == "sold"


def leave_unfinished(clerk: Refunder, resident: Resident, **more: Any) -> None:
    """Sell 50.00 yuan, pulled at the write of the wallet: the card is as it was, the sale open."""
    for at in range(5, 40):
        if clerk.sell(resident, 5000, Pulled(resident.card, at, False), **more) == "kept":
            return
    raise AssertionError("no sale was broken off")
