"""Tell what the meter holds, by the identifiers of DL/T 645-2007. It reads and changes nothing.

docs/read.md has the table. Numbers are BCD; what can't be told truly is refused: a register that
this meter does not keep, a number that its field can't hold, the mains while the metering chip is
unresponsive. Imported when somebody reads the meter first (data_port.py), and reading_records.py
when somebody asks for a record or a tariff first.
"""

from micropython import const

import account
import supply
from card_files import to_bcd
from ds3231 import LOST, Ds3231, split
from event_chain import CASE
from events import Events
from fram import Fram
from metering import Metering
from relay import Relay
from reverse_energy import read_total_wh
from state import OPENED
from state_store import StateStore
from supply_switch import SupplySwitch

_BLOCK = const(0xFF)
_DAY_S = const(86_400)
_SATURDAY = const(6)  # weekday of 2000-01-01, Sunday is 0
_WORDS = const(7)
_BACKWARDS = const(0x80)  # highest bit of a power that flows backwards


class Readings:
    """The readings of one meter. `compute_faults`: bit n is the standing fault n."""

    def __init__(
        self,
        store: "StateStore",
        metering: "Metering",
        relay: "Relay",
        clock: "Ds3231",
        events: "Events",
        memory: "Fram",
        supply_switch: "SupplySwitch",
        compute_faults,
    ) -> None:
        self._store = store
        self._metering = metering
        self._relay = relay
        self._clock = clock
        self._events = events
        self._memory = memory
        self._supply_switch = supply_switch
        self._compute_faults = compute_faults
        self._records = None

    def read(self, name: int) -> bytes:
        """Return what the identifier `name` (DI3 to DI0) holds, the highest byte first.

        Empty if it is to be asked for again, as what it needs had to be imported. ValueError if
        there is no such thing; OSError if memory or clock do not answer.
        """
        group, kind, number = name >> 24, name >> 8 & 0xFFFF, name & 0xFF
        if group == 0:
            return self._read_total(name)
        if group == 2:
            return self._read_mains(name)
        if group == 4:
            found = self._read_parameter(kind, number)
            if found:
                return found
        elif group != 3:
            raise ValueError
        if not self._records:
            from reading_records import ReadingRecords

            self._records = ReadingRecords(self._store, self._clock, self._events, self._memory)
            return b""
        return self._records.read(group, kind, number)

    def _read_total(self, name: int) -> bytes:
        state = self._store.state
        if name == 0 or name == 0x00010000:
            return to_bcd(account.compute_kwh_x100(state) % 10**8, 4)  # comes round like a register
        if name == 0x00020000:
            return to_bcd(read_total_wh(self._memory) // 10 % 10**8, 4)
        if name == 0x00900200:
            return to_bcd(state.wallet_fen, 4)
        if name == 0x00900201:
            return to_bcd(state.overdraft_fen, 4)
        raise ValueError

    def _read_mains(self, name: int) -> bytes:
        if name == 0x02800020:
            return to_bcd(self._store.state.price_e4, 4)
        metering, what, number = self._metering, name >> 16 & 0xFF, name >> 8 & 0xFF
        if metering.silent or not metering.heard or name & 0xFF or what not in (1, 2, 3, 6):
            raise ValueError
        phases = metering.chip.phases
        groups = [phases[place : place + 1] for place in range(len(phases))]
        if what > 2:
            groups.insert(0, phases)
        elif number != _BLOCK:
            number -= 1
        if number == _BLOCK:
            return b"".join([_measure(what, group) for group in reversed(groups)])
        if not 0 <= number < len(groups):
            raise ValueError
        return _measure(what, groups[number])

    def _read_parameter(self, kind: int, number: int) -> bytes:
        """Return a parameter that is not of a tariff; empty for all others."""
        state = self._store.state
        if kind == 0x0001:
            return self._read_time(number)
        if kind == 0x0004:
            if number == 1 or number == 2:
                return to_bcd(state.meter_no, 6)
            if number == 0x0E:
                return to_bcd(state.customer_no, 6)
        if kind == 0x0005:
            if number == _BLOCK:
                return b"".join([self._compute_word(word) for word in range(_WORDS, 0, -1)])
            if 1 <= number <= _WORDS:
                return self._compute_word(number)
        if kind == 0x0010 and 1 <= number <= 5:
            limits = (
                state.alarm1_fen,
                state.alarm2_fen,
                state.overdraft_limit_fen,
                state.hoard_limit_fen,
                state.close_above_fen,
            )
            return to_bcd(limits[number - 1], 4)
        return b""

    def _read_time(self, number: int) -> bytes:
        if number == 8:
            return to_bcd(self._store.state.switch_time, 5)
        if number not in (1, 2, 0x0C):
            raise ValueError
        seconds = self._clock.read_sure_seconds()
        if seconds is None:
            raise OSError
        seconds += self._clock.offset_s
        found = bytes([to_bcd(field, 1)[0] for field in split(seconds)])
        date = found[:3] + bytes(((seconds // _DAY_S + _SATURDAY) % 7,))
        if number == 1:
            return date
        return found[3:] if number == 2 else date + found[3:]

    def _compute_word(self, number: int) -> bytes:
        """Return a status word; what its bits mean: docs/read.md."""
        state, cause, phases = self._store.state, self._supply_switch.cause, ()
        if self._metering.heard and not self._metering.silent:
            phases = self._metering.chip.phases
        word = 0
        if number == 1:
            faults = self._compute_faults()
            word = (faults >> 1 & 3) << 8 | (faults >> 6 & 1) << 13 | (faults >> 4 & 1) << 15
            word |= (self._clock.fault == LOST) << 2 | (state.balance_fen < 0) << 14
            word |= (sum([phase[2] for phase in phases]) < 0) << 4
        elif number == 2:
            for place, phase in enumerate(phases):
                word |= (phase[2] < 0) << place
        elif number == 3:
            word = 0x200 | (not self._relay.closed) << 4 | (cause != supply.MAY_CLOSE) << 6
            word |= supply.is_alarm_on(state) << 7 | (not state.has(OPENED)) << 14
        elif number == 4:
            word = (cause == supply.UNDERVOLTAGE) << 1 | (cause == supply.OVERVOLTAGE) << 2
            word |= (cause in (supply.OVERLOAD, supply.OVERLOAD_LOCKED)) << 5
        elif number == _WORDS:
            word = (self._events.newest_what(CASE) or 0) << 9
        return word.to_bytes(2, "big")


def _measure(what: int, phases: tuple) -> bytes:
    """Return volts (1), amperes (2), power (3) or power factor (6) of these phases together."""
    voltage_mv, current_ma, power_mw = phases[0]
    if what == 3:
        power_mw = sum([phase[2] for phase in phases])
        return _sign(to_bcd(abs(power_mw) // 100, 3), power_mw)
    if voltage_mv is None or current_ma is None:
        raise ValueError
    if what == 1:
        return to_bcd(voltage_mv // 100, 2)
    if what == 2:
        return to_bcd(current_ma, 3)
    power_mw = sum([phase[2] for phase in phases])
    apparent_uw = sum([phase[0] * phase[1] for phase in phases])
    milli = min(abs(power_mw) * 1_000_000 // apparent_uw, 1000) if apparent_uw else 1000
    return _sign(to_bcd(milli, 2), power_mw)


def _sign(data: bytes, power_mw: int) -> bytes:
    if power_mw >= 0:
        return data
    return bytes((data[0] | _BACKWARDS,)) + data[1:]
