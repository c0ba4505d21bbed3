"""What residents of the town do: buy, put the card in, forget, lose it, ask for money back.

And what happens to them: pulled cards, killed desks, cuts, thieves. All that is decided comes from
one generator of random numbers.
"""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from dianka.bench.stage.stand import MS, S
from dianka.bench.town.desks import Outcome, TownDesk
from dianka.bench.town.estate import Estate
from dianka.bench.town.house import TownError
from dianka.bench.town.residents import Resident, Till
from dianka.bench.town.times import HOUR_US, MINUTE_US, TownTime
from dianka.desk.office.figures.ends import End

_AMOUNTS_FEN = (500, 1000, 1200, 2000, 2000, 3000, 1, 777)
_LOW_FEN = 900
# How a sale ends: most of them well, the others at a command to the card or a statement.
_ENDS = ("",) * 12 + (
    "pull",
    "pull",
    "pull",
    "command",
    "command",
    "statement",
    "statement",
    "said",
)
_STEPS = {"pull": 20, "command": 20, "statement": 50, "said": 1}  # of a sale, about
_OTHER_CARD = 13  # the code of a card that the meter does not know
_SESSION_MS = 3_500  # about as long as a session may last
_DARK_US = (S // 2, 5 * S, 5 * MINUTE_US, 2 * HOUR_US)
_CLOCKS_US = (-5 * HOUR_US, -20 * MINUTE_US, 40 * MINUTE_US, 6 * HOUR_US)
Later = Callable[[int, Callable[[], None]], None]  # so many microseconds from now


class Life:
    """The acts of the town's residents."""

    def __init__(
        self, desks: list[TownDesk], estate: Estate, time: TownTime, rng: Random, later: Later
    ) -> None:
        self.did: Counter[str] = Counter()
        self.tell: Callable[[str], None] = lambda line: None
        self._desks = desks
        for desk in desks:
            desk.count_end = self._count_end
        self._estate = estate
        self._time = time
        self._rng = rng
        self._later = later

    def note(self, resident: Resident, what: str, why: str = "") -> None:
        """Count something that happened, and tell it."""
        self.did[what] += 1
        told = f"{what} ({why})" if why else what
        self.tell(f"{self._time.format()} meter {resident.house.meter_no}: {told}")

    def _count_end(self, how: str) -> None:
        """Count a visit to a desk that has ended early."""
        self.did["card pulled at a desk" if how == "pull" else "desk killed"] += 1

    def happens(self, per_mille: int) -> bool:
        return self._rng.randrange(1000) < per_mille

    # ****** At the desks ******

    def go_out(self, resident: Resident) -> None:
        """Go to a desk if there is a reason; which one is left to chance."""
        if resident.gone:
            return
        resident.house.live(self._time.now_us)
        if resident.kept:
            self._complete(resident)
        elif resident.refunds_at:
            self._ask_money_back(resident, self._find_desk(resident.refunds_at))
        elif self.happens(12):
            self._lose_card(resident)
        elif resident.waits:
            self._go_with_waiting_card(resident)
        elif self._is_low(resident) or self.happens(120):
            self._buy(resident, self._rng.choice(self._desks))

    def _is_low(self, resident: Resident) -> bool:
        stand = resident.house.stand
        return stand.powered and stand.state.balance_fen < _LOW_FEN

    def _buy(self, resident: Resident, desk: TownDesk) -> None:
        outcome = desk.sell(resident, self._rng.choice(_AMOUNTS_FEN), self._pick_end())
        self._note_sale(resident, outcome)
        if outcome.what == "sold":
            self._bring_home(resident)
            if self.happens(60):
                self._ask_money_back(resident, desk)
            elif self.happens(40):
                self._copy_card(resident)
        elif outcome.what == "kept" and self.happens(600):
            self._complete(resident)
        elif outcome.what == "kept" and self.happens(300):
            self.note(resident, "card of a broken sale put in")
            self._later(HOUR_US, lambda: self.put_in_plainly(resident))

    def _complete(self, resident: Resident) -> None:
        """Have a broken sale decided: at its own desk, or first at another one by a look."""
        kept = resident.kept
        assert kept
        own, other = self._find_desk(kept.desk), self._rng.choice(self._desks)
        if other is not own:
            self.note(resident, "broken sale taken to another desk")
            other.look(resident)
        elif self.happens(300):
            own.look(resident)
        if resident.kept:
            self._note_sale(resident, own.sell(resident, 0, self._pick_end()))
        if resident.kept is None:
            self._bring_home(resident)

    def _find_desk(self, till: Till) -> TownDesk:
        return next(desk for desk in self._desks if desk.name == till.name)

    def _note_sale(self, resident: Resident, outcome: Outcome) -> None:
        self.note(resident, f"sale {outcome.what}", outcome.told)

    def _pick_end(self) -> End | None:
        """Draw how a visit ends early; most do not, and some are over before it comes to that."""
        how = self._rng.choice(_ENDS)
        if not how:
            return None
        return End(how, self._rng.randint(1, _STEPS[how]), self._rng.random() < 0.5)

    def _bring_home(self, resident: Resident) -> None:
        """Put the card into the meter some time later; a forgetful one does so another day."""
        found = resident.house.read_card()
        resident.waits = found.count > 0 and found.write_back is None
        resident.tried = resident.copied = False
        if resident.waits and not self.happens(150):
            after_us = self._rng.randint(10 * MINUTE_US, 8 * HOUR_US)
            self._later(after_us, lambda: self.put_in(resident))
        elif resident.waits:
            self.note(resident, "card forgotten")

    def _go_with_waiting_card(self, resident: Resident) -> None:
        """Come with a purchase that is not in the meter: buy again, ask it back, or go home."""
        desk = self._rng.choice(self._desks)
        if self.happens(250):
            self._note_sale(resident, desk.sell(resident, 1000))
        elif self.happens(200):
            self._ask_money_back(resident, desk)
        else:
            self.put_in(resident)

    def _ask_money_back(self, resident: Resident, desk: TownDesk) -> None:
        """Ask for a refund of what has not been near the meter, or go on with one."""
        if not resident.sale or resident.tried or resident.copied:
            return
        fen = resident.house.read_card().money_fen
        if desk.till_fen < fen:
            return
        outcome = desk.refund(resident, self._pick_end())
        self.note(resident, f"refund {outcome.what}", outcome.told)
        if outcome.what == "refused":
            resident.refunds_at = None
        resident.waits = True  # the card wants a receipt, with or without a purchase

    # ****** Lost and copied cards ******

    def _lose_card(self, resident: Resident) -> None:
        """Lose the card, get another; the lost one may turn up at the meter and at a desk."""
        house, former = resident.house, resident.house.card
        if not house.receipts or resident.refunds_at or resident.copied:
            return
        self._estate.replace_card(resident)
        self.note(resident, "card lost and replaced")
        resident.waits = resident.tried = resident.replaced = True
        days_us = self._rng.randint(HOUR_US, 60 * HOUR_US)
        if self.happens(500):
            self._later(days_us, lambda: self._find_card(resident, house.meter_no, former))
        self._later(self._rng.randint(HOUR_US, 8 * HOUR_US), lambda: self.put_in(resident))

    def _find_card(self, resident: Resident, meter_no: int, former: Path) -> None:
        """Put a lost card that was found into its meter, then take it to a desk."""
        if resident.gone or resident.house.meter_no != meter_no:
            return
        resident.house.live(self._time.now_us)
        self.note(resident, "lost card put in")
        resident.house.put_in(former)
        self._time.move_to(resident.house.stand.now_us)
        self._show_other_card(resident, former, "lost card")

    def _show_other_card(self, resident: Resident, card: Path, what: str) -> None:
        """Bring a card to a desk that must not go on being used. TownError if it may."""
        own, resident.house.card = resident.house.card, card
        try:
            outcome = self._rng.choice(self._desks).look(resident)
        finally:
            resident.house.card = own
        self.note(resident, f"{what} {outcome.what} at a desk", outcome.told)
        if outcome.what != "refused":
            raise TownError(f"meter {resident.house.meter_no}: a {what} is taken for a good one")

    def _copy_card(self, resident: Resident) -> None:
        """Let a thief copy the card with its purchase, as no chip allows, and use the copy."""
        house, copy = resident.house, Path(f"copy{self.did['card copied']}.card")
        folder = house.stand.folder
        shutil.copyfile(folder / house.card, folder / copy)
        resident.copied = True
        self.note(resident, "card copied")
        count, meter_no = house.read_card().count, house.meter_no
        for hours in (self._rng.randint(1, 10), self._rng.randint(20, 90)):
            at = hours * HOUR_US
            self._later(at, lambda: self._use_copy(resident, meter_no, copy, count))

    def _use_copy(self, resident: Resident, meter_no: int, copy: Path, count: int) -> None:
        house = resident.house
        if resident.gone or house.meter_no != meter_no:
            return
        house.live(self._time.now_us)
        house.put_in(copy)
        self._time.move_to(house.stand.now_us)
        self.note(resident, "copied card put in")
        if house.read_card().count > count and not resident.kept:
            self._show_other_card(resident, copy, "copied card")

    # ****** At the meter ******

    def put_in(self, resident: Resident) -> None:
        """Put the card into the meter, which may end early; then again until it is done."""
        if resident.gone or not resident.waits or resident.kept or resident.refunds_at:
            return
        house, rng = resident.house, self._rng
        house.live(self._time.now_us)
        resident.tried = True
        after_us = rng.randint(1, _SESSION_MS) * MS
        if self.happens(120):
            self.note(resident, "card pulled at the meter")
            house.put_in_and_pull(after_us)
        elif self.happens(100):
            leave = self.happens(500)
            self.note(resident, f"power cut in a session, card {'left in' if leave else 'out'}")
            house.put_in_and_cut(after_us, rng.choice(_DARK_US[:2]), leave)
        else:
            self.put_in_plainly(resident)
            return
        self._time.move_to(house.stand.now_us)
        self._later(rng.randint(MINUTE_US, HOUR_US), lambda: self.put_in(resident))

    def put_in_plainly(self, resident: Resident) -> None:
        """Put the card into the meter and leave it in until its session is over."""
        house = resident.house
        if resident.gone:
            return
        house.live(self._time.now_us)
        code = house.put_in()
        self._time.move_to(house.stand.now_us)
        self.note(resident, f"session, code {code}" if code else "session")
        if code == _OTHER_CARD and resident.replaced:
            self._make_without_money(resident)
        elif code and not resident.kept:
            raise TownError(f"meter {house.meter_no} refuses a good card with code {code}")
        if not code:
            resident.waits = resident.replaced = False

    def _make_without_money(self, resident: Resident) -> None:
        """Have a replacement made once more that opens an account which is open already.

        Its first purchase had reached the meter, and no desk had seen that (docs/operations.md).
        """
        self._estate.replace_card(resident, with_money=False)
        self.note(resident, "replacement made once more, without money")
        self._later(HOUR_US, lambda: self.put_in(resident))

    def lose_power(self, resident: Resident) -> None:
        """Lose the power while no card is in, once or several times in a row."""
        house, rng = resident.house, self._rng
        if resident.gone:
            return
        house.live(self._time.now_us)
        for _ in range(7 if self.happens(60) else 1):
            at_once = self.happens(600)
            self.note(resident, "power cut" if at_once else "mains fails")
            dark_us = rng.choice(_DARK_US)
            house.lose_power(min(dark_us, HOUR_US // 2), at_once)

    def go_wrong(self, resident: Resident) -> None:
        """Let the meter's clock go wrong; it is set right the day after."""
        house = resident.house
        if resident.gone or house.clock_is_wrong:
            return
        house.live(self._time.now_us)
        # One in three, the first one too: drawn, there would be none of it in most small towns.
        if self.did["clock lost"] * 2 <= self.did["clock wrong"]:
            self.note(resident, "clock lost")
            house.lose_clock()
        else:
            self.note(resident, "clock wrong")
            house.set_clock_wrong(self._rng.choice(_CLOCKS_US))
        self._later(20 * HOUR_US, lambda: self.set_right(resident, house.meter_no))

    def set_right(self, resident: Resident, meter_no: int) -> None:
        """Set a clock right that is wrong."""
        house = resident.house
        if resident.gone or house.meter_no != meter_no or not house.clock_is_wrong:
            return
        house.live(self._time.now_us)
        house.set_clock_right()
        self.note(resident, "clock set")

    # ****** Ends ******

    def end_account(self, resident: Resident, exchange: bool) -> bool:
        """Close the account, or have the meter exchanged; return whether it could be done now."""
        house, desk, rng = resident.house, self._rng.choice(self._desks), self._rng
        busy = resident.kept or resident.refunds_at or resident.waits or resident.copied
        if resident.gone or busy or not house.receipts or house.clock_is_wrong:
            return resident.gone
        house.live(self._time.now_us)
        if desk.till_fen < 12_000 or house.put_in():
            return False
        self._time.move_to(house.stand.now_us)
        self._estate.order_closing(desk, resident)
        house.live(self._time.now_us + HOUR_US)
        house.close_account(rng.choice(("", "pull", "cut")), rng.randint(1, _SESSION_MS) * MS)
        self._time.move_to(house.stand.now_us)
        reading = self._estate.take_statement(desk, resident)
        if exchange:
            self._estate.exchange_meter(desk, resident, reading)
            self.note(resident, "meter exchanged")
            self._later(HOUR_US, lambda: self.put_in(resident))
        else:
            self._estate.close_account(desk, resident, reading)
            self.note(resident, "account closed")
        return True
