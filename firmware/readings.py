"""Tell what the meter holds, by the identifiers of DL/T 645-2007. It reads and changes nothing.

docs/read.md has the table. Numbers are BCD; what can't be told truly is refused: a register that
this meter does not keep, a number that its field can't hold, the mains while the metering chip is
unresponsive. Imported when somebody reads the meter first (data_port.py).
"""

from micropython import const

import account
import card_files
import parameter_memory
import supply
from card_files import to_bcd
from ds3231 import LOST, Ds3231, split
from event_chain import CASE, CLOCK, POWER, POWER_DOWN, POWER_UP, PURCHASE
from events import Events
from fram import Fram
from metering import Metering
from relay import Relay
from state import OPENED
from state_store import StateStore
from supply_switch import SupplySwitch

_RECORDS = const(10)  # of a kind, by the standard
_FAR_BACK = const(4)  # entries in which the last power failure is looked for
_BLOCK = const(0xFF)
_DAY_S = const(86_400)
_SATURDAY = const(6)  # weekday of 2000-01-01, Sunday is 0
_WORDS = const(7)
_BACKWARDS = const(0x80)  # highest bit of a power that flows backwards
_LIMITS_AT = const(48)  # in a tariff set: six limits of steps, and what seven steps cost
_STEPS_AT = const(72)
_RATES = const(4)
_LIMITS = const(6)


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

    def read(self, name: int) -> bytes:
        """Return what the identifier `name` (DI3 to DI0) holds, the highest byte first.

        ValueError if there is no such thing; OSError if memory or clock do not answer.
        """
        group = name >> 24
        if group == 0:
            return self._read_total(name)
        if group == 2:
            return self._read_mains(name)
        if group == 3:
            return self._read_record(name >> 8 & 0xFFFF, name & 0xFF)
        if group == 4:
            return self._read_parameter(name >> 8 & 0xFFFF, name & 0xFF)
        raise ValueError

    # ****** Totals and mains ******

    def _read_total(self, name: int) -> bytes:
        state = self._store.state
        if name == 0 or name == 0x00010000:
            return to_bcd(account.compute_kwh_x100(state) % 10**8, 4)  # comes round like a register
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

    # ****** Records ******

    def _read_record(self, kind: int, number: int) -> bytes:
        state = self._store.state
        if kind == 0x3302 and number == 1:
            return to_bcd(state.count, 2)
        if kind == 0x3306 and number == 1:
            return to_bcd(state.bought_fen, 4)
        if kind == 0x3004 and not number:
            return to_bcd(self._events.newest_number(CLOCK) % 10**6, 3)
        if not 1 <= number <= _RECORDS:
            raise ValueError
        if kind == 0x3004:
            detail = self._find_entry(CLOCK, number)["detail"]
            return self._pack_time(detail[4:8]) + self._pack_time(detail[:4]) + bytes(4)
        if kind == 0x1100 and number == 1:
            return self._read_power_failure()
        return self._read_purchase(kind, self._find_entry(PURCHASE, number))

    def _find_entry(self, kind: int, back: int) -> dict:
        """Return the newest entry of the log, 1, or the one so many before it."""
        number = self._events.newest_number(kind) - back + 1
        entry = self._events.read(kind, number) if number > 0 else None
        if not entry:
            raise ValueError
        return card_files.unpack(card_files.LOG_ENTRY, entry)

    def _read_purchase(self, kind: int, entry: dict) -> bytes:
        detail = entry["detail"]
        amount = int.from_bytes(detail[:4], "big")
        after = int.from_bytes(detail[8:13], "big")
        if after >> 39:
            after -= 1 << 40
        if kind == 0x3301:
            return to_bcd(entry["time"], 5)
        if kind == 0x3302:
            return to_bcd(int.from_bytes(detail[4:8], "big"), 2)
        if kind == 0x3303:
            return to_bcd(amount, 4)
        if kind == 0x3304:
            return to_bcd(after - amount, 4)  # a debt has no place in this field: ValueError
        if kind == 0x3305:
            return to_bcd(after, 4)
        raise ValueError

    def _read_power_failure(self) -> bytes:
        """Return when the mains came back and when it had failed, as the log has it."""
        end = 0
        for back in range(1, _FAR_BACK + 1):
            entry = self._find_entry(POWER, back)
            if entry["what"] == POWER_DOWN:
                return to_bcd(end * 100, 6) + to_bcd(entry["time"] * 100, 6)
            end = entry["time"] if entry["what"] == POWER_UP else 0
        raise ValueError

    # ****** Parameters ******

    def _read_parameter(self, kind: int, number: int) -> bytes:
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
        return self._read_tariff(kind, number)

    def _read_time(self, number: int) -> bytes:
        if number == 8:
            return to_bcd(self._store.state.switch_time, 5)
        seconds = self._clock.read_sure_seconds()
        if seconds is None:
            raise OSError
        seconds += self._clock.offset_s
        fields = split(seconds)
        date = bytes([to_bcd(field, 1)[0] for field in fields[:3]])
        date += bytes(((seconds // _DAY_S + _SATURDAY) % 7,))
        clock = bytes([to_bcd(field, 1)[0] for field in fields[3:]])
        if number == 1:
            return date
        if number == 2:
            return clock
        if number == 0x0C:
            return date + clock
        raise ValueError

    def _read_tariff(self, kind: int, number: int) -> bytes:
        """Return what the set in force, or for 0502H the planned one, says."""
        state = self._store.state
        price_e4, crc = state.price_e4, state.set_crc
        if kind == 0x0502:
            if not state.switch_time:
                raise ValueError
            price_e4, crc = state.next_price_e4, state.next_set_crc
        if crc:
            data = parameter_memory.find(self._memory, parameter_memory.TARIFFS, crc)
            if not data:
                raise OSError
        else:
            data = to_bcd(price_e4, 4) + bytes(card_files.TARIFF_SIZE - 4)
        if kind == 0x0002 and number == 4:
            return bytes((_count(data, 0, _RATES),))
        if kind == 0x0002 and number == 7:
            return bytes((_count(data, _LIMITS_AT, _LIMITS),))
        places = {0x0501: (0, _RATES), 0x0502: (0, _RATES), 0x0600: (_LIMITS_AT, _LIMITS)}
        at, most = places.get(kind, (_STEPS_AT, _LIMITS + 1 if kind == 0x0601 else 0))
        if not 1 <= number <= most:
            raise ValueError
        at += 4 * (number - 1)
        return data[at : at + 4]

    def _pack_time(self, seconds: bytes) -> bytes:
        """Return YYMMDDhhmmss in local time of a time in UTC; zeros if that was unknown."""
        since = int.from_bytes(seconds, "big")
        if not since:
            return bytes(6)
        return bytes([to_bcd(field, 1)[0] for field in split(since + self._clock.offset_s)])

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


def _count(data: bytes, at: int, most: int) -> int:
    """Return how many of these numbers of four bytes are not zero."""
    return sum([any(data[place : place + 4]) for place in range(at, at + 4 * most, 4)])
