"""Tell the last records of the log, and what a tariff set says, by DL/T 645-2007 (readings.py).

A tariff set is read from the memory each time; the ESAM is not asked.
"""

from micropython import const

import card_files
from card_files import to_bcd
from ds3231 import Ds3231, split
from event_chain import CLOCK, POWER, POWER_DOWN, POWER_UP, PURCHASE
from events import Events
from fram import Fram
from state_store import StateStore

_RECORDS = const(10)  # of a kind, by the standard
_FAR_BACK = const(4)  # entries in which the last power failure is looked for
_LIMITS_AT = const(48)  # in a tariff set: six limits of steps, and what seven steps cost
_STEPS_AT = const(72)
_RATES = const(4)
_LIMITS = const(6)


class ReadingRecords:
    """The records and tariffs of one meter."""

    def __init__(
        self, store: "StateStore", clock: "Ds3231", events: "Events", memory: "Fram"
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._memory = memory

    def read(self, group: int, kind: int, number: int) -> bytes:
        """Return what an identifier of group 3 or 4 holds. Errors as of `Readings.read`."""
        if group == 3:
            return self._read_record(kind, number)
        return self._read_tariff(kind, number)

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
        return _read_purchase(kind, self._find_entry(PURCHASE, number))

    def _find_entry(self, kind: int, back: int) -> dict:
        """Return the newest entry of the log, 1, or the one so many before it."""
        number = self._events.newest_number(kind) - back + 1
        entry = self._events.read(kind, number) if number > 0 else None
        if not entry:
            raise ValueError
        return card_files.unpack(card_files.LOG_ENTRY, entry)

    def _read_power_failure(self) -> bytes:
        """Return when the mains came back and when it had failed, as the log has it."""
        end = 0
        for back in range(1, _FAR_BACK + 1):
            entry = self._find_entry(POWER, back)
            if entry["what"] == POWER_DOWN:
                return to_bcd(end * 100, 6) + to_bcd(entry["time"] * 100, 6)
            end = entry["time"] if entry["what"] == POWER_UP else 0
        raise ValueError

    def _pack_time(self, seconds: bytes) -> bytes:
        """Return YYMMDDhhmmss in local time of a time in UTC; zeros if that was unknown."""
        since = int.from_bytes(seconds, "big")
        if not since:
            return bytes(6)
        return bytes([to_bcd(field, 1)[0] for field in split(since + self._clock.offset_s)])

    def _read_tariff(self, kind: int, number: int) -> bytes:
        """Return what the set in force, or for 0502H the planned one, says."""
        state = self._store.state
        price_e4, crc = state.price_e4, state.set_crc
        if kind == 0x0502:
            if not state.switch_time:
                raise ValueError
            price_e4, crc = state.next_price_e4, state.next_set_crc
        places = {0x0501: (0, _RATES), 0x0502: (0, _RATES), 0x0600: (_LIMITS_AT, _LIMITS)}
        at, most = places.get(kind, (_STEPS_AT, _LIMITS + 1 if kind == 0x0601 else 0))
        counted = kind == 0x0002 and number in (4, 7)
        if not counted and not 1 <= number <= most:
            raise ValueError
        data = to_bcd(price_e4, 4) + bytes(card_files.TARIFF_SIZE - 4)
        if crc:
            import parameter_memory  # which is there with such a set

            data = parameter_memory.find(self._memory, parameter_memory.TARIFFS, crc)
            if not data:
                raise OSError
        if counted:
            at, most = (0, _RATES) if number == 4 else (_LIMITS_AT, _LIMITS)
            given = [any(data[place : place + 4]) for place in range(at, at + 4 * most, 4)]
            return bytes((sum(given),))
        at += 4 * (number - 1)
        return data[at : at + 4]


def _read_purchase(kind: int, entry: dict) -> bytes:
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
