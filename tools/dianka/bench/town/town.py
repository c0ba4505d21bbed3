"""A town of so many meters and desks for so many days, from one seed.

Whatever happens is an event in one queue, in the order of the town's time; a meter lives up to it
when it is looked at. The last day ends with everybody's open matters settled, a proof of all books,
and the comparison (compare.py).
"""

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

from dianka.bench.stage.stand import CONTROL
from dianka.bench.town.desks import TownDesk
from dianka.bench.town.estate import Estate
from dianka.bench.town.house import TownError
from dianka.bench.town.life import Life
from dianka.bench.town.residents import Resident
from dianka.bench.town.times import DAY_US, HOUR_US, MINUTE_US, TownTime
from dianka.desk.office import nightly

PRICE_E4 = 5000
_OPEN_US, _CLOSE_US, _NIGHT_US, _MIDNIGHT_US = (
    5 * MINUTE_US,
    11 * HOUR_US,
    17 * HOUR_US,
    16 * HOUR_US,
)
_TRIES = 40  # visits in which everybody's matters are settled at the end
_HAND_OVER_EACH = 7  # days


@dataclass(frozen=True)
class Size:
    """How large a town is, and its seed."""

    meters: int
    desks: int
    days: int
    seed: int


class Town:
    """One town, in a folder where an office was founded; `time` is the office's as well."""

    def __init__(self, folder: Path, size: Size, time: TownTime) -> None:
        self.size = size
        self.time = time
        self._rng = Random(size.seed)
        self._digest = hashlib.sha256()
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        control = folder / CONTROL
        self.desks = [
            TownDesk(number, _copy_control(control, number), time, Random(size.seed + number))
            for number in range(1, size.desks + 1)
        ]
        self.estate = Estate(folder, control, time, size.seed)
        self.estate.found_tariff(PRICE_E4)
        self.residents: list[Resident] = []
        self.life = Life(self.desks, self.estate, time, self._rng, self._later)
        self.life.tell = self._tell
        self.nights = 0
        self._hear: Callable[[str], object] = lambda line: None

    def settle_in(self) -> None:
        """Open everybody's account."""
        for number in range(1, self.size.meters + 1):
            self.residents.append(self.estate.open_resident(number))

    def play(self, day: int) -> None:
        """Let a day pass, the first of which is 0."""
        begins_us = day * DAY_US
        self._at(begins_us + _OPEN_US, self._open_desks)
        self._at(begins_us + _CLOSE_US, lambda: self._close_desks(day % _HAND_OVER_EACH == 6))
        self._at(begins_us + _NIGHT_US, self._prove)
        if self.size.days >= 3 and day in (self.size.days // 3, self.size.days * 2 // 3):
            self._at(begins_us + 4 * HOUR_US, lambda: self._plan_price(day))
        for resident in self.residents:
            self._plan_day(resident, begins_us)
        self._plan_ends(day, begins_us)
        while self._events and self._events[0][0] < begins_us + DAY_US:
            at_us, _, act = heapq.heappop(self._events)
            self.time.move_to(at_us)
            act()

    def finish(self) -> None:
        """Settle all open matters, and bring most of the cards to their meters and a desk."""
        self._events.clear()
        self.time.move_to(self.size.days * DAY_US + _OPEN_US)
        self._open_desks()
        for resident in self.residents:
            self._settle(resident)
        for desk in self.desks:
            desk.close_shift(hand_over=True)
        self._prove()

    def compute_digest(self) -> str:
        """Return a digest of all that was told so far."""
        return self._digest.hexdigest()[:16]

    # ****** Days ******

    def _plan_day(self, resident: Resident, begins_us: int) -> None:
        life, rng = self.life, self._rng
        out_us = rng.randint(10 * MINUTE_US, 10 * HOUR_US)
        self._at(begins_us + out_us, lambda: life.go_out(resident))
        if life.happens(300):
            at_us = begins_us + rng.randrange(DAY_US)
            self._at(at_us, lambda: life.lose_power(resident))
        if life.happens(25):
            self._at(begins_us + rng.randrange(DAY_US), lambda: life.go_wrong(resident))

    def _plan_ends(self, day: int, begins_us: int) -> None:
        """Plan the exchanges and closings: some of each, spread over the days."""
        meters, days = self.size.meters, self.size.days
        for exchange, number in ((True, max(meters // 5, 1)), (False, meters // 10)):
            if day and day * number // days != (day + 1) * number // days:
                resident = self._rng.choice(self.residents)
                self._at(
                    begins_us + 6 * HOUR_US,
                    lambda one=resident, which=exchange: self._end_account(one, which),
                )

    def _end_account(self, resident: Resident, exchange: bool) -> None:
        """End an account as soon as nothing is in the way of it."""
        if not self.life.end_account(resident, exchange):
            self._later(DAY_US, lambda: self._end_account(resident, exchange))

    def _plan_price(self, day: int) -> None:
        """Plan another price from the midnight after the next one on."""
        percent = self._rng.choice((85, 92, 108, 115))
        price_e4 = self.estate.price_e4 * percent // 100
        minute = self.estate.plan_price(price_e4, (day + 1) * DAY_US + _MIDNIGHT_US)
        self.life.did["tariff changed"] += 1
        self._tell(f"{self.time.format()} price {price_e4} from {minute}")

    def _open_desks(self) -> None:
        for desk in self.desks:
            desk.open_shift()

    def _close_desks(self, hand_over: bool) -> None:
        for desk in self.desks:
            desk.close_shift(hand_over)

    def _prove(self) -> None:
        proof = nightly.prove(whole=self.nights % _HAND_OVER_EACH == 0)
        if proof.faults or proof.odd_sums:
            raise TownError(f"the books do not prove: {[*proof.faults, *proof.odd_sums][0]}")
        self.nights += 1

    # ****** The end ******

    def _settle(self, resident: Resident) -> None:
        """Have a resident's matters settled, and most of the cards brought to meter and desk."""
        for _ in range(_TRIES):
            if not (resident.kept or resident.refunds_at):
                break
            self.life.go_out(resident)
        if resident.kept or resident.refunds_at:
            raise TownError(f"meter {resident.house.meter_no}: a sale or refund never ends")
        if resident.gone:
            return
        self.life.set_right(resident, resident.house.meter_no)
        if self.life.happens(200):
            self.life.note(resident, "card not brought back")
            return
        for _ in range(_TRIES):
            if not resident.waits:
                break
            self.life.put_in(resident)
        if not resident.waits and resident.house.receipts:
            self.life.put_in_plainly(resident)
            self._rng.choice(self.desks).look(resident)

    # ****** Events ******

    def _at(self, at_us: int, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at_us, next(self._order), act))

    def _later(self, us: int, act: Callable[[], None]) -> None:
        self._at(self.time.now_us + us, act)

    def listen(self, hear: Callable[[str], object]) -> None:
        """Let `hear` get each event, with its time."""
        self._hear = hear

    def _tell(self, line: str) -> None:
        self._digest.update(line.encode() + b"\n")
        self._hear(line)


def _copy_control(control: Path, number: int) -> Path:
    """Copy the control card for a desk: all desks of a town have the same one."""
    copy = control.with_name(f"control{number}.card")
    copy.write_bytes(control.read_bytes())
    return copy
