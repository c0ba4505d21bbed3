"""Random operations on firmware, ledger and cards together, near what decides about each of them.

Hypothesis draws what comes next, and values near the meter's own: amounts that end at a stage, at
zero, at the overdraft's limit and at the most that may be hoarded; energy that ends a pulse before
or behind a stage or a step; a metering chip's count near its wrap. The ledger is that of `make
soak`, which compares after every operation. A failure prints the shortest sequence that has it.
"""

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from dianka.bench.campaign.cuts.campaign import make_folder
from dianka.bench.campaign.soak import people, trouble, utility
from dianka.bench.campaign.soak.ledger import WrongBooks
from dianka.bench.campaign.soak.life import HOARD_FEN, UNHEARD_US, Life
from dianka.bench.campaign.soak.tariffs import PJ_PER_KWH, Tariff
from dianka.bench.campaign.trial import MS, S
from dianka.bench.rungs import runners
from dianka.firmware import load_shared
from pulled_kit import planted
from sweeps import sweep

fram_map = load_shared("fram_map")
SLOT_BYTES, RECORD_BYTES = fram_map.JOURNAL_SLOT_BYTES, 179
LOAD_MW = 2_000_000
CHIP_MODULUS = 1 << 17
STEPPED = Tariff((5_000, 9_000), ((0, 0), (36_000, 1)), (PJ_PER_KWH // 20, PJ_PER_KWH // 10),
                 (0, 3_000, 9_000))  # fmt: skip
TARIFFS = (Tariff((5_000,)), STEPPED)
CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]
chances = st.integers(0, 1 << 20).map(Random)
near = st.integers(-2, 2)
NOBODY_WAITS = precondition(lambda self: not self.life.waiting_fen)


class AnyLife(RuleBasedStateMachine):
    """One meter in use, and what may happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self._place = make_folder()
        self.life = life = Life(Path(self._place.name), 1, 1, tariff=STEPPED)
        people.sell(life, 320)  # 20 fen above alarm 2
        people.put_card_in(life)

    def teardown(self) -> None:
        try:
            if self.life.waiting_fen <= HOARD_FEN - self.life.ledger.balance_fen:
                people.put_card_in(self.life)
                self.life.finish()
        finally:
            self.life.close()
            self._place.cleanup()

    @invariant()
    def is_exact(self) -> None:
        self.life.check(UNHEARD_US)

    # ****** Use ******

    @rule(more=near)
    def use_to_a_stage(self, more: int) -> None:
        """Use electricity until the balance is at its next stage, or pulses from it."""
        ledger = self.life.ledger
        stage = self.life.stages.find_next(ledger.balance_fen)
        if stage is not None and self.life.trial.relay_closed:
            self._use(ledger.compute_energy_to(stage) + more * ledger.pulse_pj)

    @rule(more=near, upto=st.sampled_from((*STEPPED.limits_pj, PJ_PER_KWH)))
    def use_to_a_step(self, more: int, upto: int) -> None:
        """Use electricity until the step of the tariff ends, or pulses from it."""
        self._use(max(0, upto - self.life.trial.state.step_pj) + more * self.life.ledger.pulse_pj)

    @rule(seconds=st.integers(1, 100_000), watts=st.sampled_from((3, 60, 700, 6_000)))
    def use_for_a_time(self, seconds: int, watts: int) -> None:
        self.life.set_load(watts * 1000)
        self.life.pass_until(self.life.now_us + seconds * S)
        self.life.set_load(0)

    def _use(self, energy_pj: int) -> None:
        if energy_pj > 0:
            self.life.set_load(LOAD_MW)
            self.life.pass_until(self.life.now_us + -(-energy_pj // (LOAD_MW * 1000)))
            self.life.rest()
            self.life.set_load(0)

    # ****** Cards ******

    @NOBODY_WAITS
    @rule(
        end=st.sampled_from((HOARD_FEN, HOARD_FEN + 1, 0, 1, 300, 301, -500, -499)),
        else_fen=st.integers(1, 2_000),
    )
    def buy(self, end: int, else_fen: int) -> None:
        """Buy what brings the balance just there, if anything does."""
        amount_fen = end - self.life.ledger.balance_fen
        people.sell(self.life, amount_fen if amount_fen > 0 else else_fen)

    @rule()
    def put_card_in(self) -> None:
        people.put_card_in(self.life)

    @rule(draw=chances)
    def pull_card_early(self, draw: Random) -> None:
        people.pull_card_early(self.life, draw)
        people.put_card_in(self.life)

    @rule(draw=chances)
    def lose_power_inside(self, draw: Random) -> None:
        people.lose_power_inside(self.life, draw)
        people.put_card_in(self.life)

    @rule()
    def hold_key(self) -> None:
        people.hold_key(self.life)

    @NOBODY_WAITS
    @rule(amount_fen=st.sampled_from((1, 299, 1_000)))
    def replace_card(self, amount_fen: int) -> None:
        if self.life.ledger.balance_fen + amount_fen <= HOARD_FEN and not self.life.ledger.plan:
            utility.replace_card(self.life, amount_fen)

    # ****** Utility ******

    @rule()
    def inspect(self) -> None:
        utility.inspect(self.life)

    @rule()
    def change_keys(self) -> None:
        utility.change_keys(self.life)

    @NOBODY_WAITS
    @rule(tariff=st.sampled_from(TARIFFS), minutes=st.integers(2, 90))
    def change_tariff(self, tariff: Tariff, minutes: int) -> None:
        settled = self.life.clock_is_right and not self.life.ledger.plan
        if settled and self.life.ledger.balance_fen < HOARD_FEN:
            utility.change_tariff(self.life, tariff, minutes, 1)

    @NOBODY_WAITS
    @rule()
    def swap_meter(self) -> None:
        if self.life.clock_is_right and not self.life.ledger.plan:
            utility.swap_meter(self.life)

    # ****** Troubles ******

    @rule(draw=chances, make=st.sampled_from((trouble.cut_power, trouble.dip, trouble.bite,
                                              trouble.stop_clock, trouble.lose_clock,
                                              trouble.set_clock_off)))  # fmt: skip
    def meet_trouble(self, draw: Random, make: trouble.Trouble) -> None:
        self.life.set_load(LOAD_MW)
        make(self.life, draw)
        self.life.set_load(0)

    @rule(half=st.sampled_from(fram_map.HALVES), byte=st.integers(0, 8 * RECORD_BYTES - 1),
          bit=st.integers(0, 7))  # fmt: skip
    def flip_a_bit(self, half: int, byte: int, bit: int) -> None:
        """Flip a bit of the journal in one half, and cut the power: the other half has it."""
        slot, at = divmod(byte, RECORD_BYTES)
        memory = self.life.trial.rig.bench.fram.memory
        memory[half + fram_map.JOURNAL_AT + slot * SLOT_BYTES + at] ^= 1 << bit
        self._cut()

    @rule(before=st.integers(1, 400))
    def wrap(self, before: int) -> None:
        """Let the metering chip's count come to its wrap, so many pulses after a start."""
        trial, life = self.life.trial, self.life
        life.rest()
        life.check()
        trial.rig.cut_power()
        trial.wait(S)
        life.restore()
        trial.wait(MS)
        life.set_pulses(CHIP_MODULUS - before)
        life.come_back()
        self._use(2 * before * life.ledger.pulse_pj)

    def _cut(self) -> None:
        self.life.trial.rig.cut_power()
        self.life.trial.wait(S)
        self.life.come_back()


def test_a_count_that_is_charged_again_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Energy that a start charges for the second time is in no loss that the books forgive."""
    right = "return min(new, since) if new <= self._compute_limit"
    wrong = right.replace("since)", "since) + register")
    monkeypatch.setattr(runners, "FIRMWARE", planted(tmp_path, "metering", right, wrong))
    short = settings(max_examples=4, stateful_step_count=12, derandomize=True)
    once = settings(short, phases=[Phase.generate], deadline=None, suppress_health_check=CALM)
    # What has failed ends with a check too, which has the last word.
    said = "were charged again after a cut|were counted that nobody used"
    with pytest.raises(WrongBooks, match=said):
        run_machine(AnyLife, settings=once)


@sweep(2)
def test_any_life_is_exact(every: int) -> None:
    """A dozen steps of a few lives; in the campaign, many long ones."""
    few = settings(max_examples=4, stateful_step_count=12, derandomize=True)
    many = settings(max_examples=400, stateful_step_count=40)
    chosen = many if every == 1 else few
    run_machine(AnyLife, settings=settings(chosen, deadline=None, suppress_health_check=CALM))
