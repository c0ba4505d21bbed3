"""An account of money and energy that knows the bench and the desk alone, in exact fractions.

It is told what was sold, which price holds, and what the mains has delivered, and judges what the
meter says. Nothing here is the firmware's: units and prices are those of docs/operations.md.

A price that changes leaves one unknown: how much of the energy the meter had heard of by then. It
follows from money and energy together, and must then be a whole number of the chip's pulses, and
what the mains had delivered by the time of the change, but for what a report may be late.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

PJ_PER_WH = 3_600_000_000_000_000
_PJ_PER_KWH = 1000 * PJ_PER_WH
LIMIT_PJ = PJ_PER_WH  # that a cut may cost


def compute_cost_fen(energy_pj: int, price_e4: int) -> Fraction:
    """Return the cost of this energy in fen, at a price in 0.0001 yuan per kWh."""
    return Fraction(energy_pj * price_e4, _PJ_PER_KWH) / 100


def compute_used_fen(state: Any) -> Fraction:
    """Return what the meter has charged since it was new, as its record has it.

    `remainder` counts the part of a fen that is not charged yet, in picojoules times price.
    """
    part_fen = Fraction(state.remainder, _PJ_PER_KWH) / 100
    return state.bought_fen - state.balance_fen + part_fen


def _to_mwh(energy_pj: int) -> int:
    return energy_pj * 1000 // PJ_PER_WH


@dataclass
class Books:
    """The books of one meter. `bought_fen` and `count` are those of the desk's sales.

    `changed_e4` is the price after a change that falls into what is played, `steps` are the prices
    of a tariff by energy: (up to so many pJ, price), from the beginning of the books.
    """

    bought_fen: int
    count: int
    price_e4: int
    changed_e4: int = 0
    steps: tuple[tuple[int, int], ...] = ()
    pulse_pj: int = 1
    # What the meter had used when the books began, and the energy that nobody was told of by then.
    used_fen: Fraction = Fraction(0)
    energy_pj: int = 0
    lost_pj: int = 0

    @classmethod
    def begin(cls, state: Any, delivered_pj: int, **others: Any) -> "Books":
        """Begin with what the meter at rest says of itself; all since is judged."""
        return cls(
            state.bought_fen,
            state.count,
            state.price_e4,
            used_fen=compute_used_fen(state),
            energy_pj=state.energy_pj,
            lost_pj=delivered_pj - state.energy_pj,
            **others,
        )

    def find_error_fen(self, state: Any) -> Fraction:
        """Return what the meter has charged beyond what its energy costs, below zero for less.

        AssertionError if a change of price does not come out at a whole pulse.
        """
        energy_pj = state.energy_pj - self.energy_pj
        charged_fen = compute_used_fen(state) - self.used_fen
        if self.steps:
            return charged_fen - self._compute_steps_fen(energy_pj)
        if not self.changed_e4:
            return charged_fen - compute_cost_fen(energy_pj, self.price_e4)
        if state.price_e4 == self.price_e4:
            return charged_fen - compute_cost_fen(energy_pj, self.price_e4)
        old_pj = self._find_old_pj(state)
        assert old_pj.denominator == 1 and not int(old_pj) % self.pulse_pj, (
            f"{old_pj} pJ at the old price are no whole pulses"
        )
        assert 0 <= old_pj <= energy_pj, f"{old_pj} pJ of {energy_pj} at the old price"
        return Fraction(0)

    def check_change(self, state: Any, least_pj: int, most_pj: int) -> None:
        """Check that the new price is in force, and the old one was charged up to the change.

        The mains had delivered at least `least_pj` and at most `most_pj` by then, as far as the
        meter can have heard of it.
        """
        assert state.price_e4 == self.changed_e4, (
            f"the price is {state.price_e4} in the end, not {self.changed_e4}"
        )
        begun_pj = self.lost_pj + self.energy_pj
        least_pj, most_pj = least_pj - begun_pj, most_pj - begun_pj
        old_pj = self._find_old_pj(state)
        assert least_pj <= old_pj <= most_pj, (
            f"{_to_mwh(int(old_pj))} mWh are charged at the old price, and "
            f"{_to_mwh(least_pj)} to {_to_mwh(most_pj)} were used while it held"
        )

    def _find_old_pj(self, state: Any) -> Fraction:
        """Return the energy that was charged at the old price, by money and energy together."""
        energy_pj = state.energy_pj - self.energy_pj
        charged_fen = compute_used_fen(state) - self.used_fen
        per_pj = compute_cost_fen(1, self.price_e4) - compute_cost_fen(1, self.changed_e4)
        return (charged_fen - compute_cost_fen(energy_pj, self.changed_e4)) / per_pj

    def _compute_steps_fen(self, energy_pj: int) -> Fraction:
        cost_fen, done_pj = Fraction(0), 0
        for upto_pj, price_e4 in self.steps:
            part_pj = max(0, min(energy_pj, upto_pj) - done_pj)
            cost_fen += compute_cost_fen(part_pj, price_e4)
            done_pj += part_pj
        return cost_fen

    def compute_loss_pj(self, state: Any, delivered_pj: int) -> int:
        """Return the energy delivered since the books began that the meter was not told of."""
        return delivered_pj - self.lost_pj - state.energy_pj
