"""What energy costs, worked out by the bench alone: nothing of the firmware is imported.

Prices are in 0.0001 yuan per kWh, energy in pJ, money in parts of a fen: 1 fen is 100 x 3.6e18 of
them, as a price unit is 0.01 fen and a kWh 3.6e18 pJ (docs/operations.md, "Several prices"). So all
is a whole number, and exact. Times are local seconds since 2000-01-01.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

PJ_PER_KWH = 3_600_000_000_000_000_000
FEN = 100 * PJ_PER_KWH
DAY_S = 86_400
_QUARTER_S = 900
_PJ_PER_LIMIT = PJ_PER_KWH // 100
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # stands for local time


@dataclass(frozen=True)
class Tariff:
    """One price list: rates by the time of day, and steps by the use of the month.

    `slots` are (second of the day, number of the rate from 0 on); none: the first rate all day.
    `limits_pj` end the steps but the last, each of which adds its price of `steps_e4`.
    """

    rates_e4: tuple[int, ...]
    slots: tuple[tuple[int, int], ...] = ()
    limits_pj: tuple[int, ...] = ()
    steps_e4: tuple[int, ...] = (0,)

    @property
    def is_flat(self) -> bool:
        return not self.slots and not self.limits_pj

    @property
    def dearest_e4(self) -> int:
        """Return the highest rate, without a step: what holds while a clock tells no time."""
        return max(self.rates_e4[rate] for _, rate in self.slots or ((0, 0),))

    def find_rate_e4(self, at_s: int) -> int:
        """Return the rate at this time, without what the step adds."""
        second, rate = at_s % DAY_S, 0
        for begin_s, number in self.slots:
            if begin_s <= second:
                rate = number
        return self.rates_e4[rate]

    def find_period(self, at_s: int) -> int:
        """Return the number of the step period of this time, one for each month."""
        if not self.limits_pj:
            return 0
        when = _EPOCH + timedelta(seconds=at_s)
        return when.year * 12 + when.month

    def find_change(self, at_s: int) -> int:
        """Return when the next slot or month begins that can change the price, or the next day."""
        day_s = at_s // DAY_S * DAY_S
        for begin_s, _ in self.slots:
            if day_s + begin_s > at_s:
                return day_s + begin_s
        return day_s + DAY_S

    def compute_cost(self, rate_e4: int, used_pj: int, energy_pj: int) -> int:
        """Return the parts of a fen that this energy costs, after `used_pj` of its period."""
        cost = 0
        for limit_pj, step_e4 in zip(self.limits_pj, self.steps_e4, strict=False):
            part_pj = max(0, min(energy_pj, limit_pj - used_pj))
            cost += part_pj * (rate_e4 + step_e4)
            used_pj, energy_pj = used_pj + part_pj, energy_pj - part_pj
        return cost + energy_pj * (rate_e4 + self.steps_e4[-1])

    def compute_energy(self, rate_e4: int, used_pj: int, cost: int) -> int:
        """Return how much energy this money buys, rounded down."""
        energy_pj = 0
        for limit_pj, step_e4 in zip(self.limits_pj, self.steps_e4, strict=False):
            price_e4, room_pj = rate_e4 + step_e4, max(0, limit_pj - used_pj)
            if cost <= room_pj * price_e4:
                return energy_pj + cost // price_e4
            cost, used_pj, energy_pj = (
                cost - room_pj * price_e4,
                used_pj + room_pj,
                energy_pj + room_pj,
            )
        return energy_pj + cost // (rate_e4 + self.steps_e4[-1])

    def describe(self) -> tuple[Sequence[int], Mapping[str, Sequence[int]]]:
        """Return rates and the other fields as a card's tariff set has them."""
        return self.rates_e4, {
            "slots": [begin_s // _QUARTER_S * 100 + rate + 1 for begin_s, rate in self.slots],
            "limits": [limit_pj // _PJ_PER_LIMIT for limit_pj in self.limits_pj],
            "steps_e4": self.steps_e4 if self.limits_pj else (),
        }
