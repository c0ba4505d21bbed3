"""Charge by what holds at the time of the energy: sets of several prices, and switches to planned
ones.

While the clock does not tell the time, the last rate goes on until its slot has ended by the
controller's own count. From then on, and after a start without the time, the highest rate holds,
step periods do not begin again, and a plan waits. So nobody gains by stopping a clock. Nor by
setting it back: `earliest_s` goes with the time, and a clock that is before it does not tell the
time (ds3231.py).
"""

import time

from micropython import const

import account
import card_files
import ds3231
import parameter_memory
from ds3231 import Ds3231
from esam import EsamError
from fram import Fram
from journal import JournalError
from state import State
from state_store import StateStore

TIMELESS = "H"
_FRAMED_BYTES = card_files.TARIFF_SIZE + card_files.FRAME_OVERHEAD
_DAY_S = const(86_400)
_DAYS = const(36_525)  # of the clock: the years 2000 to 2099
_STEADY_S = const(2)  # a look at the clock that differs by more from the last one is made twice


class TimedTariff:
    """Charges by time. tariff.py says what `mark` and `lacks` are.

    `pending` is what the last switch replaced, (local time of the switch, former set), until
    energy comes after it.
    """

    def __init__(self, store: "StateStore", clock: "Ds3231", memory: "Fram", log) -> None:
        self._store = store
        self._clock = clock
        self._memory = memory
        self._log = log
        self.mark = ""
        self.lacks = False
        self.pending = None
        self._table = None  # of the set `_crc`
        self._crc = 0
        self._read_s = None  # what the clock told last, and when
        self._read_ms = 0
        self._charged_s = None  # local time of the last charge in this start
        self._timeless = False  # already logged that the clock does not tell the time

    def charge(self, state: "State", energy_pj: int) -> bool:
        """Charge energy that was used since the last charge. Return True if the price has changed.

        A set that has come into force counts as a change.
        """
        before, now_s = (state.price_e4, state.switch_time), self._find_time(state)
        if now_s is None:
            self._charge_timeless(state, energy_pj)
        else:
            from_s = self._pick_start(now_s)
            self._switch_if_due(state, now_s)
            if self.pending:
                begin_s = min(max(from_s, self.pending[0]), now_s)
                former, self.pending = self.pending[1], None
                energy_pj -= self._charge_former(state, former, energy_pj, from_s, begin_s, now_s)
                from_s = begin_s
            self._debit(state, energy_pj, from_s, now_s)
        self._charged_s = now_s
        return before != (state.price_e4, state.switch_time)

    def follow_clock(self, state: "State") -> bool:
        """Bring price and plan to the present time without energy. Return as `charge`."""
        before, now_s = (state.price_e4, state.switch_time), self._find_time(state)
        if now_s is None:
            self._charge_timeless(state, 0)
        else:
            self._switch_if_due(state, now_s)
            table = self._find_table(state)
            if table:
                # No step period begins here: energy that is still to come may belong before it.
                state.price_e4 = table.find_price_e4(state, now_s)
                self.mark = str(table.find_rate(now_s)[0])
        return before != (state.price_e4, state.switch_time)

    async def fetch(self, esam, lock) -> None:
        """Take the set in force from the ESAM; nothing changes if that does not answer.

        A set that the ESAM does not have either is not looked for again in this start.
        """
        try:
            async with lock:
                for file in (card_files.ESAM_TARIFF_1, card_files.ESAM_TARIFF_2):
                    if self._take_set(await esam.read(file, 0, _FRAMED_BYTES)):
                        break
                else:
                    self._log("price: neither memory nor ESAM has the set in force")
            self.lacks = False
        except EsamError as error:
            self._log("price: " + str(error))
        except JournalError as error:
            self.lacks = False  # the set is at hand, but not kept
            self._log("price: " + str(error))

    # ****** Time ******

    def _find_time(self, state: "State") -> "int | None":
        """Return the local time in seconds since 2000-01-01, None if it is not known."""
        now_ms, seconds = time.ticks_ms(), self._clock.read_seconds()
        if seconds is not None and not self._is_steady(seconds, now_ms):
            # Garbled on the bus, set anew, or the first look of this start.
            seconds = self._clock.read_sure_seconds()
            if seconds is not None:
                self._charged_s = None
        if seconds is None:
            return self._go_on(state, now_ms)
        at_s = seconds + self._clock.offset_s
        if at_s >= _DAYS * _DAY_S:
            return None  # the chip's last hours: a local year that it can't hold
        self._read_s, self._read_ms, self._timeless = seconds, now_ms, False
        if state.set_crc:
            state.earliest_s = max(state.earliest_s, seconds)
        return at_s

    def _is_steady(self, seconds: int, now_ms) -> bool:
        if self._read_s is None:
            return False
        elapsed_s = time.ticks_diff(now_ms, self._read_ms) // 1000
        return -_STEADY_S <= seconds - self._read_s - elapsed_s <= _STEADY_S

    def _go_on(self, state: "State", now_ms) -> "int | None":
        """Return the time by the controller's own count, up to the end of the last slot known."""
        if self._read_s is not None:
            read_s, table = self._read_s + self._clock.offset_s, self._find_table(state)
            until_s = table.find_rate(read_s)[1] if table else 0
            if state.switch_time:
                until_s = min(until_s, self._find_begin(state))
            at_s = read_s + time.ticks_diff(now_ms, self._read_ms) // 1000
            if at_s < until_s:
                return at_s
            self._read_s = None
        if not self._timeless:
            self._timeless = True
            if state.switch_time:
                self._log("price: the planned one waits for a clock that tells the time")
            if state.set_crc:
                self._log("price: the highest rate holds until the clock tells the time")
        return None

    def _pick_start(self, now_s: int) -> int:
        """Return since when energy that comes now was used.

        The clock tells whole seconds: what comes a second after the last charge is of now. So is
        all that comes first in a start; that of more than a day is of the last day.
        """
        from_s = self._charged_s
        if from_s is None or now_s - from_s <= 1:
            return now_s
        return max(from_s, now_s - _DAY_S)

    def _find_begin(self, state: "State") -> int:
        """Return the switch time as local seconds."""
        try:
            return self._clock.seconds_of(state.switch_time) + self._clock.offset_s
        except ValueError:
            return 0  # no minute of the calendar: as if it had passed

    # ****** Charges ******

    def _debit(self, state: "State", energy_pj: int, from_s: int, to_s: int) -> None:
        table = self._find_table(state)
        if table:
            table.charge(state, energy_pj, from_s, to_s, account.debit)
            self.mark = str(table.find_rate(to_s)[0])
        else:
            self._debit_at_price(state, energy_pj)

    def _charge_timeless(self, state: "State", energy_pj: int) -> None:
        table = self._find_table(state)
        if table:
            table.charge_timeless(state, energy_pj, account.debit)
            self.mark = TIMELESS
        else:
            self._debit_at_price(state, energy_pj)

    def _debit_at_price(self, state: "State", energy_pj: int) -> None:
        """Charge by a flat price, or by the highest one of a set that is not at hand."""
        account.debit(state, energy_pj)
        if state.step_since_s:
            state.step_pj += energy_pj

    def _switch_if_due(self, state: "State", now_s: int) -> None:
        """Bring the planned set into force at its minute.

        The former set does not come back, so the time is confirmed by a second reading.
        """
        if not state.switch_time or now_s < self._find_begin(state):
            return
        former = (self._find_begin(state), _copy_set(state))
        if account.switch_price(state, self._clock.read_sure_minute()):
            self.pending = former
            self._log("price: now %d of 0.0001 yuan/kWh" % state.price_e4)

    def _charge_former(
        self, state: "State", former: tuple, energy_pj: int, from_s: int, begin_s: int, now_s: int
    ) -> int:
        """Charge what was used before the switch by the former set. Return that energy."""
        if from_s >= begin_s:
            return 0
        part_pj = energy_pj * (begin_s - from_s) // (now_s - from_s)
        price_e4, crc, dearest_e4 = state.price_e4, state.set_crc, state.dearest_e4
        _set_back(state, former)
        self._debit(state, part_pj, from_s, begin_s)
        account.enter_set(state, dearest_e4 or price_e4, crc)
        return part_pj

    # ****** Sets ******

    def _find_table(self, state: "State"):
        """Return the table of the set in force, None if its price is flat or it is not at hand."""
        if not state.set_crc:
            self.mark = ""
            return None
        if self._crc != state.set_crc:
            self._crc, self._table = state.set_crc, None
            data = parameter_memory.find(self._memory, parameter_memory.TARIFFS, state.set_crc)
            if data:
                self._table = _make_table(data)
            self.lacks = data is None
        if self._table is None:
            state.price_e4 = state.dearest_e4
            self.mark = TIMELESS
        return self._table

    def _take_set(self, framed: bytes) -> bool:
        """Keep this set if the state has it in force or planned. Return True if it is in force."""
        state = self._store.state
        wanted = state.set_crc, state.next_set_crc
        try:
            data = card_files.unframe(framed)[1]
        except ValueError:
            return False
        crc = parameter_memory.compute_crc(data)
        if crc not in wanted:
            return False
        if crc == state.set_crc:
            self._crc, self._table = crc, _make_table(data)
        parameter_memory.keep(self._memory, parameter_memory.TARIFFS, data, wanted)
        return crc == state.set_crc


def _make_table(data: bytes):
    from tariff_table import Table

    return Table(card_files.unpack_tariff(data), ds3231)


def _copy_set(state: "State") -> tuple:
    return state.price_e4, state.set_crc, state.dearest_e4, state.step_pj, state.step_since_s


def _set_back(state: "State", former: tuple) -> None:
    (
        state.price_e4,
        state.set_crc,
        state.dearest_e4,
        state.step_pj,
        state.step_since_s,
    ) = former
