"""The wire under T=0 on the RP2040: one pin, open drain, two state machines and two DMA channels
for each chip.

`PioLine` is what `line.UartLine` is, plus what a UART can't do: it gives and obeys the error signal
(ISO 7816-3, 7.3), and nothing is lost while Python is away, because DMA moves every character: up
to 512 can wait, more than a chip says unasked. The etu is 372 periods of the card clock, or a half,
a quarter, an eighth of that. The programs are in pio_programs.py.
"""

import asyncio
import time
from array import array

import machine
import rp2
from micropython import const

from line import LineError, rest_until, wait_for
from pio_programs import receiver, sender

_POWER_MS = const(10)  # VCC steady before the clock starts
# 40,000 to 45,000 clocks of 3.57 MHz, more than the 400 that ISO 7816-3 asks for.
_RESET_MS = const(12)
_ETU_CLOCKS = const(372)
_ETU_CYCLES = const(30)  # of a state machine, as its program has it
_CHAR_ETU = const(12)
_TURN_ETU = const(16)  # between the edges of characters of opposite directions
_HEARD_ETU = const(10)  # after a character's edge the receiver has it at the earliest
_WORST_ETU = const(60)  # a character and its three repetitions
_HALF = const(32768)  # duty of the card clock
_RING = const(512)  # characters
_RING_BITS = const(10)  # of the ring's size in bytes, which is what the DMA wraps at
_READ = const(0)  # where a DMA channel's registers have the two addresses
_WRITE = const(1)
_ENDLESS = const(0x0FFFFFFF)
_LAST = const(0x800)  # in a word for the sender: the receiver shall listen after this character
_LISTEN = const(0xC010)  # irq(rel(0)), the sender's flag to its receiver
_CLEAR_FLAG = const(0xC050)  # irq(clear, rel(0))


def word_to_send(value: int) -> int:
    """What the sender needs to have a character go out.

    Start 1, bits and even parity inverted, release 0.
    """
    odd = 0x6996 >> ((value ^ value >> 4) & 15) & 1
    return 1 | (value ^ 0xFF) << 1 | (odd ^ 1) << 9


# Made once: it would be a tenth of a turn round.
_WORDS = array("H", [word_to_send(value) for value in range(256)])


def heard(word: int) -> int:
    """The character in a received halfword, or -1 if its parity is wrong.

    Bits 7 to 15 are the parities so far.
    """
    if word & 0x8000:
        return -1
    parities = word >> 7
    return (parities ^ parities << 1) & 0xFF


class PioLine:
    """`io` is the pin of contact I/O, `clock` a PWM at the card clock's frequency, `sm` an even
    state machine's number.
    """

    fastest = 4  # times the first rate that PPS asks for: beyond it Python is too slow for the gain

    def __init__(self, io, power, reset, clock, sm: int) -> None:
        self._io = io
        self._power = power
        self._reset = reset
        self._clock = clock
        self._etu_cycles = _ETU_CLOCKS * ((machine.freq() + clock.freq() // 2) // clock.freq())
        self._etu_ns = self._etu_cycles * 1_000_000_000 // machine.freq()
        self._factor = 1
        self._free_us = 0  # when the chip's last character lets this side send
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
        self.lock = asyncio.Lock()  # whoever talks holds it for a whole command
        self._off()

    async def activate(self) -> None:
        """Cold reset at the first rate: the chip's ATR can be received when this returns."""
        self._off()
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
        """RST, CLK, I/O and VCC off, in this order."""
        self._off()

    def set_rate(self, factor: int) -> None:
        """1, 2, 4 or 8 times the first rate, after a PPS that says so."""
        if factor not in (1, 2, 4, 8):
            raise ValueError("rate factor is 1, 2, 4 or 8")
        self._factor = factor
        self._start()

    async def send(self, data) -> None:
        """Send characters, each up to four times; LineError if the chip refuses one or the line
        does not move.
        """
        piece = 1 if self.extra_guard_etu else len(data)
        self._load(data[:piece])
        await self._turn()
        if not self._io.value():
            await self._check_idle()
        began_us = await self._send()
        for at in range(piece, len(data), piece):
            await rest_until(time.ticks_add(began_us, self._us(_CHAR_ETU + self.extra_guard_etu)))
            self._load(data[at : at + piece])
            began_us = await self._send()

    async def receive(self, count: int, wait_ms: int, deadline_ms=None) -> bytes:
        """`count` characters; fewer if one is late by more than `wait_ms`, or not all are here by
        `deadline_ms`.
        """
        await wait_for(
            lambda: self._missing(count), self._etu_ns // self._factor, wait_ms, deadline_ms
        )
        got = bytes(self._got[:count])
        self._got = self._got[len(got) :]
        return got

    def waiting_ms(self, etu: int) -> int:
        """A waiting time of so many etu of the first rate, which is what waiting times are counted
        in, rounded up.
        """
        return etu * self._etu_ns // 1_000_000 + 1

    def _load(self, data) -> None:
        """Make ready to send: done while this side has to let the guard time pass anyhow."""
        self._receiver.active(
            0
        )  # back to where it waits for the sender's flag; at once, not after an instruction or two
        self._receiver.restart()
        self._receiver.active(1)
        words = self._words = array("H", [_WORDS[value] for value in data])
        words[-1] |= _LAST
        self._feed.config(
            read=words, write=self._sender, count=len(words), ctrl=self._feed_ctrl, trigger=False
        )

    async def _send(self):
        """Send what is loaded; when it began."""
        count = len(self._words)
        began_us = time.ticks_us()
        self._feed.active(True)
        look_us = time.ticks_add(began_us, self._us(count * _CHAR_ETU))
        limit_us = time.ticks_add(look_us, self._us(count * _WORST_ETU) + 100_000)
        await rest_until(look_us)
        while not self._sent():
            look_us = time.ticks_us()
            if time.ticks_diff(look_us, limit_us) > 0:
                self._start()
                raise LineError("line does not move")
            await rest_until(time.ticks_add(look_us, self._us(1)))
        self.characters += count
        return began_us

    def _sent(self) -> bool:
        """Whether the last character has gone. Takes what the sender reports."""
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

    def _missing(self, count: int) -> int:
        """How many of `count` characters are not here yet.

        One that came and has to be repeated is still missing.
        """
        self._collect()
        return count - len(self._got)

    def _collect(self) -> None:
        """Move what has arrived into `_got`, and count what came with wrong parity."""
        end = (self._addresses[_WRITE] - self._ring_address) >> 1
        at, ring = self._taken, self._ring
        arrived = (end - at) % _RING
        for _ in range(arrived):
            value = heard(ring[at])
            at = (at + 1) % _RING
            if value < 0:
                self.errors_signalled += 1
            else:
                self._got.append(value)
                self.characters += 1
        self._taken = at
        if arrived:
            self._free_us = time.ticks_add(time.ticks_us(), self._us(_TURN_ETU - _HEARD_ETU))

    async def _turn(self) -> None:
        """Let 16 etu pass since the chip's last character, and forget what it said unasked."""
        self._collect()
        self._got = bytearray()
        if 0 < time.ticks_diff(self._free_us, time.ticks_us()) <= _TURN_ETU * self._etu_ns // 1000:
            await rest_until(self._free_us)

    async def _check_idle(self) -> None:
        for _ in range(3):
            if self._io.value():
                return
            await rest_until(time.ticks_add(time.ticks_us(), self._us(_CHAR_ETU)))
        raise LineError("line shorted")

    def _start(self) -> None:
        """Both state machines from their beginning, at the rate that is set.

        The pin becomes the PIO's and is released.
        """
        self._feed.active(False)
        self._drain.active(False)
        divider = self._etu_cycles * 256 // (_ETU_CYCLES * self._factor)
        # From which the port computes this very divider again.
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
        """Room for twice the ring, because the DMA wraps at a multiple of the ring's size.

        And where the receiver's FIFO is.
        """
        room = array("H", bytes(4 * _RING))
        self._drain.config(read=self._receiver, write=room)
        start = -self._addresses[_WRITE] % (2 * _RING)
        self._ring_address = self._addresses[_WRITE] + start
        # The upper half of its word: shifted to the right, the bits are there.
        self._fifo_address = self._addresses[_READ] + 2
        self._ring = memoryview(room)[start // 2 : start // 2 + _RING]

    def _us(self, etu: int) -> int:
        return etu * self._etu_ns // (1000 * self._factor) + 1

    def _off(self) -> None:
        self._reset.off()
        self._clock.duty_u16(0)
        self._sender.active(0)
        self._receiver.active(0)
        self._io.init(self._io.OUT, value=0)  # no current into a chip without supply
        self._power.off()
