"""Count the energy that has flowed backwards, over all starts. It is never credited.

Imported when some flows first: of the three metering chips the ATT7022 alone tells the direction.

The total, in Wh with a CRC-32, is written to both halves of the memory, one after the other: the
higher whole one counts. So at each 10 Wh, and when the mains fails. A controller that restarts
alone, or whose supply does not last, forgets less than 10 Wh of it. The log of events says it at
the first 10 Wh of each start, and with GONE when the mains fails, each time with the total.
"""

import binascii

from micropython import const

import account
import event_chain
import fram_map
from events import Events
from fram import Fram
from metering import Metering

_PJ_PER_WH = account.PJ_PER_KWH // 1000
_STEP_WH = const(10)
_TOLD_WH = const(100)  # from one line on the console to the next
_WH = const(8)
_CRC = const(4)


class ReverseEnergy:
    """The count of one meter."""

    def __init__(self, memory: "Fram", metering: "Metering", events: "Events", log) -> None:
        self._memory = memory
        self._metering = metering
        self._events = events
        self._log = log
        self._former_wh = -1  # before this start; below zero: not read yet
        self._kept_wh = self._told_wh = 0  # of this start

    def look(self) -> None:
        """Keep and tell what has come since. To be called while energy flows backwards."""
        wh = self._metering.reverse_pj // _PJ_PER_WH
        if wh < self._kept_wh + _STEP_WH:
            return
        first = not self._kept_wh
        self._keep(wh)
        if first:
            self._tell(event_chain.BACKWARDS)
        if first or wh >= self._told_wh + _TOLD_WH:
            self._told_wh = wh
            self._log("energy backwards: %d Wh since the start, not credited" % wh)

    def note_power_down(self) -> None:
        """Keep and log the whole, as the mains fails."""
        wh = self._metering.reverse_pj // _PJ_PER_WH
        if wh > self._kept_wh:
            self._keep(wh)
        if wh > self._told_wh:
            self._told_wh = wh
            self._tell(event_chain.BACKWARDS | event_chain.GONE)

    def _tell(self, what: int) -> None:
        total_wh = max(self._former_wh, 0) + self._kept_wh
        self._events.log(event_chain.FAULT, what, total_wh.to_bytes(_WH, "big"))

    def _keep(self, wh: int) -> None:
        """Write the total. A memory that does not answer costs 10 Wh at most when it does again."""
        self._kept_wh = wh
        try:
            if self._former_wh < 0:
                self._former_wh = read_total_wh(self._memory)
            content = (self._former_wh + wh).to_bytes(_WH, "big")
            content += _crc_of(content)
            for half in fram_map.HALVES:
                self._memory.write(half + fram_map.REVERSE_AT, content)
        except OSError:
            self._log("energy backwards not kept: the memory does not answer")


def read_total_wh(memory: "Fram") -> int:
    """Return what is kept, 0 if nothing is; OSError if the memory does not answer."""
    total_wh = 0
    for half in fram_map.HALVES:
        raw = bytes(memory.read(half + fram_map.REVERSE_AT, _WH + _CRC))
        if _crc_of(raw[:_WH]) == raw[_WH:]:
            total_wh = max(total_wh, int.from_bytes(raw[:_WH], "big"))
    return total_wh


def _crc_of(data: bytes) -> bytes:
    return binascii.crc32(data).to_bytes(_CRC, "big")
