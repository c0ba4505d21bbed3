"""A life as in test_conservation.py, with a memory silent at starts again and again.

It is silent for random times. Loads, cards, cuts and watchdog bites fall into the silence. A cut in
it costs what was counted in it, and nothing else.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from test_conservation import LOADS_MW, Life

from ledger import PJ_PER_WH
from memory_kit import silent_start
from meter_kit import MS, USER, S

SPANS_MS = st.one_of(st.integers(0, 1_500), st.integers(0, 30_000))


class SilentLife(Life):
    """All that may happen to a meter in use, and its memory is silent at starts."""

    @rule(
        span_ms=SPANS_MS,
        load_mw=LOADS_MW,
        card_ms=st.integers(500, 20_000),
        sell_fen=st.integers(0, 20_000),
        warm=st.booleans(),
    )
    def silence(self, span_ms: int, load_mw: int, card_ms: int, sell_fen: int, warm: bool) -> None:
        """A start into silence; a card is put in at some moment of it, or later."""
        kit, fram = self.kit, self.kit.rig.bench.fram
        if sell_fen:
            self._sell(sell_fen)
        kit.rig.set_load(load_mw)
        if warm:
            fram.mute = True
            kit.rig.clock.call_after(span_ms * MS, lambda: setattr(fram, "mute", False))
            kit.bite()
        else:
            self.losses += 1
            silent_start(kit, span_ms * MS)
        kit.wait(card_ms * MS)
        kit.run_session(USER)
        self._read_at_last(span_ms)
        self._put_in()

    @rule(
        span_ms=st.integers(200, 20_000),
        cut_ms=st.integers(1, 20_000),
        load_mw=LOADS_MW,
        again_ms=SPANS_MS,
    )
    def cut_in_silence(self, span_ms: int, cut_ms: int, load_mw: int, again_ms: int) -> None:
        """Before or after the memory has come back; the next start may find it silent again."""
        kit = self.kit
        self.losses += 2
        silent_start(kit, span_ms * MS)
        kit.rig.set_load(load_mw)
        before_pj = kit.ledger.energy_pj
        kit.wait(cut_ms * MS)
        if cut_ms <= span_ms + 1_200:  # it is looked for each second
            self.losses += (kit.ledger.energy_pj - before_pj) // PJ_PER_WH + 1
        silent_start(kit, again_ms * MS)
        self._read_at_last(again_ms)

    def _read_at_last(self, span_ms: int) -> None:
        self.kit.wait(span_ms * MS + 12 * S)
        assert not self.kit.meter.store.unread and self.kit.meter.settlement.ready


SilentLife.TestCase.settings = settings(
    max_examples=8,
    stateful_step_count=16,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestSilentLife = pytest.mark.slow(SilentLife.TestCase)
