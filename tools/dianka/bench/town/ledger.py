"""What the bench knows of one meter's money, by its own figures alone, in exact fractions.

Energy comes from the metering chip's model, credit from the cards as they went into the slot. The
firmware is asked for nothing but what it charges, to compare. A cut of the power may cost up to
1 Wh (docs/promise.md), and so may a price that changes between two looks: `slack` keeps how much
that can be.
"""

from fractions import Fraction
from typing import Any

from dianka.bench.models.hlw8032 import Hlw8032Model
from dianka.bench.stage.stand import FEN
from dianka.firmware import load_shared

PJ_PER_WH = load_shared("account").PJ_PER_KWH // 1000


class MeterLedger:
    """Bought credit and used energy of one meter."""

    def __init__(self, chip: Hlw8032Model, price_e4: int) -> None:
        self._chip = chip
        self.price_e4 = price_e4
        self.credited: dict[int, int] = {}  # fen by purchase count
        self.energy_pj = 0
        self._owed = 0  # picojoules times price
        self._slack = 0  # as _owed: the most that cuts and changes of the price can be wrong by
        self._seen = 0
        self._life = -1  # when the chip's count began

    def count(self) -> None:
        """Add what the chip has counted since the last call, at the present price."""
        chip = self._chip
        if chip.up_us != self._life:
            self._life, self._seen = chip.up_us, 0
        pulses = chip.pulses
        new_pj, self._seen = (pulses - self._seen) * chip.params.pulse_pj, pulses
        self.energy_pj += new_pj
        self._owed += new_pj * self.price_e4

    def note_cut(self) -> None:
        """Count up to a cut of the power, which may cost up to 1 Wh."""
        self.count()
        self._slack += PJ_PER_WH * self.price_e4

    def change_price(self, price_e4: int) -> None:
        """Count on at another price; what was counted since the last look may be of either."""
        self.count()
        self._slack += PJ_PER_WH * max(price_e4, self.price_e4)
        self.price_e4 = price_e4

    @property
    def bought_fen(self) -> int:
        """Return the purchases that the meter has credited."""
        return sum(self.credited.values())

    @property
    def owed_fen(self) -> Fraction:
        """Return what the counted energy costs, to the last fraction of a fen."""
        return Fraction(self._owed, FEN)

    @property
    def slack_fen(self) -> Fraction:
        """Return how much of that cuts and changes of the price can have cost at most."""
        return Fraction(self._slack, FEN)

    def find_fault(self, state: Any) -> str:
        """Return how the firmware's state differs from this ledger, or nothing."""
        self.count()
        used_fen = state.bought_fen - state.balance_fen + Fraction(state.remainder, FEN)
        if state.bought_fen != self.bought_fen:
            return f"bought {state.bought_fen} fen, the cards brought {self.bought_fen}"
        lost_fen = self.owed_fen - used_fen
        # What the chip has counted and not reported yet is not charged yet: a second at most.
        if (
            not -self.slack_fen
            <= lost_fen
            <= self.slack_fen + Fraction(PJ_PER_WH * self.price_e4, FEN)
        ):
            return f"charged {float(used_fen):.4f} fen, used {float(self.owed_fen):.4f} fen"
        return ""
