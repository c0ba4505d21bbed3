"""Send commands to the chip on a T=0 line, for any wire under it, with waits exact to the etu.

`Channel` passes commands through `iso7816.Exchange`, after `iso7816_pps.Pps` at up to four times
the first rate. A line has activate, deactivate, set_rate, send, receive, waiting_ms, lock,
extra_guard_etu and fastest: line_uart.py, line_shared.py and line_pio.py.

While characters pass, the other tasks get their turns. One turn may hold a debit and a commit of
the journal, which take some 14 ms on the chip. After a header of 5 characters, which takes 6 ms,
such a turn would make the line wait. So the other tasks run only in waits longer than 14 ms, and
the last 14 ms of those are waited out without them. The longer the tasks have waited, the shorter a
wait is enough, but never one after a header; after 25 ms any wait is enough. A chip that has not
answered after a few ms is polled every ms.
"""

import asyncio
import time

from micropython import const

from iso7816 import AtrReader, Exchange
from iso7816_pps import Pps, find_imposed_factor, find_offered_factor

_CHAR_ETU = const(12)
_ROOM_US = const(14_000)
_SHORT_US = const(400)
_LONG_US = const(25_000)
_BUSY_MS = const(4)

_turn_us = 0  # time of the other tasks' last turn


class LineError(Exception):
    """The chip on the line did not answer as T=0 requires. The text says how."""


class Channel:
    """Commands to the chip on one line."""

    def __init__(self, line) -> None:
        self._line = line
        self._waiting_ms = 1000
        self._deadline_ms = None
        self.last = b""  # header of the newest command, for the log
        self.sw = 0
        self.pps_failures = 0
        self._agreed = False  # a higher rate is agreed by PPS
        self._distrusted = False  # a command has failed at that rate

    def end_within(self, ms: int) -> None:
        """Set the deadline of all that follows: `ms` from now. After it LineError is raised."""
        self._deadline_ms = time.ticks_add(time.ticks_ms(), ms)

    async def reset(self) -> AtrReader:
        """Make a cold reset and agree on the highest rate that chip and line have in common.

        Return the ATR; LineError if it is incomplete or wrong. A chip that does not keep to its
        offer is reset once more and left at the first rate. After a command has failed at a
        negotiated rate, the next reset also stays at the first rate, once: otherwise a card that is
        badly received at its own rate would never be served.
        """
        async with self._line.lock:
            atr = await self._activate()
            factor = 1 if self._distrusted else find_offered_factor(atr, self._line.fastest)
            self._agreed = self._distrusted = False
            if factor > 1:
                try:
                    await self._negotiate(factor)
                except LineError:
                    self.pps_failures += 1
                    atr = await self._activate()
            return atr

    async def _activate(self) -> AtrReader:
        line = self._line
        await line.activate()
        atr = AtrReader()
        while atr.want:
            want = atr.want
            chunk = await line.receive(
                want, self._limit_wait_ms(line.waiting_ms(9600)), self._deadline_ms
            )
            atr.receive(chunk)
            if len(chunk) < want:
                raise LineError("ATR cut short" if atr.raw else "mute")
        if atr.error:
            raise LineError(atr.error)
        if 0 not in atr.protocols:
            raise LineError("no T=0")
        line.extra_guard_etu = atr.extra_guard_etu
        self._waiting_ms = line.waiting_ms(960 * atr.waiting_integer * max(atr.fi, 372) // 372)
        factor = find_imposed_factor(atr, line.fastest)
        if not factor:
            raise LineError("rate that this line does not have")
        if factor > 1:
            line.set_rate(factor)
        return atr

    async def _negotiate(self, factor: int) -> None:
        pps = Pps(factor)
        await self._talk(pps, self._line.waiting_ms(9600))
        if pps.factor > 1:
            self._line.set_rate(pps.factor)
            self._agreed = True

    def power_off(self) -> None:
        self._line.deactivate()

    async def command(
        self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", le: int = 0
    ) -> tuple:
        """Return (answer, status word) of one command; LineError if the line or the chip fails."""
        exchange = Exchange(cla, ins, p1, p2, data, le)
        async with self._line.lock:
            self.last = exchange.header
            self.sw = 0
            self._distrusted = self._agreed  # stays so if an error ends this command
            await self._talk(exchange, self._waiting_ms)
            self._distrusted = False
            self.sw = exchange.sw
            return bytes(exchange.data), exchange.sw

    async def _talk(self, engine, waiting_ms: int) -> None:
        """Exchange characters until the engine is done; LineError if it ends in an error."""
        while not engine.done:
            # Before anything is sent: past the deadline nothing would receive the answer.
            wait_ms = self._limit_wait_ms(waiting_ms)
            out, want = engine.take(), engine.want
            if out:
                await self._line.send(out)
            chunk = await self._line.receive(want, wait_ms, self._deadline_ms)
            engine.receive(chunk)
            if len(chunk) < want:
                engine.expire()
        if engine.error:
            raise LineError(engine.error)

    def _limit_wait_ms(self, wait_ms: int) -> int:
        if self._deadline_ms is None:
            return wait_ms
        left_ms = time.ticks_diff(self._deadline_ms, time.ticks_ms())
        if left_ms <= 0:
            raise LineError("session took too long")
        return min(wait_ms, left_ms)


async def rest_until(when_us) -> None:
    """Wait until `time.ticks_us()` reaches `when_us`, to the microsecond.

    Other tasks run if there is time for them.
    """
    global _turn_us
    left_us = time.ticks_diff(when_us, time.ticks_us())
    if left_us > _compute_room_us():
        await asyncio.sleep_ms(max(left_us - _ROOM_US, 0) // 1000)
        _turn_us = time.ticks_us()
        left_us = time.ticks_diff(when_us, _turn_us)
    if left_us > 0:
        time.sleep_us(left_us)


async def wait_for(missing, etu_ns: int, wait_ms: int, deadline_ms) -> None:
    """Wait until `missing()` characters are 0, one is late, or the deadline has passed.

    Late is one that takes more than `wait_ms`. `deadline_ms` is in ticks_ms, or None. The other
    tasks' turns are awaited here and not in a coroutine of their own: each call of one takes heap,
    and a session's calls together took more than is free, so that a collection fell due in it.
    """
    global _turn_us
    left = missing()
    since_ms = time.ticks_ms()
    while left > 0:
        idle = left == 1 and time.ticks_diff(time.ticks_ms(), since_ms) >= _BUSY_MS
        if idle or _compute_room_us() == _SHORT_US:
            await asyncio.sleep_ms(1 if idle else 0)
            _turn_us = time.ticks_us()
        else:
            rest_us = ((left - 1) * _CHAR_ETU + 1) * etu_ns // 1000
            if rest_us > _SHORT_US:
                await rest_until(time.ticks_add(time.ticks_us(), rest_us))
            else:  # most often: the next etu of the last character
                time.sleep_us(rest_us)
        now = missing()
        if now != left:
            left, since_ms = now, time.ticks_ms()
        elif time.ticks_diff(time.ticks_ms(), since_ms) > wait_ms:
            return
        if deadline_ms is not None and time.ticks_diff(time.ticks_ms(), deadline_ms) > 0:
            return


def _compute_room_us() -> int:
    """Return how long a wait must be for the other tasks to have a turn in it."""
    since_us = time.ticks_diff(time.ticks_us(), _turn_us)
    if not 0 <= since_us < _LONG_US:  # negative: so long ago that the ticks have wrapped
        return _SHORT_US
    return _ROOM_US - since_us // 6
