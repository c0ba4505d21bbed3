"""Counts money and energy of a meter by the bench alone, independent of the firmware."""

from fractions import Fraction

from dianka.bench.models.hlw8032 import Hlw8032Model
from dianka.bench.stage.session import Session
from dianka.bench.stage.stand import FEN, compute_used_fen
from dianka.firmware import load_shared

__all__ = ["FEN", "PJ_PER_WH", "Ledger", "Session", "compute_used_fen"]

PJ_PER_WH = load_shared("account").PJ_PER_KWH // 1000


class Ledger:
    """Bought credit and used energy, by the bench's figures alone."""

    def __init__(self, chip: Hlw8032Model) -> None:
        self._chip = chip
        self.bought_fen = 0
        self.price_e4 = 0
        self._owed = 0  # picojoules times price, of what has been counted so far
        self._energy_pj = 0
        self._seen = 0
        self._life = -1  # when the chip's count began

    def reset(self) -> None:
        self.count()
        self._owed = self._energy_pj = self.bought_fen = 0

    def count(self) -> None:
        """Add what the chip counted since the last call, at the present price.

        Call it before each change of the price and each cut.
        """
        chip = self._chip
        if chip.up_us != self._life:
            self._life, self._seen = chip.up_us, 0
        pulses = chip.pulses
        new, self._seen = pulses - self._seen, pulses
        self._energy_pj += new * chip.params.pulse_pj
        self._owed += new * chip.params.pulse_pj * self.price_e4

    @property
    def energy_pj(self) -> int:
        self.count()
        return self._energy_pj

    @property
    def owed_fen(self) -> Fraction:
        self.count()
        return Fraction(self._owed, FEN)
