"""Keep the totals at the beginning of each day: what days and months took, and the days left.

The first look at the clock in a local day keeps energy and money used so far, of the last 11 days
and of the first day of this month and the last one. So a day's use is the difference of two totals,
and days without supply have taken nothing.

**Clock.** A day that did not begin under a clock that told the time all along since the entry
before is marked: nothing is said of what ends or begins there, nor of now while the time is
unknown. The same holds when the clock leaps by more than an hour. A clock that is wound back by
more than a day, and totals that have fallen, begin a new history. A new one knows the use of its
own beginning only if nothing had been used by then.

**Memory.** The whole history is one record with a CRC-32, written once a day to both halves, one
after the other: the newer whole one counts. A loss costs the pages alone, never money.
"""

import binascii

from micropython import const

import account
import fram_map
from ds3231 import MOST_BACK_S, Ds3231, split
from fram import Fram
from state_store import StateStore

_PJ_PER_WH = account.PJ_PER_KWH // 1000
_DAY_S = const(86_400)
_LEAP_S = const(3_600)  # between two looks, a second apart: the clock was set
_DAYS = const(11)
_MONTHS = const(2)
_WINDOW = const(7)  # days whose use tells how long the balance lasts
_MOST_LEFT = const(999)
# Record: format, its number (4), entries of days, entries of months, CRC.
_FORMAT = const(1)
_HEAD = const(5)
_ENTRY = const(13)  # day since 2000-01-01 (2), whether it is sure (1), Wh (5), fen (5)
_CRC = const(4)
SIZE = const(178)  # 5 + 13 x 13 + 4


class UseHistory:
    """The history of one meter. `look` has to be called about every second."""

    def __init__(self, memory: "Fram", store: "StateStore", clock: "Ds3231", log) -> None:
        self._memory = memory
        self._store = store
        self._clock = clock
        self._log = log
        self._number = -1  # of the record; below zero: not read yet
        self._days: list = []  # entries (day, sure, Wh, fen), oldest first
        self._months: list = []
        self._known = True  # the clock has told the time since the newest entry
        self._looked_s = 0
        self._failed = False  # the console knows that the memory does not answer

    def look(self) -> None:
        """Begin a new day if there is one. A memory that fails loses it, and nothing else."""
        if self._store.unread:
            return
        seconds = self._clock.read_sure_seconds()
        if seconds is None:
            # Readings that differ are one that was garbled; a fault is a time that nobody knows.
            self._known = self._known and not self._clock.fault
            return
        if self._looked_s and not -MOST_BACK_S <= seconds - self._looked_s <= _LEAP_S:
            self._known = False
        self._looked_s = seconds
        try:
            self._read()
            self._follow((seconds + self._clock.offset_s) // _DAY_S)
            self._failed = False
        except OSError:
            if not self._failed:
                self._log("use of the day not kept: the memory does not answer")
            self._failed = True

    @property
    def today(self) -> "int | None":
        """Return the newest day, since 2000-01-01; None without a history."""
        return self._days[-1][0] if self._days else None

    def compute_use(self, back: int) -> "tuple | None":
        """Return what the day `back` days ago took, in (Wh, fen); None if that is not known."""
        if not self._days:
            return None
        day = self._days[-1][0] - back
        return self._subtract(self._days, day, not back)

    def compute_month_use(self, back: int) -> "tuple | None":
        """Return the same of this month, 0, or of the last one, 1."""
        if not self._days:
            return None
        months = [(_month_of(entry[0]),) + entry[1:] for entry in self._months]
        return self._subtract(months, _month_of(self._days[-1][0]) - back, not back)

    def compute_days_left(self) -> "int | None":
        """Return how many days the balance lasts at the use of the last seven whole days.

        Of as many as the history has, if they are fewer; None without one, or without any use.
        """
        balance_fen = self._store.state.balance_fen
        if balance_fen <= 0:
            return 0
        end = _find(self._days, self._days[-1][0]) if self._days and self._known else None
        if not end:
            return None
        for days in range(_WINDOW, 0, -1):
            begin = _find(self._days, end[0] - days)
            if begin:
                used_fen = end[3] - begin[3]
                return min(balance_fen * days // used_fen, _MOST_LEFT) if used_fen else None
        return None

    # ****** Days ******

    def _subtract(self, entries: list, period: int, up_to_now: bool) -> "tuple | None":
        begin = _find(entries, period)
        if up_to_now:
            end = (0, 0) + self._compute_totals() if self._known else None
        else:
            end = _find(entries, period + 1)
        if not begin or not end or end[2] < begin[2] or end[3] < begin[3]:
            return None
        return end[2] - begin[2], end[3] - begin[3]

    def _compute_totals(self) -> tuple:
        """Return what was used so far, in Wh and in fen."""
        state = self._store.state
        return state.energy_pj // _PJ_PER_WH, max(state.bought_fen - state.balance_fen, 0)

    def _follow(self, day: int) -> None:
        """Keep the totals of a day that has just begun."""
        energy_wh, used_fen = self._compute_totals()
        if self._days:
            newest = self._days[-1]
            fallen = energy_wh < newest[2] or used_fen < newest[3]
            if day < newest[0]:
                self._known = False  # that day lasts longer than a day
            if not fallen and 0 <= newest[0] - day <= 1:
                return
            if fallen or day < newest[0]:
                self._days, self._months = [], []
        sure = self._known if self._days else not energy_wh
        entry = (day, sure, energy_wh, used_fen)
        if not self._months or _month_of(day) != _month_of(self._months[-1][0]):
            self._months = (self._months + [entry])[-_MONTHS:]
        self._days = (self._days + [entry])[-_DAYS:]
        self._known = True
        self._number += 1
        record = self._pack()
        for half in fram_map.HALVES:
            self._memory.write(half + fram_map.HISTORY_AT, record)

    # ****** Memory ******

    def _read(self) -> None:
        """Read the newer whole record, once; OSError if the memory does not answer."""
        if self._number >= 0:
            return
        found = (0, [], [])
        for half in fram_map.HALVES:
            raw = bytes(self._memory.read(half + fram_map.HISTORY_AT, SIZE))
            number = int.from_bytes(raw[1:_HEAD], "big")
            if raw[0] == _FORMAT and _crc_of(raw[:-_CRC]) == raw[-_CRC:] and number >= found[0]:
                at = _HEAD + _DAYS * _ENTRY
                found = number, _unpack(raw[_HEAD:at]), _unpack(raw[at:-_CRC])
        self._number, self._days, self._months = found

    def _pack(self) -> bytes:
        out = bytearray((_FORMAT,)) + self._number.to_bytes(4, "big")
        for entries, most in ((self._days, _DAYS), (self._months, _MONTHS)):
            for day, sure, energy_wh, used_fen in entries:
                out += day.to_bytes(2, "big") + bytes((1 + sure,))
                out += energy_wh.to_bytes(5, "big") + used_fen.to_bytes(5, "big")
            out += bytes((most - len(entries)) * _ENTRY)
        return bytes(out) + _crc_of(out)


def _unpack(data: bytes) -> list:
    """Return the entries; the third byte of each is 1, of one that is sure 2, of none 0."""
    entries = []
    for at in range(0, len(data), _ENTRY):
        day, mark = int.from_bytes(data[at : at + 2], "big"), data[at + 2]
        if mark:
            energy_wh = int.from_bytes(data[at + 3 : at + 8], "big")
            used_fen = int.from_bytes(data[at + 8 : at + _ENTRY], "big")
            entries.append((day, mark > 1, energy_wh, used_fen))
    return entries


def _find(entries: list, period: int) -> "tuple | None":
    """Return the entry with the totals at the beginning of this day or month, None if not known.

    A period without an entry had no supply: the next one has its totals too.
    """
    before = False
    for entry in entries:
        if entry[0] >= period:
            return entry if entry[1] and (before or entry[0] == period) else None
        before = True
    return None


def _month_of(day: int) -> int:
    year, month, _, _, _, _ = split(day * _DAY_S)
    return year * 12 + month


def _crc_of(data) -> bytes:
    return binascii.crc32(data).to_bytes(_CRC, "big")
