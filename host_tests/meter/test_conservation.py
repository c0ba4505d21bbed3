"""Bought = used + balance, through whatever may happen to a meter.

Load, prices, purchases, cuts, restarts, in any order.

Two accounts are held against each other after every step: the meter's own, which must be exact to
the last fraction of a fen, and the bench's, which knows every pulse of the chip. A cut may lose up
to 1 Wh to the resident's good; nothing may ever be charged that was not used, and no fen of credit
may be lost.
"""

import shutil
import tempfile
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dianka.bench.models.fram import Cut
from dianka.desk.prices import NewPrice
from ledger import FEN, PJ_PER_WH, compute_used_fen
from meter_kit import MS, PRICE_E4, USER, MeterKit, S

LOADS_MW = st.sampled_from([0, 40_000, 2_200_000, 6_600_000])
AMOUNTS_FEN = st.integers(1, 60_000)
LONG_AGO = 2501010000  # YYMMDDhhmm


class Life(RuleBasedStateMachine):
    @initialize()
    def new_meter(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dianka-"))
        self.kit = MeterKit.new(self.folder)
        self.sold_fen = self.credited_fen = self.count = self.losses = 0
        self.own, self.mark_pj = 0, 0  # picojoules times price up to the newest change of price

    def teardown(self) -> None:
        if hasattr(self, "kit"):
            self.kit.close()
            shutil.rmtree(self.folder)

    # ****** What happens ******

    @rule(load_mw=LOADS_MW, seconds=st.integers(1, 240))
    def use(self, load_mw: int, seconds: int) -> None:
        self.kit.rig.set_load(load_mw)
        self.kit.wait(seconds * S)

    @rule(amount_fen=AMOUNTS_FEN)
    def purchase(self, amount_fen: int) -> None:
        self._sell(amount_fen)
        self._put_in()

    @rule(amount_fen=AMOUNTS_FEN, point=st.integers(0, 600))
    def purchase_cut_off(self, amount_fen: int, point: int) -> None:
        """Cut the power at some character; the next insertion shows if it was credited before."""
        self._sell(amount_fen)
        slot, esam, passed = self.kit.rig.bench.slot, self.kit.rig.bench.esam, [0]

        def heard(direction: str, index: int) -> None:
            passed[0] += 1
            if passed[0] == point:
                self.kit.cut_now()

        slot.on_character = esam.on_character = heard
        self.kit.run_session(USER)
        slot.on_character = esam.on_character = None
        self._back()
        self._put_in()

    @precondition(lambda self: self.count)
    @rule(amount_fen=AMOUNTS_FEN, price_e4=st.integers(1, 99_999))
    def new_price(self, amount_fen: int, price_e4: int) -> None:
        """A purchase brings a price whose time has come.

        Nothing flows, so that the moment does not matter.
        """
        self._sell(amount_fen, NewPrice(price_e4, LONG_AGO, at_once=True))
        self.kit.rig.set_load(0)
        self.kit.wait(1 * S)
        state, ledger = self.kit.state, self.kit.ledger
        self.own, self.mark_pj = (
            self.own + (state.energy_pj - self.mark_pj) * state.price_e4,
            state.energy_pj,
        )
        ledger.count()
        self._put_in()
        assert self.kit.state.price_e4 == price_e4
        ledger.price_e4 = price_e4

    @rule(dark_us=st.integers(1, 100 * S))
    def power_cut(self, dark_us: int) -> None:
        self.kit.ledger.count()
        self.kit.rig.cut_power()
        self._back(dark_us)

    @rule(byte=st.integers(1, 900), cut=st.sampled_from(Cut), load_mw=LOADS_MW)
    def cut_in_a_commit(self, byte: int, cut: Cut, load_mw: int) -> None:
        self.kit.rig.set_load(load_mw)
        self.kit.rig.bench.fram.cut_after(byte, self.kit.cut_now, cut)
        self.kit.wait(10 * S)
        self.kit.rig.bench.fram.cut_after_bytes = None
        self._back()

    @rule(off_us=st.sampled_from([10 * MS, 60 * MS, 99 * MS, 101 * MS, 5 * S]))
    def mains_failure(self, off_us: int) -> None:
        self.kit.rig.switch_mains_off()
        self.kit.wait(off_us)
        if self.kit.rig.take_view().powered:
            self.kit.rig.switch_mains_on()
            self.kit.wait(2 * S)
        self._back()

    @rule()
    def watchdog(self) -> None:
        self.kit.bite()

    @rule()
    def chip_restart(self) -> None:
        self.kit.ledger.count()
        self.kit.rig.bench.chip.restart()
        self.losses += 1
        self.kit.wait(1 * S)

    # ****** How it is done ******

    def _sell(self, amount_fen: int, new: NewPrice | None = None) -> None:
        self.count = self.kit.sell(amount_fen, new=new)
        self.sold_fen += amount_fen

    def _put_in(self) -> None:
        session = self.kit.run_session(USER)
        assert session.code == 0, session.log
        self.credited_fen = self.sold_fen

    def _back(self, dark_us: int = 1 * S) -> None:
        if not self.kit.rig.take_view().powered:
            self.losses += 1
            self.kit.restart(dark_us)

    # ****** What must hold ******

    @invariant()
    def nothing_is_lost(self) -> None:
        kit, state = self.kit, self.kit.state
        assert (state.bought_fen, state.count) == (self.credited_fen, self.count)
        own = self.own + (state.energy_pj - self.mark_pj) * state.price_e4
        assert compute_used_fen(state) == Fraction(own, FEN)
        money_fen, count = kit.get_esam_wallet()
        assert count == self.count and money_fen >= state.wallet_fen
        lost_pj = kit.ledger.energy_pj - state.energy_pj
        assert 0 <= lost_pj <= (self.losses + 1) * PJ_PER_WH
        assert compute_used_fen(state) <= kit.ledger.owed_fen


Life.TestCase.settings = settings(
    max_examples=10,
    stateful_step_count=22,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestLife = pytest.mark.slow(Life.TestCase)


def test_a_year_of_pulses_is_exact() -> None:
    """The price for one picojoule is a fraction that no number of pulses rounds.

    Checked on the figures used above.
    """
    assert FEN == PJ_PER_WH * 1000 * 100
    assert Fraction(PJ_PER_WH * 1000 * PRICE_E4, FEN) == 50  # 0.50 yuan are 50 fen
