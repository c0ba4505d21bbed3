"""The books of one meter's life: money and energy by the bench alone, in whole parts of a fen.

The ledger is told what was sold, which tariff holds and what the mains has delivered. Each `check`
compares the meter with it: nothing bought is lost or doubled, and what is charged is what the
energy costs, to the last part of a fen. What a power cut has cost is found, and limited, when the
meter has come back (`settle_cut`).

Energy around a change of price leaves one unknown: how much of it the meter had heard of by then.
It follows from the money, and must then be a whole number of the chip's pulses, and what had been
delivered by then (`note_change`), but for what a report may be late.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from dianka.bench.campaign.soak.tariffs import FEN, Tariff

PJ_PER_WH = 3_600_000_000_000_000
CUT_LIMIT_PJ = PJ_PER_WH


class WrongBooks(AssertionError):
    """The meter says otherwise than the ledger. One line.

    `fen` is what the resident has lost (below zero) or was given twice.
    """

    def __init__(self, text: str, fen: Fraction | int = 0) -> None:
        super().__init__(text)
        self.fen = Fraction(fen)


@dataclass
class Ledger:
    """The books of one meter, begun when it was at rest (`begin`). `parts` are parts of a fen.

    `cuts`: power cuts whose loss is known; `most_lost_pj`: of one of them.
    """

    tariff: Tariff
    pulse_pj: int
    bought_fen: int = 0
    count: int = 0
    used_parts: int = 0
    energy_pj: int = 0
    lost_pj: int = 0
    cuts: int = 0
    most_lost_pj: int = 0
    checks: int = 0
    plan: tuple[int, Tariff] | None = None  # from this local second on, this tariff
    _rate_e4: int = 0
    _step_pj: int = 0
    _period: int = 0
    _before: Tariff | None = field(default=None, repr=False)
    # Delivered at each change since the last check, and what a report may be late then.
    _changes: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def begin(
        cls, state: Any, delivered_pj: int, begun_pj: int, tariff: Tariff, pulse_pj: int
    ) -> "Ledger":
        """Begin with what the meter says of itself; all since is judged.

        `begun_pj` of what was delivered is in a pulse that the chip has begun.
        """
        made = cls(tariff, pulse_pj, state.bought_fen, state.count)
        made.used_parts, made.energy_pj = count_parts(state), state.energy_pj
        made.lost_pj = delivered_pj - begun_pj - state.energy_pj
        made._rate_e4, made._step_pj = tariff.rates_e4[0], state.step_pj
        return made

    @property
    def used_fen(self) -> Fraction:
        return Fraction(self.used_parts, FEN)

    @property
    def balance_fen(self) -> int:
        """Return the balance: a fen leaves it when it has been used whole."""
        return self.bought_fen - self.used_parts // FEN

    def buy(self, amount_fen: int) -> None:
        """Enter a purchase that must be in the meter now."""
        self.bought_fen += amount_fen
        self.count += 1

    def compute_energy_to(self, balance_fen: int) -> int:
        """Return the energy until the balance has fallen to this, at the present rate."""
        cost = (self.bought_fen - balance_fen) * FEN - self.used_parts
        return max(0, self.tariff.compute_energy(self._rate_e4, self._step_pj, cost))

    # ****** Time ******

    def follow_time(self, at_s: int | None) -> None:
        """Bring rate and tariff to this local time; None: the meter's clock tells no time."""
        self._before = None
        if at_s is None:
            self._rate_e4 = self.tariff.dearest_e4
            return
        if self.plan and at_s >= self.plan[0]:
            self._before, self.tariff, self.plan = self.tariff, self.plan[1], None
        self._rate_e4 = self.tariff.find_rate_e4(at_s)
        if self.tariff.limits_pj:
            self._period = self.tariff.find_period(at_s)

    def go_back(self, at_s: int) -> None:
        """Take note that the clock is set back to this time: its step period has begun already."""
        if self.tariff.limits_pj:
            self._period = self.tariff.find_period(at_s)

    def note_change(self, delivered_pj: int, late_pj: int) -> None:
        """Take note that the price may change now by the clock chip, or by what is done to it.

        `late_pj` is what a report may be late: what flows in 0.26 s (docs/journal.md), and more
        while the meter talks to a chip. It gets the price of the time when it comes.
        """
        self._changes.append((delivered_pj, late_pj))

    # ****** Checks ******

    def check(
        self,
        state: Any,
        delivered_pj: int,
        at_s: int | None,
        unheard_pj: int,
        lost_pj: int = 0,
    ) -> None:
        """Compare the meter with the books. WrongBooks if anything is not as it should be.

        `at_s` is the local time by the clock chip, None if it tells none. `unheard_pj` is what the
        meter need not have heard of yet. A cut has cost `lost_pj`, of which some may have been
        charged before.
        """
        self.checks += 1
        self._check_money(state)
        more_pj = state.energy_pj - self.energy_pj
        if more_pj < 0 or more_pj % self.pulse_pj:
            raise WrongBooks(f"the energy grew by {more_pj} pJ, no whole pulses of the chip")
        self._check_heard(state.energy_pj, delivered_pj, unheard_pj)
        charged = count_parts(state) - self.used_parts
        rate_e4, period, tariff = self._rate_e4, self._period, self.tariff
        self.follow_time(at_s)
        if not more_pj:
            self._check_charge(charged, 0)
            self._period = period  # a new one begins with the first energy that comes in it
        elif self._before is None and (rate_e4, period) == (self._rate_e4, self._period):
            expected = tariff.compute_cost(rate_e4, self._step_pj, more_pj)
            self._step_pj += more_pj if tariff.limits_pj else 0
            self._check_charge(charged, expected)
        else:
            self._split_charge(state, tariff, rate_e4, period, (more_pj, lost_pj), charged)
        if self.tariff.is_flat:  # only that forgets how far the steps have come
            self._step_pj = self._period = 0
        if state.step_pj != self._step_pj:
            raise WrongBooks(f"{state.step_pj} pJ are in the step, not {self._step_pj}")
        self.energy_pj, self.used_parts = state.energy_pj, self.used_parts + charged
        if more_pj:  # else a step period may begin yet
            self._changes.clear()

    def check_cut(
        self,
        state: Any,
        delivered_pj: int,
        begun_pj: int,
        at_s: int | None,
        limit_pj: int = CUT_LIMIT_PJ,
        least_pj: int = 0,
    ) -> None:
        """Compare a meter that has come back from a cut, and has heard of all that flowed since.

        What it had not committed is gone, at the present price, and no more than the limit. With
        `least_pj` it was gone before the meter started again (`compute_gone`): who loses less has
        been charged for something twice. Nothing of that is allowed: no metering chip restarts
        alone here, so none can be taken for one that has wrapped (firmware/metering.py).
        `begun_pj` is in the pulse that the metering chip has begun.
        """
        self._fall_back(state)
        lost_pj = delivered_pj - begun_pj - self.lost_pj - state.energy_pj
        if lost_pj < least_pj:
            raise WrongBooks(f"{least_pj - lost_pj} pJ were charged again after a cut")
        if lost_pj > limit_pj:
            raise WrongBooks(f"{lost_pj * 1000 // PJ_PER_WH} mWh are lost at a cut")
        self.check(state, delivered_pj - lost_pj, at_s, 0, lost_pj)
        self.cuts += 1
        self.lost_pj += lost_pj
        self.most_lost_pj = max(self.most_lost_pj, lost_pj)

    def compute_gone(self, kept_pj: int, delivered_pj: int) -> int:
        """Return what a cut has taken of the energy by now, before the chip counts anew.

        The memory has `kept_pj`, and nobody can tell the meter of the rest any more.
        """
        return delivered_pj - self.lost_pj - kept_pj

    def _fall_back(self, state: Any) -> None:
        """Take off what a cut has taken: the energy is less than at the last check."""
        back_pj = self.energy_pj - state.energy_pj
        if back_pj <= 0:
            return
        if back_pj > CUT_LIMIT_PJ:
            raise WrongBooks(f"{back_pj * 1000 // PJ_PER_WH} mWh that were counted are gone")
        if self.tariff.limits_pj:
            self._step_pj -= back_pj
        self.energy_pj -= back_pj
        self.used_parts -= self.tariff.compute_cost(self._rate_e4, self._step_pj, back_pj)

    def _check_money(self, state: Any) -> None:
        said = state.bought_fen, state.count
        if said != (self.bought_fen, self.count):
            raise WrongBooks(
                f"{said[0]} fen are bought with count {said[1]}, "
                f"not {self.bought_fen} with count {self.count}",
                said[0] - self.bought_fen,
            )
        if not 0 <= state.remainder < FEN:
            raise WrongBooks(f"the part of a fen is {state.remainder}")
        if state.difference_fen:
            raise WrongBooks(f"the meter says that its ESAM lacks {-state.difference_fen} fen")

    def _check_heard(self, energy_pj: int, delivered_pj: int, unheard_pj: int) -> None:
        unheard = delivered_pj - self.lost_pj - energy_pj
        if unheard < 0:
            raise WrongBooks(f"{-unheard} pJ were counted that nobody used")
        if unheard > unheard_pj + self.pulse_pj:
            raise WrongBooks(f"{unheard * 1000 // PJ_PER_WH} mWh are not counted")

    def _check_charge(self, charged: int, expected: int) -> None:
        if charged != expected:
            fen = Fraction(charged - expected, FEN)
            way = "more" if fen > 0 else "less"
            raise WrongBooks(f"{abs(float(fen)):g} fen {way} are charged than were used", -fen)

    def _split_charge(
        self,
        state: Any,
        tariff: Tariff,
        rate_e4: int,
        period: int,
        energies_pj: tuple[int, int],
        charged: int,
    ) -> None:
        """Find how much was charged before the change of price, in whole pulses."""
        more_pj, lost_pj = energies_pj
        stepped, steps = bool(tariff.limits_pj), bool(self.tariff.limits_pj)
        begins = tariff.is_flat or (steps and period != self._period)
        for old_pj in self._find_room(more_pj, lost_pj):
            before_pj = 0 if begins else self._step_pj + (old_pj if stepped else 0)
            new_pj, back_pj = more_pj - old_pj, min(old_pj, 0)
            cost = tariff.compute_cost(rate_e4, self._step_pj + back_pj, abs(old_pj))
            cost = -cost if back_pj else cost
            cost += self.tariff.compute_cost(self._rate_e4, before_pj, new_pj)
            step_pj = before_pj + (new_pj if steps else 0)
            if cost == charged and (self.tariff.is_flat or step_pj == state.step_pj):
                self._step_pj = step_pj
                return
        raise WrongBooks(
            f"{float(Fraction(charged, FEN)):g} fen for {more_pj} pJ at a change of price "
            "are what no number of pulses before it comes to"
        )

    def _find_room(self, more_pj: int, lost_pj: int) -> range:
        """Return how much can have been charged before a change of price, in whole pulses.

        Not more than had been delivered by then; and not less, but for a report that is late and a
        pulse that has begun. Below zero: a cut has taken off what was charged and not committed.
        """
        if not self._changes:
            raise WrongBooks("the price has changed, and nobody knows when")
        pulse_pj = self.pulse_pj
        first = min(pj - late_pj for pj, late_pj in self._changes) - lost_pj - pulse_pj
        last = max(pj for pj, _ in self._changes)
        by_then_pj = self.lost_pj + self.energy_pj
        first = max(-(lost_pj // pulse_pj), -((by_then_pj - first) // pulse_pj))
        last = min(more_pj // pulse_pj, (last - by_then_pj) // pulse_pj)
        return range(first * pulse_pj, last * pulse_pj + 1, pulse_pj)


def count_parts(state: Any) -> int:
    """Return what the meter has charged since it was new, in parts of a fen, as its record says."""
    return (state.bought_fen - state.balance_fen) * FEN + state.remainder
