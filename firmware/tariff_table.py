"""Tell what energy costs by a tariff set of several prices: by the time of day and by the use.

Pure: integers in, integers out, no clock and no card. Meter and desk use this very file, so that
both compute the same price. `record` is what card_files.unpack_tariff returns. Times are local
seconds since 2000-01-01 00:00, without summer time: the meters' calendar knows none
(docs/operations.md, "Several prices").

The price of a moment is that of its rate and, on top, what the present step adds. A day has up to
ten slots, each with one of four rates; rest days (weekdays of the week, and named days) have slots
of their own. Steps go by the energy used since the last of the set's yearly moments, or since the
first of the month where the set names none.

Energy that was used from one time to another counts as used evenly. What belongs before a moment in
between is rounded down to whole picojoules, the unit of all energy here, and the rest belongs after
it: nothing is lost, and it is all one in how many pieces it is cut.
"""

from micropython import const

RATES = const(4)
HIGHEST_E4 = const(99_999_999)  # of a price: NNNN.NNNN on a card
_DAY_S = const(86_400)
_QUARTER_S = const(900)
_HOUR_S = const(3_600)
_QUARTERS = const(96)
_SATURDAY = const(5)  # weekday of 2000-01-01, Monday is 0
_LEAP_YEAR = const(4)  # any one, to judge a date without its year
_PJ_PER_LIMIT = 36_000_000_000_000_000  # 0.01 kWh


class Table:
    """The prices of one tariff set; ValueError, with the one reason, if the set is none.

    `dates` converts between seconds and dates: split and count_days, as ds3231.py has them.
    """

    def __init__(self, record: dict, dates) -> None:
        self._dates = dates
        self.rates_e4 = record["rates_e4"][:RATES]
        self._slots = _read_slots(record["slots"], "working-day")
        self._rest_slots = _read_slots(record["rest_slots"], "rest-day")
        self._named_days = _strip(record["named_days"], "named day")
        self._rest_days = record["rest_days"][0]
        self._periods = _strip(record["periods"], "billing day")
        limits = _strip(record["limits"], "step limit")
        self._limits_pj = [limit * _PJ_PER_LIMIT for limit in limits]
        self.steps_e4 = record["steps_e4"][: len(limits) + 1]
        self._check_steps(limits, record["steps_e4"])
        self._check_days()
        self._check_rates(record["reserved"][0])

    # ****** The price of a moment ******

    @property
    def used_rates(self) -> list:
        """Return the numbers of the rates that the slots have."""
        return [number for _, number in self._slots + self._rest_slots] or [1]

    @property
    def dearest_rate(self) -> int:
        """Return the number of the highest rate that some slot has."""
        return max(self.used_rates, key=lambda number: self.rates_e4[number - 1])

    @property
    def dearest_e4(self) -> int:
        """Return the highest price that this set can come to."""
        return self.rates_e4[self.dearest_rate - 1] + max(self.steps_e4)

    def find_rate(self, at_s: int) -> tuple:
        """Return the number of the rate at this time (1 to 4), and until when its slot lasts."""
        day = at_s // _DAY_S
        begin_s, slots = day * _DAY_S, self._rest_slots if self.is_rest_day(day) else self._slots
        rate, until_s = 1, begin_s + _DAY_S
        for slot_s, number in slots:
            if begin_s + slot_s > at_s:
                until_s = begin_s + slot_s
                break
            rate = number
        return rate, until_s

    def is_rest_day(self, day: int) -> bool:
        """Return whether the rest-day slots hold on this day, counted from 2000-01-01."""
        if self._rest_days >> (day + _SATURDAY) % 7 & 1:
            return True
        if not self._named_days:
            return False
        _, month, of_month = self._dates.split(day * _DAY_S)[:3]
        return month * 100 + of_month in self._named_days

    def find_period(self, at_s: int) -> tuple:
        """Return when the step period of this time has begun, and when the next one begins."""
        year, month = self._dates.split(at_s)[:2]
        if not self._periods:
            return self._begin(year, month, 1), self._begin(year + month // 12, month % 12 + 1, 1)
        before_s = after_s = 0
        for each in range(year - 1, year + 2):
            for moment in self._periods:
                begin_s = self._begin(each, moment // 10_000, moment // 100 % 100)
                begin_s += moment % 100 * _HOUR_S
                if begin_s <= at_s:
                    before_s = max(before_s, begin_s)
                elif not after_s:
                    after_s = begin_s
        return before_s, after_s

    def find_price_e4(self, state, at_s: int) -> int:
        """Return the price at this time and change nothing, not even past a step period's end."""
        used_pj = state.step_pj
        if self._limits_pj and 0 < state.step_since_s < self.find_period(at_s)[0]:
            used_pj = 0
        return self.rates_e4[self.find_rate(at_s)[0] - 1] + self.find_step(used_pj)[0]

    def find_step(self, used_pj: int) -> tuple:
        """Return what the next energy costs on top of its rate, and for how much that holds.

        `used_pj` is what has been used in the period. The energy is 0 in the last step: no end.
        """
        for step, limit_pj in enumerate(self._limits_pj):
            if used_pj < limit_pj:
                return self.steps_e4[step], limit_pj - used_pj
        return self.steps_e4[-1], 0

    # ****** The debit; `state` is that of state.py, `debit` that of account.py ******

    def charge(self, state, energy_pj: int, from_s: int, to_s: int, debit) -> None:
        """Charge energy used from one time to another, and leave the price of the latter.

        More than a day is cut to its last day.
        """
        from_s = max(from_s, to_s - _DAY_S)
        at_s, done_pj = from_s, 0
        rate, until_s = self.enter(state, at_s)
        while at_s < to_s:  # a day has no more pieces than slots, a midnight and periods
            at_s = min(until_s, to_s)
            upto_pj = energy_pj * (at_s - from_s) // (to_s - from_s)
            self._debit(state, rate, upto_pj - done_pj, debit)
            done_pj = upto_pj
            rate, until_s = self.enter(state, at_s)
        self._debit(state, rate, energy_pj - done_pj, debit)

    def charge_timeless(self, state, energy_pj: int, debit) -> None:
        """Charge energy while the time is unknown: by the highest rate, and the step goes on."""
        self._debit(state, self.dearest_rate, energy_pj, debit)

    def enter(self, state, at_s: int) -> tuple:
        """Bring the state to this time: step period and price. Return as `find_rate`.

        The time until when is that of the next change of either. A period that is past never comes
        back, so a clock that is set back takes no use off the steps.
        """
        rate, until_s = self.find_rate(at_s)
        if self._limits_pj:
            begin_s, end_s = self.find_period(at_s)
            if begin_s > state.step_since_s:
                if state.step_since_s:
                    state.step_pj = 0
                state.step_since_s = begin_s
            until_s = min(until_s, end_s)
        self._set_price(state, rate)
        return rate, until_s

    def _set_price(self, state, rate: int) -> None:
        state.price_e4 = self.rates_e4[rate - 1] + self.find_step(state.step_pj)[0]

    def _debit(self, state, rate: int, energy_pj: int, debit) -> None:
        """Charge energy by one rate, cut at the limits of the steps."""
        for limit_pj in self._limits_pj:
            room_pj = limit_pj - state.step_pj
            if 0 < room_pj < energy_pj:
                self._debit_step(state, rate, room_pj, debit)
                energy_pj -= room_pj
        self._debit_step(state, rate, energy_pj, debit)

    def _debit_step(self, state, rate: int, energy_pj: int, debit) -> None:
        """Charge energy that lies within one step, and leave the price of what comes next."""
        self._set_price(state, rate)
        debit(state, energy_pj)
        if self._limits_pj:
            state.step_pj += energy_pj
            self._set_price(state, rate)

    def _begin(self, year: int, month: int, day: int) -> int:
        return self._dates.count_days(year, month, day) * _DAY_S

    # ****** What is no tariff ******

    def _check_rates(self, reserved: int) -> None:
        for number in self.used_rates:
            if not self.rates_e4[number - 1]:
                raise ValueError("rate %d has no price" % number)
        if self.dearest_e4 > HIGHEST_E4:
            raise ValueError("rate and step come to more than 9999.9999 yuan per kWh")
        if reserved:
            raise ValueError("the reserved bytes are not zero")

    def _check_steps(self, limits: list, given_e4: list) -> None:
        _check_rising(limits, "step limit")
        if not limits and self._periods:
            raise ValueError("billing days without steps")
        if any(given_e4[len(limits) + 1 :]) or (not limits and given_e4[0]):
            raise ValueError("a step price without its limit")
        for moment in self._periods:
            if moment // 100 == 229 or moment % 100 > 23:
                raise ValueError("billing day %06d is not in every year" % moment)
            self._check_date(moment // 100, "billing day")
        _check_rising(self._periods, "billing day")

    def _check_days(self) -> None:
        for day in self._named_days:
            self._check_date(day, "named day")
        _check_rising(self._named_days, "named day")
        if self._rest_days >> 7:
            raise ValueError("a week has seven days")
        has_rest = bool(self._rest_days or self._named_days)
        if has_rest != bool(self._rest_slots):
            raise ValueError(
                "rest days without slots" if has_rest else "rest-day slots without rest days"
            )
        if self._rest_slots and not self._slots:
            raise ValueError("no working-day slots")

    def _check_date(self, day: int, what: str) -> None:
        month, of_month = day // 100, day % 100
        split = self._dates.split
        if not 1 <= month <= 12 or split(self._begin(_LEAP_YEAR, month, of_month))[1:3] != (
            month,
            of_month,
        ):
            raise ValueError("%s %04d is no date" % (what, day))


def _strip(numbers: list, what: str) -> list:
    """Return the numbers without the zeros at the end; ValueError if there is one before it."""
    used = len(numbers)
    while used and not numbers[used - 1]:
        used -= 1
    if 0 in numbers[:used]:
        raise ValueError("%s %d is empty" % (what, numbers.index(0) + 1))
    return numbers[:used]


def _check_rising(numbers: list, what: str) -> None:
    for at in range(1, len(numbers)):
        if numbers[at] == numbers[at - 1]:
            raise ValueError("%s %d equals the one before it" % (what, at + 1))
        if numbers[at] < numbers[at - 1]:
            raise ValueError("%s %d is below the one before it" % (what, at + 1))


def _read_slots(numbers: list, what: str) -> list:
    """Return (second of the day, number of the rate) of each slot."""
    slots = []
    for number in _strip(numbers, what + " slot"):
        quarter, rate = number // 100, number % 100
        where = "%s slot %d " % (what, len(slots) + 1)
        if quarter >= _QUARTERS or not 1 <= rate <= RATES:
            raise ValueError(where + "has no such time or rate")
        if not slots and quarter:
            raise ValueError("the %s slots do not begin at 00:00" % what)
        if slots and quarter * _QUARTER_S == slots[-1][0]:
            raise ValueError(where + "leaves the one before it empty")
        if slots and quarter * _QUARTER_S < slots[-1][0]:
            raise ValueError(where + "overlaps the one before it")
        slots.append((quarter * _QUARTER_S, rate))
    return slots
