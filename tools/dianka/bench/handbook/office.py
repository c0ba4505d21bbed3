"""Makes the office of the pictures, in a process of its own: `python -m` this with the folder.

A year of history from a seed, two customers with cards, a shift that is open. A process opens one
office, and with the settings of its pages or without: so another one serves it (server.py).
"""

import random
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dianka.bench.demo.office import (
    CLERK,
    DESK,
    MANAGER,
    SUPERVISOR,
    add_customers,
    add_people,
    open_shift_by_books,
    prove_books,
)
from dianka.bench.handbook.clock import stopped_clock
from dianka.cardos import keys, kinds, visits
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.files import card_files, service_files
from dianka.cardos.image import CardFile
from dianka.cardos.keys import make_meter_factor
from dianka.desk import issue, service, system
from dianka.desk.control import Load, load_keys, plan_meter
from dianka.desk.office.founding import found_office

PASSWORD = "the office of the pictures"  # of everybody; the folder goes when they are drawn
METERS, SALES, MONTHS, SEED = 48, 700, 12, 7
_FLOAT_FEN = 20_000
_WRITE_BACK = bytes.fromhex("04D68500")  # the last thing that a sale writes to its card


@dataclass(frozen=True)
class Places:
    """The folders of the office and its readers, and of cards that are in no reader."""

    root: Path

    @property
    def office(self) -> Path:
        return self.root / "office"

    @property
    def tray(self) -> Path:
        return self.root / "tray"

    @property
    def slot(self) -> Path:
        return self.root / "counter"

    @property
    def control(self) -> Path:
        return self.root / "control" / "control.card"


def make_office(places: Places) -> None:
    """Make the office in a new folder, with cards in its tray. The caller has set the clock."""
    for folder in (places.tray, places.slot, places.control.parent):
        folder.mkdir(parents=True)
    rng = random.Random(SEED)
    for part in system.found_system(places.control, 2, 3, rng=rng.randbytes):
        part.rename(places.root / part.name)
    found_office(places.office, MANAGER, PASSWORD, DESK)
    from dianka.desk.office.figures.history import make_history

    make_history(METERS, SALES, MONTHS, SEED, methods=["notes"])
    add_people(dict.fromkeys((MANAGER, SUPERVISOR, CLERK), PASSWORD))
    add_customers(places.control, places.tray, rng.randbytes)
    _record_visits()
    with CardFile.open(places.control) as held:
        issue.issue_file(
            places.tray / "inspection.card",
            kinds.INSPECTION,
            rng.randbytes(8),
            rng.randbytes,
            issue.read_profile_name(held),
            lambda chip: service.make_inspection(
                held, chip, service.InspectionData(service_files.COPY_ALL)
            ),
        )
    prove_books()
    _begin_a_shift()


def break_a_sale(places: Places, card: str, meter_no: int, amount_fen: int) -> None:
    """Sell to a card in the tray, bring it to its meter, sell again and pull it in the midst."""
    from dianka.desk.office.people.rights import Actor
    from dianka.desk.office.vending import counter
    from dianka.desk.sell import SaleBroken

    clerk = Actor(CLERK, DESK, frozenset({"clerk"}))
    with CardFile.open(places.control) as control, CardFile.open(places.tray / card) as held:
        sale = counter.sell(clerk, control, held, amount_fen)
        visits.visit(_make_esam(control, meter_no), held, meter_no, sale.contract.customer.number)
        with suppress(SaleBroken):
            counter.sell(clerk, control, _Pulled(held), amount_fen)


class _Pulled:
    """A card that is pulled before the last thing that a sale writes."""

    def __init__(self, card: CardFile) -> None:
        self._card = card

    def power_on(self) -> bytes:
        return self._card.power_on()

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        if apdu[:4] == _WRITE_BACK:
            raise CardTorn("the card was pulled")
        return self._card.process(apdu)


def _make_esam(control: CardFile, meter_no: int) -> Chip:
    """Return the ESAM of a meter in use."""
    esam = Chip.new(kinds.ESAM, rng=random.Random(SEED).randbytes)
    issue.make_esam(esam)
    esam.power_on()
    meter = make_meter_factor(card_files.to_bcd(meter_no, 6))
    load_keys(control, esam, plan_meter(meter), Load(0, keys.PUBLIC_SET, keys.NO_FACTOR))
    return esam


def _begin_a_shift() -> None:
    """Close the shift that has a year's money, all but the float to the safe; open the next."""
    from dianka.desk.office.people.consent import give_consent
    from dianka.desk.office.people.rights import Actor
    from dianka.desk.office.vending import shifts
    from dianka.desk.office.vending.counting import Count

    clerk = Actor(CLERK, DESK, frozenset({"clerk"}))
    counted = open_shift_by_books()
    over_fen = counted.notes_fen - _FLOAT_FEN
    given = give_consent(clerk, SUPERVISOR, PASSWORD, shifts.HAND_OVER, DESK, over_fen)
    shifts.close_shift(clerk, shifts.find_to_close(clerk), counted, over_fen, given)
    shifts.open_shift(clerk, Count({10_000: _FLOAT_FEN // 10_000}))


def _record_visits() -> None:
    """Make the list of suspects, and record what two visits found."""
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.people.rights import Actor
    from dianka.desk.office.statistics import inspections, suspects

    manager = Actor(MANAGER, DESK, frozenset({"manager"}))
    suspects.make_list(manager)
    numbers = Contract.objects.order_by("pk").values_list("customer__number", flat=True)
    for number, found, note in zip(
        numbers[:2], ("nothing", "fault"), ("", "接线松动"), strict=True
    ):
        inspections.record_inspection(manager, number, found, note)


if __name__ == "__main__":
    with stopped_clock():
        make_office(Places(Path(sys.argv[1])))
