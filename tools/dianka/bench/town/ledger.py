"""What the bench knows of one meter's money, by its own figures alone, in exact fractions.

Energy comes from the metering chip's model, credit from the cards as they went into the slot. The
firmware is asked for nothing but what it has counted and charged, to compare.

Two things are not known before the meter has told them: how much a cut has cost, up to 1 Wh
(docs/promise.md), and which of the chip's pulses came before a price changed, of those between two
looks. `settle` finds both when the meter is at rest: the loss follows from the energy, the other
from the money, and must be a whole number of pulses. From then on all is exact again.
"""

from fractions import Fraction
from typing import Any

from dianka.bench.models.hlw8032 import Hlw8032Model
from dianka.bench.stage.stand import FEN
from dianka.firmware import load_shared

PJ_PER_WH = load_shared("account").PJ_PER_KWH // 1000
# Counted by the chip and not yet told: 0.26 s (docs/journal.md), more while the meter talks to a
# chip.
LATE_US = 400_000


class MeterLedger:
    """Bought credit and used energy of one meter; energy that a cut has cost is not owed.

    `losses_pj` is what cuts have cost, `lost_fen` what that would have cost the resident.
    """

    def __init__(self, chip: Hlw8032Model, price_e4: int) -> None:
        self._chip = chip
        self.price_e4 = price_e4
        self.credited: dict[int, int] = {}  # fen by purchase count
        self.energy_pj = 0  # that the chip has counted
        self.losses_pj = 0
        self._owed = 0  # picojoules times price
        self._lost = 0  # as _owed
        self._seen = 0
        self._life = -1  # when the chip's count began
        self._counted = 0  # pulses, at the last count
        # Since it was settled last: cuts, the price before them, what they have cost at least.
        self._cuts = 0
        self._cut_e4 = 0
        self._least_pj = 0
        # Pulses that were taken for ones of the former price, and may be of the new one.
        self._former_e4 = 0
        self._either = 0

    def count(self) -> None:
        """Add what the chip has counted since the last call, at the present price."""
        chip = self._chip
        if chip.up_us != self._life:
            self._life, self._seen = chip.up_us, 0
        pulses = chip.pulses
        self._counted, self._seen = pulses - self._seen, pulses
        new_pj = self._counted * chip.params.pulse_pj
        self.energy_pj += new_pj
        self._owed += new_pj * self.price_e4

    def note_cut(self) -> None:
        """Count up to a cut of the power, or a start, which may cost up to 1 Wh."""
        self.count()
        self._cuts, self._cut_e4 = self._cuts + 1, self._cut_e4 or self.price_e4

    def note_dark(self, kept_pj: int) -> None:
        """Take note of a meter without supply: what its memory has not is gone, at least."""
        self._least_pj = self.energy_pj - self.losses_pj - kept_pj

    def change_price(self, price_e4: int) -> None:
        """Count on at another price; what was counted since the last look may be of either."""
        self.count()
        if not self._former_e4:
            self._former_e4, self._either = self.price_e4, self._counted + self._compute_late()
        self.price_e4 = price_e4

    def _compute_late(self) -> int:
        """Return how many pulses the chip can have counted that it has not told yet."""
        return -(-self._chip.mains.power_mw * LATE_US * 1000 // self._chip.params.pulse_pj)

    # ****** Money ******

    @property
    def bought_fen(self) -> int:
        """Return the purchases that the meter has credited."""
        return sum(self.credited.values())

    @property
    def owed_fen(self) -> Fraction:
        """Return what the counted energy costs, to the last fraction of a fen."""
        return Fraction(self._owed, FEN)

    @property
    def lost_fen(self) -> Fraction:
        """Return what the energy would have cost that was lost in cuts."""
        return Fraction(self._lost, FEN)

    @property
    def slack_fen(self) -> Fraction:
        """Return what may not be owed, by cuts and a change of price that are not settled yet."""
        apart_e4 = abs(self.price_e4 - self._former_e4) if self._former_e4 else 0
        slack = self._cuts * PJ_PER_WH * self._cut_e4
        slack += self._either * self._chip.params.pulse_pj * apart_e4
        return Fraction(slack, FEN)

    @property
    def untold_fen(self) -> Fraction:
        """Return what the chip has counted, at this load, and may not have told yet."""
        pulse_pj = self._chip.params.pulse_pj
        return Fraction((self._compute_late() + 1) * pulse_pj * self.price_e4, FEN)

    def compute_balance(self, owed_fen: Fraction) -> int:
        """Return the balance when so much was owed: a fen leaves it when it has been used whole."""
        return self.bought_fen - owed_fen // 1

    # ****** Checks ******

    def find_fault(self, state: Any) -> str:
        """Return how the firmware's state differs from this ledger, or nothing."""
        self.count()
        if state.bought_fen != self.bought_fen:
            return f"bought {state.bought_fen} fen, the cards brought {self.bought_fen}"
        used_fen = compute_used(state)
        behind_fen = self.owed_fen - used_fen
        if not -self.slack_fen <= behind_fen <= self.slack_fen + self.untold_fen:
            return self._tell_charge(used_fen)
        return ""

    def settle(self, state: Any) -> str:
        """Find what cuts have cost and when the price changed, of a meter that is at rest.

        It has heard of all that its chip has counted. Return what no cut and no change explains, or
        nothing.
        """
        self.count()
        lost_pj = self.energy_pj - self.losses_pj - state.energy_pj
        if not self._least_pj <= lost_pj <= self._cuts * PJ_PER_WH:
            told = f"{self._cuts} cuts, which cost {self._least_pj} pJ at least"
            return f"{lost_pj} pJ are not counted, after {told}"
        lost = lost_pj * (self._cut_e4 or self.price_e4)
        used_fen = compute_used(state)
        shift = used_fen * FEN - (self._owed - lost)
        if shift and not self._may_be_former(shift):
            return self._tell_charge(used_fen, Fraction(lost, FEN))
        self._owed, self._lost = self._owed - lost + int(shift), self._lost + lost
        self.losses_pj += lost_pj
        self._cuts = self._cut_e4 = self._least_pj = self._former_e4 = self._either = 0
        return ""

    def _may_be_former(self, shift: Fraction) -> bool:
        """Return whether so much more was charged as pulses came before a change of price."""
        step = (self.price_e4 - self._former_e4) * self._chip.params.pulse_pj
        if not self._former_e4 or not step:
            return False
        pulses, rest = divmod(shift, step)
        return not rest and 0 <= pulses <= self._either

    def _tell_charge(self, used_fen: Fraction, lost_fen: Fraction = Fraction(0)) -> str:
        owed_fen = float(self.owed_fen - lost_fen)
        return f"charged {float(used_fen):.4f} fen, used {owed_fen:.4f} fen"


def compute_used(state: Any) -> Fraction:
    """Return what the firmware has charged, to the last fraction of a fen."""
    return state.bought_fen - state.balance_fen + Fraction(state.remainder, FEN)
