"""An office with something in it, for its pages: two accounts, sales, readings, cards, shifts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cards_kit
import registry_kit
import shift_kit
from dianka.cardos.chip import Chip
from estate_kit import make_actor, make_contract

if TYPE_CHECKING:
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.people.rights import Actor

METER_NO, OTHER_NO = 7, 8
STOCK_NO = 90
ORDER = "0123456789ABCDEF0100000001000028001E8480E20B"  # not approved yet


@dataclass
class Estate:
    """What the pages are tried with."""

    contract: "Contract"
    other: "Contract"
    serial: str
    person: int
    batch: int
    clerk: "Actor"

    @property
    def examples(self) -> dict[str, Any]:
        """Return values for the parts of addresses, by their names."""
        return {
            "number": self.contract.customer.number,
            "meter_no": self.contract.meter.number,
            "serial": self.serial,
            "premise": self.contract.premise.pk if self.contract.premise else 0,
            "desk": "desk1",
            "name": "sales",
            "person": self.person,
            "batch": self.batch,
            "order": ORDER,
        }


def fill(control: Chip | None = None) -> Estate:
    """Fill the office of this test."""
    from dianka.desk.office.cards import batches
    from dianka.desk.office.customers import lost, records
    from dianka.desk.office.estate import meters
    from dianka.desk.office.people.models import Operator
    from dianka.desk.office.vending import shifts
    from dianka.desk.office.vending.counting import Count

    control = control or cards_kit.control_card()
    contract, other = make_contract(METER_NO, 1), make_contract(OTHER_NO, 2)
    clerk = make_actor("clerk", "desk1", "a-clerk")
    records.change_customer(clerk, 1, name="Ada", phone="13812345678", note="ground floor")
    serial = registry_kit.make_card(control, other, 3).state.serial.hex()
    shifts.open_shift(clerk, shift_kit.count_notes(10_000))
    sale = shift_kit.sell(clerk, contract, 5_000)
    shift_kit.sell(clerk, other, 3_000, "card")
    shift_kit.read_meter(contract, 1_200)
    number = shifts.find_to_close(clerk)
    count = Count({10_000: 1, 5_000: 1}, {"card": 3_000})
    shifts.close_shift(clerk, number, count)
    meters.add_meters(make_actor("technician"), STOCK_NO, 2, "DK-1")
    technician = make_actor("technician")
    batch = batches.begin_batch(technician, "init", meter_nos=[STOCK_NO, STOCK_NO + 1])
    lost.report_lost(clerk, serial, "on the bus")
    shifts.open_shift(
        make_actor("supervisor", "desk1", "a-supervisor"), shift_kit.count_notes(15_000)
    )
    assert sale.receipt
    person = Operator.objects.values_list("pk", flat=True)[0]
    return Estate(contract, other, serial, person, batch.pk, clerk)
