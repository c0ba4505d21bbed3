"""Drive the wire under T=0 on the RP2040: one open-drain pin, two state machines, two DMA channels.

`PioLine` has the interface of `line_uart.UartLine`, and does more than a UART can: it gives and
obeys the error signal (ISO 7816-3, 7.3), and loses nothing while Python is busy, because DMA moves
every character. Up to 512 can wait, more than a chip sends unsolicited. The etu is 372 periods of
the card clock, or a half, a quarter, an eighth of that. The programs are in pio_programs.py.
"""

import asyncio
import time
from array import array

import machine
import rp2
from micropython import const

from line import LineError, rest_until, wait_for
from pio_programs import receiver, sender

_POWER_MS = const(10)  # VCC is steady before the clock starts
# 40,000 to 45,000 clocks of 3.57 MHz; ISO 7816-3, 6.2.2 asks for 400.
_RESET_MS = const(12)
_ETU_CLOCKS = const(372)
_ETU_CYCLES = const(30)  # of a state machine, by its program
_CHAR_ETU = const(12)
_TURN_ETU = const(16)  # between the edges of characters of opposite directions
_HEARD_ETU = const(10)  # from a character's edge until the receiver has it, at the earliest
_WORST_ETU = const(60)  # a character and its three repetitions
_HALF = const(32768)  # duty of the card clock
_RING = const(512)  # characters
_RING_BITS = const(10)  # of the ring's size in bytes, which is what the DMA wraps at
_READ = const(0)  # index of each address in a DMA channel's registers
_WRITE = const(1)
_ENDLESS = const(0x0FFFFFFF)
_LAST = const(0x800)  # in a word for the sender: the receiver is to listen after this character
_LISTEN = const(0xC010)  # irq(rel(0)), the sender's flag to its receiver
_CLEAR_FLAG = const(0xC050)  # irq(clear, rel(0))


def encode_character(value: int) -> int:
    """Return the sender's word for a character.

    Start 1, bits and even parity inverted, release 0.
    """
    odd = 0x6996 >> ((value ^ value >> 4) & 15) & 1
    return 1 | (value ^ 0xFF) << 1 | (odd ^ 1) << 9


# Computed once: for each character it would take a tenth of the turnaround.
_WORDS = array("H", [encode_character(value) for value in range(256)])


def decode_word(word: int) -> int:
    """Return the character in a received halfword, or -1 if its parity is wrong.

    Bits 7 to 15 are the running parities.
    """
    if word & 0x8000:
        return -1
    parities = word >> 7
    return (parities ^ parities << 1) & 0xFF


class PioLine:
    """A line on the pin `io` and on the state machines `sm`, an even number, and `sm` + 1.

    `io` is that of contact I/O, `clock` a PWM at the card clock's frequency, `power` and `reset`
    are pins.
    """

    fastest = 4  # times the first rate, asked for by PPS; beyond it Python is too slow to gain

    def __init__(self, io, power, reset, clock, sm: int) -> None:
        self._io = io
        self._power = power
        self._reset = reset
        self._clock = clock
        self._etu_cycles = _ETU_CLOCKS * ((machine.freq() + clock.freq() // 2) // clock.freq())
        self._etu_ns = self._etu_cycles * 1_000_000_000 // machine.freq()
        self._factor = 1
        self._free_us = 0  # end of the turnaround after the chip's last character
        self._got = bytearray()
        self.extra_guard_etu = 0
        self.characters = 0  # both ways, without error, since the start
        self.errors_signalled = 0  # by this side: characters that came with wrong parity
        self.errors_seen = 0  # signals of the chip: characters that it wanted again
        self._sender = rp2.StateMachine(sm)
        self._receiver = rp2.StateMachine(sm + 1)
        self._feed = rp2.DMA()
        self._drain = rp2.DMA()
        self._addresses = self._drain.registers  # pyright: ignore[reportAttributeAccessIssue]
        request = (sm >> 2) * 8 + (sm & 3)  # DREQ numbers: RP2040 datasheet, table 120
        self._feed_ctrl = self._feed.pack_ctrl(size=1, inc_write=False, treq_sel=request)
        self._drain_ctrl = self._drain.pack_ctrl(
            size=1, inc_read=False, ring_sel=True, ring_size=_RING_BITS, treq_sel=request + 5
        )
        self._make_ring()
        self.lock = asyncio.Lock()  # held for a whole command
        self._power_off()

    async def activate(self) -> None:
        """Make a cold reset at the first rate: the chip's ATR can be received when this returns."""
        self._power_off()
        self.extra_guard_etu = 0
        self._factor = 1
        await asyncio.sleep_ms(_POWER_MS)
        self._power.on()
        self._start()
        await asyncio.sleep_ms(_POWER_MS)
        self._clock.duty_u16(_HALF)
        await asyncio.sleep_ms(_RESET_MS)
        self._sender.exec(_LISTEN)
        self._reset.on()

    def deactivate(self) -> None:
        """Switch RST, CLK, I/O and VCC off, in this order."""
        self._power_off()

    def set_rate(self, factor: int) -> None:
        """Set 1, 2, 4 or 8 times the first rate, as agreed by PPS; ValueError for others."""
        if factor not in (1, 2, 4, 8):
            raise ValueError("rate factor is 1, 2, 4 or 8")
        self._factor = factor
        self._start()

    async def send(self, data: bytes) -> None:
        """Send characters, each up to four times.

        LineError if the chip refuses one or the line does not move.
        """
        piece = 1 if self.extra_guard_etu else len(data)
        self._load(data[:piece])
        await self._wait_turnaround()
        if not self._io.value():
            await self._check_idle()
        began_us = await self._send()
        for at in range(piece, len(data), piece):
            await rest_until(
                time.ticks_add(began_us, self._to_us(_CHAR_ETU + self.extra_guard_etu))
            )
            self._load(data[at : at + piece])
            began_us = await self._send()

    async def receive(self, count: int, wait_ms: int, deadline_ms: "int | None" = None) -> bytes:
        """Return `count` characters.

        They are fewer if one is late by more than `wait_ms`, or not all have come by `deadline_ms`.
        """
        await wait_for(
            lambda: self._count_missing(count), self._etu_ns // self._factor, wait_ms, deadline_ms
        )
        got = bytes(self._got[:count])
        self._got = self._got[len(got) :]
        return got

    def waiting_ms(self, etu: int) -> int:
        """Return a waiting time of `etu` in ms, rounded up.

        Waiting times are counted in etu of the first rate.
        """
        return etu * self._etu_ns // 1_000_000 + 1

    def _load(self, data: bytes) -> None:
        """Prepare to send. Done while this side has to wait out the guard time anyway."""
        # Back to its wait for the sender's flag; at once, not after an instruction or two.
        self._receiver.active(0)
        self._receiver.restart()
        self._receiver.active(1)
        words = self._words = array("H", [_WORDS[value] for value in data])
        words[-1] |= _LAST
        self._feed.config(
            read=words, write=self._sender, count=len(words), ctrl=self._feed_ctrl, trigger=False
        )

    async def _send(self):
        """Send the prepared characters. Return the ticks_us of the beginning."""
        count = len(self._words)
        began_us = time.ticks_us()
        self._feed.active(True)
        look_us = time.ticks_add(began_us, self._to_us(count * _CHAR_ETU))
        limit_us = time.ticks_add(look_us, self._to_us(count * _WORST_ETU) + 100_000)
        await rest_until(look_us)
        while not self._check_sent():
            look_us = time.ticks_us()
            if time.ticks_diff(look_us, limit_us) > 0:
                self._start()
                raise LineError("line does not move")
            await rest_until(time.ticks_add(look_us, self._to_us(1)))
        self.characters += count
        return began_us

    def _check_sent(self) -> bool:
        """Process the sender's reports. Return whether the last character has gone.

        LineError if the chip has refused a character four times.
        """
        sender = self._sender
        while sender.rx_fifo():
            report = sender.get()
            if report & _LAST:
                return True
            self.errors_seen += 1
            if not report:
                self._start()
                raise LineError("chip refuses a character")
        return False

    def _count_missing(self, count: int) -> int:
        """Return how many of `count` characters have not come yet.

        One that came with wrong parity, and has to be repeated, is still missing.
        """
        self._collect()
        return count - len(self._got)

    def _collect(self) -> None:
        """Move the characters that have arrived into `_got`, and count those with wrong parity."""
        end = (self._addresses[_WRITE] - self._ring_address) >> 1
        at, ring = self._taken, self._ring
        arrived = (end - at) % _RING
        for _ in range(arrived):
            value = decode_word(ring[at])
            at = (at + 1) % _RING
            if value < 0:
                self.errors_signalled += 1
            else:
                self._got.append(value)
                self.characters += 1
        self._taken = at
        if arrived:
            self._free_us = time.ticks_add(time.ticks_us(), self._to_us(_TURN_ETU - _HEARD_ETU))

    async def _wait_turnaround(self) -> None:
        """Wait out the 16 etu turnaround, then discard unsolicited characters."""
        self._collect()
        self._got = bytearray()
        if 0 < time.ticks_diff(self._free_us, time.ticks_us()) <= _TURN_ETU * self._etu_ns // 1000:
            await rest_until(self._free_us)

    async def _check_idle(self) -> None:
        """Poll three times, 12 etu apart; LineError if the line stays low."""
        for _ in range(3):
            if self._io.value():
                return
            await rest_until(time.ticks_add(time.ticks_us(), self._to_us(_CHAR_ETU)))
        raise LineError("line shorted")

    def _start(self) -> None:
        """Restart both state machines at the rate that is set.

        The pin becomes the PIO's and is released.
        """
        self._feed.active(False)
        self._drain.active(False)
        divider = self._etu_cycles * 256 // (_ETU_CYCLES * self._factor)
        # The port computes this very divider from it again.
        freq = machine.freq() * 256 // divider
        io = self._io
        io.init(io.IN, io.PULL_UP)
        self._sender.init(sender, freq=freq, out_base=io, jmp_pin=io)
        self._receiver.init(receiver, freq=freq, in_base=io, set_base=io, jmp_pin=io)
        self._sender.exec(_CLEAR_FLAG)
        self._drain.config(
            read=self._fifo_address,
            write=self._ring_address,
            count=_ENDLESS,
            ctrl=self._drain_ctrl,
            trigger=True,
        )
        self._taken = 0
        self._got = bytearray()
        self._sender.active(1)
        self._receiver.active(1)

    def _make_ring(self) -> None:
        """Allocate the ring and find the address of the receiver's FIFO.

        The room is twice the ring's size, because the DMA wraps at a multiple of it.
        """
        room = array("H", bytes(4 * _RING))
        self._drain.config(read=self._receiver, write=room)
        start = -self._addresses[_WRITE] % (2 * _RING)
        self._ring_address = self._addresses[_WRITE] + start
        # The upper half of its word: shifted to the right, the bits are there.
        self._fifo_address = self._addresses[_READ] + 2
        self._ring = memoryview(room)[start // 2 : start // 2 + _RING]

    def _to_us(self, etu: int) -> int:
        return etu * self._etu_ns // (1000 * self._factor) + 1

    def _power_off(self) -> None:
        self._reset.off()
        self._clock.duty_u16(0)
        self._sender.active(0)
        self._receiver.active(0)
        self._io.init(self._io.OUT, value=0)  # no current into a chip without supply
        self._power.off()
