"""One household's meter: it lives from hour to hour, takes cards, loses its power.

After each step the firmware's charge is compared with the ledger of the bench; what differs ends
the run (`TownError`). After each cut, change of price and session the household uses nothing until
the meter has heard of all: then both must agree to the last fraction of a fen. A price changes only
to one that a card has brought, and not before its time.
"""

import random
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from dianka.bench.stage.kept import read_kept_energy
from dianka.bench.stage.rig import EPOCH, START
from dianka.bench.stage.stand import MS, S, Stand
from dianka.bench.town.ledger import MeterLedger
from dianka.bench.town.stretch import pass_time
from dianka.bench.town.times import HOUR_US, compute_minute
from dianka.cardos.files import card_files
from dianka.desk.sell import OnCard, read_user_card

# Load by hour of the day, in W: fridge at night, cooking, the evening.
_PROFILE_W = (90, 80, 80, 80, 80, 120, 400, 600, 300, 150, 150, 500)
_PROFILE_W += (450, 150, 120, 120, 200, 600, 1100, 900, 700, 500, 300, 150)
_FIRST_HOUR = 8  # local, when the town begins
_STARTED_US = 3 * S
_REST_US = 500 * MS  # longer than a report may be late
_RECOVERED_US = 20 * S  # after a start, the ESAM's next try included
_LATE_US = 120 * S  # after its minute, a price must be in force
_BEGUN_S = int((START - EPOCH).total_seconds())


class TownError(Exception):
    """Something is lost, doubled or odd. One line."""


@dataclass(frozen=True)
class Plan:
    """A price that a card has brought, and its local minute."""

    price_e4: int
    minute: int


Known = tuple[OnCard, list[Plan]]  # of a card before its session


class House:
    """A meter with its ledger, and the resident's card in the meter's folder."""

    def __init__(self, stand: Stand, meter_no: int, price_e4: int, seed: int) -> None:
        self.stand = stand
        self.meter_no = meter_no
        self.card = Path("resident1.card")
        self.ledger = MeterLedger(stand.rig.bench.chip, price_e4)
        self.plans: list[Plan] = []  # that cards have brought
        self.promised: list[Plan] = []  # of these, what the meter has taken over by a receipt
        self.clock_is_wrong = False
        self.receipts: list[tuple[int, int]] = []  # purchase and balance, as cards got them
        self.closing = False  # a closing order is on its way: the balance goes into a statement
        self.statement_fen: int | None = None  # the balance at the end of a closed account
        self._rng = random.Random(seed * 1_000_003 + meter_no)
        self._scale = self._rng.randint(60, 180)  # per cent of the profile
        self._hour = -1
        self._charged_fen = Fraction(0)  # by the meter at least, before the present session

    # ****** Time ******

    def live(self, until_us: int) -> None:
        """Let time pass up to then, with the load of each hour. TownError if anything is odd."""
        stand = self.stand
        while stand.now_us < until_us:
            hour = stand.now_us // HOUR_US
            if hour != self._hour:
                self._hour = hour
                noise = self._rng.randint(50, 150)
                watts = _PROFILE_W[(hour + _FIRST_HOUR) % 24] * self._scale * noise // 10_000
                stand.rig.set_load(watts * 1000)
            for _ in pass_time(stand, min(until_us, (hour + 1) * HOUR_US)):
                self.check()

    def check(self) -> None:
        """Compare the meter with the ledger now. TownError says what differs."""
        stand = self.stand
        if not stand.powered or self.closing or stand.meter is None:
            return
        state = stand.state
        changes = state.price_e4 != self.ledger.price_e4
        if changes:
            self._follow_price(state.price_e4)
        self._raise_fault(self.ledger.find_fault(state) or self._find_late_price())
        if changes:
            self.settle()

    def rest(self) -> int:
        """Use nothing until the meter has heard of all that was used; return the load before."""
        load_mw = self.stand.rig.bench.mains.load_mw
        self.stand.rig.set_load(0)
        self.stand.wait(_REST_US)
        return load_mw

    def settle(self) -> None:
        """Rest, and compare to the last fraction of a fen. TownError says what differs."""
        load_mw = self.rest()
        self.check()
        self._raise_fault(self.ledger.settle(self.stand.state))
        self.stand.rig.set_load(load_mw)

    def _raise_fault(self, fault: str) -> None:
        if fault:
            raise TownError(f"meter {self.meter_no}: {fault}")

    def _follow_price(self, price_e4: int) -> None:
        brought = [plan for plan in self.plans if plan.price_e4 == price_e4]
        if not brought:
            raise TownError(f"meter {self.meter_no} charges {price_e4}, which no card has brought")
        now = compute_minute(self._read_clock_us())
        if not self.clock_is_wrong and all(plan.minute > now for plan in brought):
            raise TownError(f"meter {self.meter_no} charges {price_e4} at {now}, before its time")
        if self.clock_is_wrong:  # it has begun for this meter, and stays in force
            self.promised = [plan for plan in self.promised if plan.price_e4 != price_e4]
            self.promised.append(Plan(price_e4, 0))
        self.ledger.change_price(price_e4)

    def _find_late_price(self) -> str:
        """Return that a price which has been due for a while is not in force, or nothing."""
        now_us = self._read_clock_us()
        late, now = compute_minute(now_us - _LATE_US), compute_minute(now_us)
        due = [plan for plan in self.promised if plan.minute <= late]
        # In force without a receipt, or within the last two minutes.
        taken = [plan for plan in self.plans if plan not in due and plan.minute <= now]
        right = {plan.price_e4 for plan in (*taken, *due[-1:])}
        if self.clock_is_wrong or not due or self.ledger.price_e4 in right:
            return ""
        return f"charges {self.ledger.price_e4} at {late}, and {due[-1]} is due"

    def _read_clock_us(self) -> int:
        """Return the clock chip's time as one of the town's."""
        return self.stand.rig.bench.clock_chip.time_us - _BEGUN_S * 1_000_000

    # ****** Cards ******

    def read_card(self, card: Path | None = None) -> OnCard:
        """Return what a card that is not in the slot says, without any key."""
        with self.stand.open(card or self.card) as file:
            return read_user_card(file.chip)

    def put_in(self, card: Path | None = None) -> int:
        """Run a whole session; return its code, 0 if all went well."""
        card = card or self.card
        load_mw = self.rest()  # so that its receipt is exact
        known = self._know_card(card)
        session = self.stand.run_session(card)
        self._note_session(card, known)
        self.stand.rig.set_load(load_mw)
        return session.code

    def put_in_and_pull(self, after_us: int) -> None:
        """Put the card in, and pull it so long after that."""
        known = self._know_card(self.card)
        self.stand.rig.insert(self.card)
        self.stand.wait(after_us)
        self.stand.pull()
        self._note_session(self.card, known)

    def put_in_and_cut(self, after_us: int, dark_us: int, leave: bool) -> None:
        """Put the card in, and lose the power so long after that; `leave` it in meanwhile."""
        known = self._know_card(self.card)
        stand = self.stand
        stand.rig.insert(self.card)
        stand.wait(after_us)
        self._cut()
        if not leave:
            stand.pull()
        stand.wait(dark_us)
        self._restore()
        if leave:
            stand.watch()
            stand.pull()
        self._note_session(self.card, known)

    def _know_card(self, card: Path) -> Known:
        """Return what a card says before its session, and the prices that it brings."""
        self.check()
        ledger = self.ledger
        self._charged_fen = ledger.owed_fen - ledger.slack_fen - ledger.untold_fen
        found, files = self.read_card(card), self.stand.read_card_state(card).files
        minute, plans = found.params["switch_time"], []
        if found.params["card_type"] == card_files.OPEN:
            plans.append(Plan(read_price(files[card_files.CARD_TARIFF_1]), 0))
        if minute:
            plans.append(Plan(read_price(files[card_files.CARD_TARIFF_2]), minute))
        return found, plans

    def _note_session(self, card: Path, known: Known) -> None:
        """Enter in the ledger what the ESAM has taken from this card."""
        found, plans = known
        if not self._is_recovered():
            raise TownError(f"meter {self.meter_no} does not come back from card {card.name}")
        count = self.stand.get_esam_wallet()[1]
        if count == found.count > 0 and count not in self.ledger.credited:
            if count != len(self.ledger.credited) + 1:
                raise TownError(f"meter {self.meter_no} has left out a purchase before {count}")
            self.ledger.credited[count] = found.money_fen
        if count == found.count:
            self.plans += [plan for plan in plans if plan not in self.plans]
        self.settle()
        back = self.read_card(card).write_back
        if back and back != found.write_back:
            balance_fen = back["balance_fen"] - back["overdraft_fen"]
            self._check_receipt(balance_fen)
            self.receipts.append((back["count"], balance_fen))
            if back["count"] == found.count:
                self.promised += [plan for plan in plans if plan not in self.promised]

    def _is_recovered(self) -> bool:
        """Wait until the journal has what the ESAM has; return whether it ever does."""
        stand, until_us = self.stand, self.stand.now_us + _RECOVERED_US
        while stand.now_us < until_us:
            if stand.state.count == stand.get_esam_wallet()[1] and stand.meter.settlement.ready:
                return True
            stand.wait(S)
        return False

    def close_account(self, broken: str, after_us: int) -> None:
        """Put the card with its closing order in, until the meter has obeyed it.

        `broken`: "pull" or "cut" the first session so long after its beginning, or "".
        """
        self.settle()
        self.rest()  # the statement is exact
        self.closing, stand = True, self.stand
        if broken:
            stand.rig.insert(self.card)
            stand.wait(after_us)
            if broken == "cut":
                self._cut()
            stand.pull()
            self._restore()
        stand.wait(_RECOVERED_US)
        session = stand.run_session(self.card)
        if session.code or not session.ended:
            raise TownError(f"meter {self.meter_no} does not close its account: {session.log[-2:]}")
        self._raise_fault(self.ledger.settle(stand.state))

    def take_statement(self, balance_fen: int) -> None:
        """Enter the final statement. TownError if it is not what was left."""
        left_fen = self.ledger.compute_balance(self.ledger.owed_fen)
        if balance_fen != left_fen:
            self._raise_fault(f"its statement says {balance_fen} fen, {left_fen} were left")
        self.statement_fen = balance_fen

    def _check_receipt(self, balance_fen: int) -> None:
        """Raise TownError unless the balance was that by the ledger at some time of the session.

        Where nothing was used in the session, there is one such balance.
        """
        most_fen = self.ledger.compute_balance(self._charged_fen)
        left_fen = self.ledger.compute_balance(self.ledger.owed_fen)
        if not left_fen <= balance_fen <= most_fen:
            told = f"{left_fen} to {most_fen} were left"
            self._raise_fault(f"its receipt says {balance_fen} fen, {told}")

    # ****** Power and clock ******

    def lose_power(self, dark_us: int, at_once: bool) -> None:
        """Lose the power outside of any session: at once, or with the supply's hold-up."""
        if at_once:
            self._cut()
        else:
            self.ledger.note_cut()
            self.stand.rig.switch_mains_off()
            self.stand.wait(S)
        self.stand.wait(dark_us)
        self._restore()
        self.settle()

    def set_clock_wrong(self, off_us: int) -> None:
        """Let the clock chip go wrong by so much."""
        chip = self.stand.rig.bench.clock_chip
        chip.move_to(chip.time_us + off_us)
        self.clock_is_wrong = True

    def lose_clock(self) -> None:
        """Let the clock's battery be empty when the power fails."""
        chip = self.stand.rig.bench.clock_chip
        chip.battery, self.clock_is_wrong = False, True
        self.lose_power(S, at_once=True)
        chip.battery = True

    def set_clock_right(self) -> None:
        """Have the clock set as an installer does, over the console; the meter starts again."""
        stand, meter = self.stand, self.stand.meter
        runner: Any = stand.rig.runner  # rung 1's, which has a console
        right_s = _BEGUN_S + stand.now_us // 1_000_000
        self.ledger.note_cut()
        runner.ask(lambda: meter.set_clock(right_s, back=True), 2 * S)
        stand.wait(_STARTED_US)
        self.clock_is_wrong = False
        self.settle()

    def _cut(self) -> None:
        self.ledger.note_cut()
        self.stand.rig.cut_power()

    def _restore(self) -> None:
        """Let the mains come back, and the meter start."""
        if not self.stand.rig.bench.chip.powered:
            self.ledger.note_dark(read_kept_energy(self.stand))
        self.stand.switch_mains_on()
        self.stand.wait(500 * MS)


def read_price(block: bytes) -> int:
    """Return the price of a tariff file, 0 if it has none."""
    if not any(block):
        return 0
    return card_files.unpack_tariff(card_files.unframe(block)[1])["rates_e4"][0]
