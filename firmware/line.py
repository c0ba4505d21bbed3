"""Commands to the chip on a T=0 line, whatever the wire under them is.

`Channel` takes commands through `iso7816.Exchange`, after `iso7816_pps.Pps` at up to four times the first rate. A line has
activate, deactivate, set_rate, send, receive, waiting_ms, lock, extra_guard_etu and fastest: line_uart.py, line_shared.py and
line_pio.py.
"""

import time

from iso7816 import AtrReader, Exchange
from iso7816_pps import Pps, imposed, offered


class LineError(Exception):
    """The chip on the line did not answer as T=0 wants it. The text says how."""


class Channel:
    """Commands to the chip on a line. Set `deadline_ms` (a ticks_ms value) to bound all that follows."""

    def __init__(self, line) -> None:
        self._line = line
        self._waiting_ms = 1000
        self.deadline_ms = None
        self.last = b""  # header of the newest command, for the log
        self.sw = 0
        self.pps_failures = 0
        self._agreed = False  # by PPS to a higher rate
        self._distrusted = False  # it has failed since

    async def reset(self) -> AtrReader:
        """Cold reset; the ATR, whole and without error, or LineError. Then the highest rate that chip and line have in common.

        A chip that does not keep to its offer is reset once more and left at the first rate. So is, once, whatever is reset
        next after a command has failed at a rate agreed to: else a card heard badly at its own rate would never be served.
        """
        async with self._line.lock:
            atr = await self._activate()
            factor = 1 if self._distrusted else offered(atr, self._line.fastest)
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
            chunk = await line.receive(want, self._left_ms(line.waiting_ms(9600)), self.deadline_ms)
            atr.receive(chunk)
            if len(chunk) < want:
                raise LineError("ATR cut short" if atr.raw else "mute")
        if atr.error:
            raise LineError(atr.error)
        if 0 not in atr.protocols:
            raise LineError("no T=0")
        line.extra_guard_etu = atr.extra_guard_etu
        self._waiting_ms = line.waiting_ms(960 * atr.waiting_integer * max(atr.fi, 372) // 372)
        factor = imposed(atr, line.fastest)
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

    def off(self) -> None:
        self._line.deactivate()

    async def command(self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", le: int = 0) -> tuple:
        """(answer, status word) of one command; LineError if the line or the chip fails."""
        exchange = Exchange(cla, ins, p1, p2, data, le)
        async with self._line.lock:
            self.last = exchange.header
            self.sw = 0
            self._distrusted = self._agreed  # unless it comes to its end
            await self._talk(exchange, self._waiting_ms)
            self._distrusted = False
            self.sw = exchange.sw
            return bytes(exchange.data), exchange.sw

    async def _talk(self, engine, waiting_ms: int) -> None:
        """Characters to and fro until the engine is done; LineError if it ends in an error."""
        while not engine.done:
            wait_ms = self._left_ms(waiting_ms)  # first of all: nothing is sent whose answer nobody waits for
            out, want = engine.take(), engine.want
            if out:
                await self._line.send(out)
            chunk = await self._line.receive(want, wait_ms, self.deadline_ms)
            engine.receive(chunk)
            if len(chunk) < want:
                engine.expire()
        if engine.error:
            raise LineError(engine.error)

    def _left_ms(self, wait_ms: int) -> int:
        if self.deadline_ms is None:
            return wait_ms
        left_ms = time.ticks_diff(self.deadline_ms, time.ticks_ms())
        if left_ms <= 0:
            raise LineError("session took too long")
        return min(wait_ms, left_ms)
