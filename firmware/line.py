"""The wire under T=0: a UART with transmit and receive tied to one contact, and commands over it.

`UartLine` owns the contacts VCC, RST, CLK and I/O: order of activation, echo removed and compared, guard and waiting times.
Characters are 8 bits, even parity, two stop bits: 12 etu from edge to edge, ISO 7816-3's shortest. A UART can neither give nor
obey the error signal; PioLine can. `Channel` takes commands through `iso7816.Exchange` on any line.
"""

import asyncio
import time

from micropython import const

from iso7816 import AtrReader, Exchange

_POWER_MS = const(10)  # VCC steady before the clock starts
_RESET_MS = const(12)  # 40,000 to 45,000 clocks of 3.57 MHz, more than the 400 that ISO 7816-3 asks for
_CHAR_ETU = const(12)
_TURN_ETU = const(16)  # between characters of opposite directions
_HALF = const(32768)  # duty of the card clock


class LineError(Exception):
    """The chip on the line did not answer as T=0 wants it. The text says how."""


class UartLine:
    """`clock` is a PWM at the card clock's frequency; `power`, `reset` are pins. All times follow from `baud`."""

    def __init__(self, uart, power, reset, clock, baud: int = 9600) -> None:
        self._uart = uart
        self._power = power
        self._reset = reset
        self._clock = clock
        self._etu_ns = 1_000_000_000 // baud
        self._heard_us = 0
        self.extra_guard_etu = 0
        self.characters = 0  # both ways, since the start
        self.lock = asyncio.Lock()  # whoever talks holds it for a whole command
        self._off()

    async def activate(self) -> None:
        """Cold reset: the chip's ATR can be received when this returns."""
        self._off()
        self.extra_guard_etu = 0
        await asyncio.sleep_ms(_POWER_MS)
        self._power.on()
        await asyncio.sleep_ms(_POWER_MS)
        self._clock.duty_u16(_HALF)
        await asyncio.sleep_ms(_RESET_MS)
        self._flush()
        self._reset.on()

    def deactivate(self) -> None:
        """RST, CLK and VCC off, in this order."""
        self._off()

    async def send(self, data) -> None:
        """Send characters and take their echo off; LineError if the wire does not carry what was sent."""
        await self._turn()
        if self.extra_guard_etu:
            for i in range(len(data)):
                await self._send(data[i : i + 1])
                await asyncio.sleep_ms(self._ms(self.extra_guard_etu))
        else:
            await self._send(data)

    async def receive(self, count: int, wait_ms: int, deadline_ms=None) -> bytes:
        """`count` characters; fewer if one is late by more than `wait_ms`, or not all are here by `deadline_ms`."""
        uart = self._uart
        here = uart.any()
        since_ms = time.ticks_ms()
        while here < count:
            await asyncio.sleep_ms(max(1, self._ms((count - here) * _CHAR_ETU) - 2))
            now = uart.any()
            if now != here:
                here, since_ms = now, time.ticks_ms()
            elif time.ticks_diff(time.ticks_ms(), since_ms) > wait_ms:
                break
            if deadline_ms is not None and time.ticks_diff(time.ticks_ms(), deadline_ms) > 0:
                break
        got = uart.read(min(here, count)) or b""
        self._heard_us = time.ticks_us()
        self.characters += len(got)
        return got

    def waiting_ms(self, etu: int) -> int:
        """A waiting time of so many etu, rounded up."""
        return etu * self._etu_ns // 1_000_000 + 1

    async def _send(self, data) -> None:
        self._uart.write(data)
        self.characters += len(data)
        echo = b""
        ms = self._ms(len(data) * _CHAR_ETU)
        for _ in range(4):  # the transmitter may start late by a character or two
            await asyncio.sleep_ms(ms)
            echo += self._uart.read(min(self._uart.any(), len(data) - len(echo))) or b""
            if len(echo) == len(data):
                break
            ms = 2
        if echo != data:
            raise LineError("line shorted" if not echo else "echo differs")

    async def _turn(self) -> None:
        quiet_us = time.ticks_diff(time.ticks_us(), self._heard_us)
        turn_us = _TURN_ETU * self._etu_ns // 1000
        if 0 <= quiet_us < turn_us:
            await asyncio.sleep_ms((turn_us - quiet_us) // 1000 + 1)
        self._flush()

    def _flush(self) -> None:
        waiting = self._uart.any()
        if waiting:
            self._uart.read(waiting)

    def _ms(self, etu: int) -> int:
        return etu * self._etu_ns // 1_000_000 + 1

    def _off(self) -> None:
        self._reset.off()
        self._clock.duty_u16(0)
        self._power.off()


class Channel:
    """Commands to the chip on a line. Set `deadline_ms` (a ticks_ms value) to bound all that follows."""

    def __init__(self, line) -> None:
        self._line = line
        self._waiting_ms = 1000
        self.deadline_ms = None
        self.last = b""  # header of the newest command, for the log
        self.sw = 0

    async def reset(self) -> AtrReader:
        """Cold reset; the ATR, whole and without error, or LineError."""
        async with self._line.lock:
            return await self._activate()

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
        self._waiting_ms = line.waiting_ms(960 * atr.waiting_integer)
        return atr

    def off(self) -> None:
        self._line.deactivate()

    async def command(self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", le: int = 0) -> tuple:
        """(answer, status word) of one command; LineError if the line or the chip fails."""
        exchange = Exchange(cla, ins, p1, p2, data, le)
        async with self._line.lock:
            return await self._exchange(exchange, bytes((cla, ins, p1, p2, len(data) or le & 0xFF)))

    async def _exchange(self, exchange: Exchange, header: bytes) -> tuple:
        self.last = header
        self.sw = 0
        while not exchange.done:
            wait_ms = self._left_ms(self._waiting_ms)  # first of all: nothing is sent whose answer nobody waits for
            out, want = exchange.take(), exchange.want
            if out:
                await self._line.send(out)
            chunk = await self._line.receive(want, wait_ms, self.deadline_ms)
            exchange.receive(chunk)
            if len(chunk) < want:
                exchange.expire()
        if exchange.error:
            raise LineError(exchange.error)
        self.sw = exchange.sw
        return bytes(exchange.data), exchange.sw

    def _left_ms(self, wait_ms: int) -> int:
        if self.deadline_ms is None:
            return wait_ms
        left_ms = time.ticks_diff(self.deadline_ms, time.ticks_ms())
        if left_ms <= 0:
            raise LineError("session took too long")
        return min(wait_ms, left_ms)
