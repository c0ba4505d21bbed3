"""A household's life with its meter: time passes, people act, and everything is checked.

Between two moments of a day, time is stretched (stretch.py). What happens is played at full
resolution: each midnight and change of price, the moment at which a balance falls to a stage, and
every act (acts.py). Times are local seconds since 2000-01-01 of the world, which the meter's clock
need not tell.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

from dianka.bench.campaign.soak.household import DAY_S, Household
from dianka.bench.campaign.soak.ledger import CUT_LIMIT_PJ, Ledger, WrongBooks
from dianka.bench.campaign.soak.stages import Stages
from dianka.bench.campaign.soak.stretch import Stretcher
from dianka.bench.campaign.soak.tariffs import Tariff
from dianka.bench.campaign.soak.wear import SETTLE_S
from dianka.bench.campaign.trial import MS, USER, S, Trial
from dianka.bench.models.clock import Timer
from dianka.bench.models.mains import NOMINAL_MV
from dianka.bench.stage.kept import read_kept_energy
from dianka.bench.stage.stand import CONTROL
from dianka.cardos.files import pack_tariff
from dianka.desk import issue
from dianka.desk.prices import card_minute

OFFSET_S = 8 * 3600
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # stands for local time
START_S = int((datetime(2026, 1, 5, 9, tzinfo=UTC) - _EPOCH).total_seconds())
ALARM1_FEN, ALARM2_FEN, HOARD_FEN = 1_000, 300, 60_000
CUSTOMER = 34
_LEAD_US = 600 * MS  # before a change of price or day, played at full resolution
_AFTER_US = 350 * MS
_NEW_DAY_US = 1_250 * MS  # the meter looks once a second whether a day has begun
# Counted by the chip and not yet by the meter: 0.26 s (firmware/meter.py), and more while it talks
# to a chip.
UNHEARD_US = 400 * MS
_STAGE_PJ = 100 * 3_600_000_000_000  # 0.1 Wh: so close to a stage it is played
_STAGE_US = 1 * S
_STAGE_STEPS = 3_600
_STARTED_US = 25 * S  # a start, this meter's turn after an outage, and ten seconds forgiven
Act = Callable[[], None]
PlanDay = Callable[["Life", int], list[tuple[int, Act]]]


class Life:
    """One household, its meter and its books; `number` tells households of one seed apart.

    `calm`: nothing is used around what is played, so that nothing depends on when in the
    hundred milliseconds the metering chip has sent its report. `settle_s` is the meter's own time
    from one settling to the next, as measured (wear.py).
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        number: int,
        stretched: bool = True,
        calm: bool = False,
        settle_s: int = SETTLE_S,
        start_s: int = START_S,
        tariff: Tariff | None = None,
    ) -> None:
        self.folder = folder
        self.household = Household(seed, number)
        self.calm = calm
        self.card = USER
        self.waiting_fen = 0  # a purchase on the card that is not in the meter yet
        self.happened: Counter[str] = Counter()
        self.cash_fen = 0  # paid at the desk, refunds taken off
        self.used_fen = 0  # in meters that were taken down
        self.energy_pj = self.checks = self.cuts = self.most_lost_pj = self.stretches = 0
        self.settled_us = 0  # the time in which each settling has something to settle
        self._settle_us = settle_s * S
        self.load_mw = 0
        self.clock_tells = True
        self._seed = seed
        self._stretched = stretched
        self._meters = 0
        self.react: Callable[[int], None] = lambda stage: None
        self._acts: list[tuple[int, int, Act]] = []
        self._order = count()
        self.overdraft_fen = self.household.draw(0, "limits").choice((0, 500, 2_000))
        self._start_s = start_s
        price_e4 = self.household.draw(0, "price").randrange(4_500, 6_500)
        self.move_in(tariff or Tariff((price_e4,)))

    # ****** Meters ******

    def move_in(self, tariff: Tariff, control: bytes | None = None) -> None:
        """Get a new meter with this tariff, initialised and with private keys."""
        begin_us = self.now_us if self._meters else self._start_s * S
        self._meters += 1
        folder = self.folder / f"meter{self._meters}"
        folder.mkdir()
        if control:
            (folder / CONTROL).write_bytes(control)
        self.trial = Trial(folder, seed=self._seed * 1_000 + self._meters)
        self._base_us = begin_us - self.trial.now_us
        self._least_pj = 0  # gone with the supply of the metering chip, for certain
        self.stretcher = Stretcher(self.trial, self._stretched)
        self.trial.rig.bench.clock_chip.set(self.now_s - OFFSET_S)
        self.set_up(tariff)

    def set_up(self, tariff: Tariff) -> None:
        """Give the meter its first cards, and begin its books."""
        trial, (rates_e4, more) = self.trial, tariff.describe()
        data = b"" if tariff.is_flat else pack_tariff(rates_e4, more)
        alarms_fen = ALARM1_FEN, ALARM2_FEN
        limits_fen = *alarms_fen, self.overdraft_fen, HOARD_FEN, 0
        trial.set_up(
            issue.InitData(self._meters, *limits_fen, rates_e4, tariff=data),
            issue.UserData(self._meters, CUSTOMER, *alarms_fen, rates_e4, tariff=data),
        )
        self.card = USER
        self.stages = Stages(ALARM2_FEN, self.overdraft_fen, 0)
        chip = trial.rig.bench.chip
        self.ledger = Ledger.begin(
            trial.state, self.delivered_pj, chip.begun_pj, tariff, chip.params.pulse_pj
        )
        self.ledger.follow_time(self.chip_s)
        self._change: Timer | None = None
        self.await_change()

    def close(self) -> None:
        self.trial.close()

    def leave(self) -> None:
        """Take the meter down whose account is closed, and get a new one with the same tariff."""
        self.add_up()
        control, tariff = (self.trial.folder / CONTROL).read_bytes(), self.ledger.tariff
        self.trial.close()
        self.move_in(tariff, control)

    def finish(self) -> None:
        """Settle, and see that what was paid is what was used and is left, in all meters."""
        self.rest()
        self.check()
        self.trial.rig.switch_mains_off()
        self.trial.wait(50 * MS)
        self.trial.rig.switch_mains_on()
        self.trial.wait(3 * S)
        self.check()
        balance_fen = self.ledger.balance_fen
        money_fen, _ = self.trial.get_esam_wallet()
        if money_fen != max(0, balance_fen):
            raise WrongBooks(f"the settled ESAM has {money_fen} of {balance_fen} fen", money_fen)
        self.add_up()
        if self.cash_fen != self.used_fen + balance_fen:
            raise WrongBooks(
                f"{self.cash_fen} fen were paid, {self.used_fen} used and {balance_fen} are left",
                self.used_fen + balance_fen - self.cash_fen,
            )

    def add_up(self) -> None:
        """Add the present meter's books to those of the household."""
        ledger = self.ledger
        self.used_fen += int(ledger.used_fen)
        self.energy_pj += ledger.energy_pj
        self.checks += ledger.checks
        self.cuts += ledger.cuts
        self.most_lost_pj = max(self.most_lost_pj, ledger.most_lost_pj)
        self.stretches += self.stretcher.stretches

    # ****** Time ******

    @property
    def now_us(self) -> int:
        """Return the time of the world in microseconds, local, since 2000-01-01."""
        return self._base_us + self.trial.now_us + self.stretcher.skipped_us

    @property
    def now_s(self) -> int:
        return self.now_us // S

    @property
    def chip_s(self) -> int | None:
        """Return the local time by the meter's clock chip, None while that tells none."""
        if not self.clock_tells:
            return None
        return self.trial.rig.bench.clock_chip.time_s + OFFSET_S

    @property
    def clock_is_right(self) -> bool:
        """Return whether the clock chip tells the time, and the right one."""
        return self.chip_s is not None and abs(self.chip_s - self.now_s) <= 1

    @property
    def wallet_writes(self) -> int:
        """Return how often the ESAMs' wallet was written, had every settling been played.

        A purchase is a debit and a credit, and a mains that fails a settling.
        """
        happened = self.happened
        failed = happened["power cuts"] + happened["brown-outs"]
        return self.settled_us // self._settle_us + 2 * happened["purchases"] + failed

    @property
    def when(self) -> datetime:
        return _EPOCH + timedelta(seconds=self.now_s)

    def date(self, at_s: int) -> datetime:
        return _EPOCH + timedelta(seconds=at_s)

    def get_minute(self) -> int:
        return card_minute(self.when)

    def schedule(self, delay_s: int, act: Act) -> None:
        """Let this happen in so many seconds."""
        heapq.heappush(self._acts, (self.now_us + delay_s * S, next(self._order), act))

    def live_a_day(self, plan_day: PlanDay) -> None:
        """Live to the end of this day."""
        self.live_until((self.now_s // DAY_S + 1) * DAY_S, plan_day)

    def live_until(self, end_s: int, plan_day: PlanDay) -> None:
        """Live up to this time. `plan_day` returns what happens on a day, by its seconds."""
        while self.now_s < end_s:
            day = self.now_s // DAY_S
            moments = plan_day(self, day)
            for second, load_mw in self.household.plan_load(day, self.when.month):
                moments.append((second, partial(self.set_load, load_mw)))
            for second, act in sorted(moments, key=lambda moment: moment[0]):
                if day * DAY_S + second < end_s:
                    self.pass_until((day * DAY_S + second) * S)
                    act()
            self.pass_until(min((day + 1) * DAY_S, end_s) * S)

    def set_load(self, load_mw: int) -> None:
        self.load_mw = load_mw

    def pass_until(self, at_us: int) -> None:
        """Let time pass up to this moment of the world."""
        while self.now_us < at_us:
            act_us = self._acts[0][0] if self._acts else at_us
            stop_us, change_us = min(at_us, act_us), self.find_change()
            if stop_us < change_us - _LEAD_US:
                self._pass_quietly(stop_us)
            else:
                self._pass_quietly(change_us - _LEAD_US)
                self._cross_change(change_us)
            while self._acts and self._acts[0][0] <= self.now_us:
                heapq.heappop(self._acts)[2]()

    def play(self, us: int) -> None:
        """Let time pass at full resolution, under the load."""
        self.trial.rig.bench.mains.set_load(self.load_mw)
        self.trial.wait(us)

    def rest(self) -> None:
        """Use nothing until the meter has heard of all that was used."""
        self.trial.rig.bench.mains.set_load(0)
        self.trial.wait(UNHEARD_US)

    # ****** Checks ******

    @property
    def delivered_pj(self) -> int:
        return self.trial.rig.bench.mains.energy_nj * 1000

    def check(self, unheard_us: int = 0) -> None:
        """Compare the meter with the books; at full resolution some may be unheard."""
        power_mw = max(self.trial.rig.bench.mains.power_mw, self.load_mw)
        unheard_pj = power_mw * (unheard_us + MS) * 1000
        self.ledger.check(self.trial.state, self.delivered_pj, self.chip_s, unheard_pj)
        self.stages.follow(self.ledger.balance_fen)
        self.await_change()

    def check_supply(self) -> None:
        """Check that the supply is on or off as the account says, and the ESAM has the money."""
        balance_fen = self.ledger.balance_fen
        expected, closed = self.stages.is_on(balance_fen), self.trial.relay_closed
        if expected != closed:
            raise WrongBooks(
                f"at {balance_fen} fen the supply is {'on' if closed else 'off'}: "
                f"{self.trial.lines[-3:]}"
            )
        money_fen, number = self.trial.get_esam_wallet()
        if number != self.ledger.count or money_fen < max(0, balance_fen):
            raise WrongBooks(f"the ESAM has {money_fen} fen, count {number}", money_fen)
        against = self.trial.list_violations()
        assert not against, f"against the rules of a part: {against[:3]}"

    def restore(self) -> None:
        """Let the mains come back as it should be."""
        if not self.trial.rig.bench.chip.powered:
            kept_pj = read_kept_energy(self.trial)
            self._least_pj = self.ledger.compute_gone(kept_pj, self.delivered_pj)
        self.trial.rig.bench.mains.set_load(self.load_mw)
        self.trial.rig.set_volts(NOMINAL_MV)
        self.trial.rig.switch_mains_on()

    def set_pulses(self, pulses: int) -> None:
        """Let the metering chip have counted so many pulses already, before its first report."""
        self.trial.rig.bench.chip.set_pulses(pulses)

    def come_back(self, limit_pj: int = CUT_LIMIT_PJ, check_supply: bool = True) -> None:
        """Let a meter that had no supply, or a restart, come back, and compare it."""
        self.restore()
        self.trial.wait(_STARTED_US)
        self.rest()
        energies_pj = self.delivered_pj, self.trial.rig.bench.chip.begun_pj
        least_pj, self._least_pj = self._least_pj, 0
        self.ledger.check_cut(self.trial.state, *energies_pj, self.chip_s, limit_pj, least_pj)
        self.stages.follow(self.ledger.balance_fen)
        self.await_change()
        if check_supply:
            self.check_supply()

    # ****** Changes of the price ******

    def note_change(self) -> None:
        """Take note of what has been delivered as the price may change, by time or by an act."""
        power_mw = max(self.trial.rig.bench.mains.power_mw, self.load_mw)
        self.ledger.note_change(self.delivered_pj, power_mw * UNHEARD_US * 1000)

    def await_change(self) -> None:
        """Be there when the price changes next, by the clock chip as it is now."""
        if self._change:
            self._change.cancel()
        wait_us = self.find_change() - self.now_us
        self._change = self.trial.rig.clock.call_after(wait_us, self._pass_change)

    def _pass_change(self) -> None:
        self.note_change()
        plan = self.ledger.plan
        if not (plan and plan[0] * S <= self.trial.rig.bench.clock_chip.time_us + OFFSET_S * S):
            self.await_change()

    def find_change(self) -> int:
        """Return the moment of the world at which price or day changes by the meter's clock."""
        chip = self.trial.rig.bench.clock_chip
        local_us = chip.time_us + OFFSET_S * S
        change_s = self.ledger.tariff.find_change(local_us // S)
        if self.ledger.plan:
            change_s = min(change_s, max(self.ledger.plan[0], local_us // S + 1))
        return self.now_us + change_s * S - local_us

    # ****** Inside ******

    def _cross_change(self, change_us: int) -> None:
        """Play the moment at which price or day changes."""
        if self.calm:
            self.rest()
        else:
            self.trial.rig.bench.mains.set_load(self.load_mw)
        new_day = change_us // S % DAY_S in (DAY_S - 1, 0)
        after_us = _NEW_DAY_US if new_day or not self.clock_tells else _AFTER_US
        self.trial.wait(change_us + after_us - self.now_us)
        self.check(UNHEARD_US)

    def _pass_quietly(self, until_us: int) -> None:
        """Let time pass in which nothing happens but that a balance may fall to a stage."""
        while self.now_us < until_us:
            left_us, stage = until_us - self.now_us, None
            if self.trial.relay_closed and self.load_mw and self.trial.powered:
                stage = self.stages.find_next(self.ledger.balance_fen)
            if stage is not None:
                near_pj = self.ledger.compute_energy_to(stage) - _STAGE_PJ
                if near_pj // (self.load_mw * 1000) < left_us:
                    self._stretch(max(0, near_pj // (self.load_mw * 1000)))
                    self._cross_stage(stage)
                    continue
            self._stretch(left_us)

    def _stretch(self, us: int) -> None:
        before_fen = self.ledger.balance_fen
        self.stretcher.pass_time(us, self.load_mw, self.check)
        self.check(UNHEARD_US)
        # As many settlings as there are times for, or fen, whichever is less.
        due_us = (before_fen - self.ledger.balance_fen) * self._settle_us
        self.settled_us += min(us, due_us)

    def _cross_stage(self, stage: int) -> None:
        """Play the moment at which the balance falls to a stage, and see that the supply obeys."""
        for _ in range(_STAGE_STEPS):
            self.play(_STAGE_US)
            self.check(UNHEARD_US)
            if self.ledger.balance_fen <= stage:
                break
        else:
            raise WrongBooks(f"the balance never falls to {stage} fen")
        self.play(2 * S)
        self.check(UNHEARD_US)
        self.check_supply()
        self.happened["stages"] += 1
        self.react(stage)
