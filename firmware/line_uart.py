"""Drive the wire under T=0 with a UART whose transmit and receive are tied to one contact.

`UartLine` owns the contacts VCC, RST, CLK and I/O: the order of activation, the removal and
comparison of the echo, guard and waiting times. Characters are 8 bits, even parity, two stop bits:
12 etu from edge to edge, the shortest of ISO 7816-3 (7.2). A UART can neither give nor obey the
error signal; PioLine can.
"""

import asyncio
import time

from micropython import const

from line import LineError, rest_until, wait_for

_POWER_MS = const(10)  # VCC is steady before the clock starts
# 40,000 to 45,000 clocks of 3.57 MHz; ISO 7816-3, 6.2.2 asks for 400.
_RESET_MS = const(12)
_CHAR_ETU = const(12)
_TURN_ETU = const(16)  # between the edges of characters of opposite directions
_HEARD_ETU = const(10)  # from a character's edge until a receiver has it, at the earliest
# Polls, one each etu, after the echo is due: the transmitter may start late.
_ECHO_LOOKS = const(100)
_HALF = const(32768)  # duty of the card clock


class UartLine:
    """A line on `uart`; `clock` is a PWM at the card clock's frequency.

    `power` and `reset` are pins. All times follow from `baud`.
    """

    fastest = 4  # times the first rate; beyond it Python is too slow to gain anything

    def __init__(self, uart, power, reset, clock, baud: int = 9600) -> None:
        self._uart = uart
        self._power = power
        self._reset = reset
        self._clock = clock
        self._first_baud = self.baud = baud
        self._free_us = 0  # end of the turnaround after the chip's last character
        self.extra_guard_etu = 0
        self.characters = 0  # both ways, since the start
        self.lock = asyncio.Lock()  # held for a whole command
        self._power_off()

    async def activate(self) -> None:
        """Make a cold reset: the chip's ATR can be received when this returns."""
        self._power_off()
        self.extra_guard_etu = 0
        if self.baud != self._first_baud:
            self.set_rate(1)
        await asyncio.sleep_ms(_POWER_MS)
        self._power.on()
        await asyncio.sleep_ms(_POWER_MS)
        self._clock.duty_u16(_HALF)
        await asyncio.sleep_ms(_RESET_MS)
        self._flush()
        self._reset.on()

    def deactivate(self) -> None:
        """Switch RST, CLK and VCC off, in this order."""
        self._power_off()

    def set_rate(self, factor: int) -> None:
        """Set 1, 2 or 4 times the first rate, as agreed by PPS; ValueError for any other factor."""
        if factor not in (1, 2, 4):
            raise ValueError("rate factor is 1, 2 or 4")
        self.baud = self._first_baud * factor
        self._uart.init(baudrate=self.baud)

    async def send(self, data: bytes) -> None:
        """Send characters and remove their echo; LineError if the echo differs from them."""
        await self._wait_turnaround()
        if self.extra_guard_etu:
            for i in range(len(data)):
                next_us = time.ticks_add(
                    time.ticks_us(), self._to_us(_CHAR_ETU + self.extra_guard_etu)
                )
                await self._send(data[i : i + 1])
                await rest_until(next_us)
        else:
            await self._send(data)

    async def receive(self, count: int, wait_ms: int, deadline_ms: "int | None" = None) -> bytes:
        """Return `count` characters.

        They are fewer if one is late by more than `wait_ms`, or not all have come by `deadline_ms`.
        """
        uart = self._uart
        await wait_for(lambda: count - uart.any(), 1_000_000_000 // self.baud, wait_ms, deadline_ms)
        got = uart.read(min(uart.any(), count)) or b""
        self._free_us = time.ticks_add(time.ticks_us(), self._to_us(_TURN_ETU - _HEARD_ETU))
        self.characters += len(got)
        return got

    def waiting_ms(self, etu: int) -> int:
        """Return a waiting time of `etu` in ms, rounded up.

        Waiting times are counted in etu of the first rate.
        """
        return etu * 1000 // self._first_baud + 1

    async def _send(self, data: bytes) -> None:
        now_us = time.ticks_us()
        self._uart.write(data)
        self.characters += len(data)
        echo = b""
        look_us = time.ticks_add(now_us, self._to_us(len(data) * _CHAR_ETU - 1))
        for _ in range(_ECHO_LOOKS):
            await rest_until(look_us)
            echo += self._uart.read(min(self._uart.any(), len(data) - len(echo))) or b""
            if len(echo) == len(data):
                break
            look_us = time.ticks_add(look_us, self._to_us(1))
        if echo != data:
            raise LineError("line shorted" if not echo else "echo differs")

    async def _wait_turnaround(self) -> None:
        """Wait out the 16 etu turnaround, then discard unsolicited characters."""
        if (
            0
            < time.ticks_diff(self._free_us, time.ticks_us())
            <= _TURN_ETU * 1_000_000 // self._first_baud
        ):
            await rest_until(self._free_us)
        self._flush()

    def _flush(self) -> None:
        waiting = self._uart.any()
        if waiting:
            self._uart.read(waiting)

    def _to_us(self, etu: int) -> int:
        return etu * 1_000_000 // self.baud + 1

    def _power_off(self) -> None:
        self._reset.off()
        self._clock.duty_u16(0)
        self._power.off()
