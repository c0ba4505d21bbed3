"""Provide `rp2.DMA`: channels between memory and the FIFOs of PIO state machines.

Source: ports/rp2/rp2_dma.c; RP2040 datasheet 2.5. Memory is this interpreter's own: a channel's
addresses are the low 32 bits of real ones, so that a ring wraps where the chip's does. FIFOs are at
the chip's addresses. Other transfers, and pacing by anything but the FIFO itself, are refused.
"""

from array import array
from struct import unpack_from

import uctypes
from micropython import const

import bench_link as link
import port
from machine_pin import need_int

_EBUSY = const(16)  # which the interpreter here does not name
_CHANNELS = 16 if port.RP2350 else 12  # RP2040 datasheet 2.5; RP2350 datasheet 12.6
_PIO = const(0x50200000)  # block 0; the next is 100000H further (2.2)
_BLOCK = const(0x100000)
_TX = const(0x10)  # TXF0 and RXF0, four bytes each (3.7)
_RX = const(0x20)
_READ = const(0)  # places in `registers`
_WRITE = const(1)
_COUNT = const(2)
_CTRL = const(3)
_UNPACED = const(0x3F)
_ADDRESSES = const(0xFFFFFFFF)

# Bits of the control register: name, first bit, width (2.5.7, CH0_CTRL_TRIG). The RP2350's are
# moved by two more from the third on (its datasheet, 12.6.10).
_MOVED = 1 if port.RP2350 else 0
_FIELDS = {
    "enable": (0, 1),
    "high_pri": (1, 1),
    "size": (2, 2),
    "inc_read": (4, 1),
    "inc_write": (5 + _MOVED, 1),
    "ring_size": (6 + 2 * _MOVED, 4),
    "ring_sel": (10 + 2 * _MOVED, 1),
    "chain_to": (11 + 2 * _MOVED, 4),
    "treq_sel": (15 + 2 * _MOVED, 6),
    "irq_quiet": (21 + 2 * _MOVED, 1),
    "bswap": (22 + 2 * _MOVED, 1),
    "sniff_en": (23 + 2 * _MOVED, 1),
}

_channels = [None] * _CHANNELS
_near = uctypes.addressof(array("B", (0,)))  # all of the heap is within 2 GiB of it


def _to_address(place, write):
    """Return the 32-bit address of a buffer, a state machine's FIFO, or a number as it is."""
    if isinstance(place, int):
        return place & _ADDRESSES
    number = getattr(place, "_number", None)
    if number is not None:
        return fifo_address(number, write)
    return uctypes.addressof(place) & _ADDRESSES


def fifo_address(number, write):
    return _PIO + (number >> 2) * _BLOCK + (_TX if write else _RX) + 4 * (number & 3)


def _find_machine(address, write):
    """Return the state machine whose FIFO is at this address, or -1."""
    first = _TX if write else _RX
    place = address - _PIO
    if not 0 <= place < 3 * _BLOCK or not first <= place % _BLOCK < first + 16:
        return -1
    return 4 * (place // _BLOCK) + (place % _BLOCK - first) // 4


def _get_memory(address, size):
    real = _near + ((address - _near + 0x80000000) & _ADDRESSES) - 0x80000000
    return uctypes.bytearray_at(real, size)


class _Registers:
    """The first four registers of a channel: read, write, count, ctrl."""

    def __init__(self, channel):
        self._channel = channel

    def __getitem__(self, place):
        return self._channel._look(place)


class DMA:
    def __init__(self):
        for number in range(_CHANNELS):
            if _channels[number] is None:
                break
        else:
            raise OSError(_EBUSY)
        _channels[number] = self
        self.channel = number
        self._registers = [0, 0, 0, 0]
        self._left = 0  # transfers, while it drains
        self._feeding = False
        self._memory = None  # where it drains to, from the address `_base` on
        self._base = 0

    @property
    def registers(self):
        return _Registers(self)

    def pack_ctrl(self, default=None, **fields):
        value = default
        if value is None:
            start = {"enable": 1, "size": 2, "inc_read": 1, "inc_write": 1, "irq_quiet": 1}
            start.update(chain_to=self.channel, treq_sel=_UNPACED)
            value = 0
            for name in start:
                value |= start[name] << _FIELDS[name][0]
        for name in fields:
            if name not in _FIELDS:
                raise TypeError()
            first, width = _FIELDS[name]
            field = int(fields[name])
            if field >> width:
                raise ValueError("bad field value")
            value = value & ~(((1 << width) - 1) << first) | field << first
        return value

    def _field(self, name):
        first, width = _FIELDS[name]
        return self._registers[_CTRL] >> first & ((1 << width) - 1)

    def config(self, *, read=None, write=None, count=None, ctrl=None, trigger=False):
        if self.channel is None:
            raise ValueError("channel closed")
        if read is not None:
            self._registers[_READ] = _to_address(read, False)
        if write is not None:
            self._registers[_WRITE] = _to_address(write, True)
        if count is not None:
            self._registers[_COUNT] = need_int(count)
        if ctrl is not None:
            self._registers[_CTRL] = need_int(ctrl)
        if trigger:
            self._start()

    def active(self, value=None):
        if self.channel is None:
            raise ValueError("channel closed")
        if value:
            self._start()
        elif value is not None:
            link.post(link.DMA_STOP, self.channel, 0)
            self._left, self._feeding = 0, False
        return self._look(_COUNT) > 0 and (self._feeding or self._left > 0)

    def close(self):
        if self.channel is not None:
            self.active(0)
            _channels[self.channel] = None
            self.channel = None

    def _start(self):
        if not self._field("enable"):
            return
        size = 1 << self._field("size")
        feeds = _find_machine(self._registers[_WRITE], True)
        drains = _find_machine(self._registers[_READ], False)
        machine = feeds if feeds >= 0 else drains
        request = 8 * (machine >> 2) + (machine & 3) + (0 if feeds >= 0 else 4)
        # DREQ numbers: RP2040 datasheet 2.5.3.1, RP2350 datasheet 12.6.4.1.
        if machine < 0 or self._field("treq_sel") != request:
            raise NotImplementedError(
                "the virtual board's DMA is paced by the PIO's FIFO it serves"
            )
        if feeds >= 0:
            self._feed(feeds, size)
        else:
            self._left = self._registers[_COUNT]
            ring = self._field("ring_size") if self._field("ring_sel") else 0
            self._base = self._registers[_WRITE] & ~((1 << ring) - 1)
            self._memory = _get_memory(self._base, 1 << ring if ring else self._left * size)
            link.post_packed("<BBBI", link.DMA_DRAIN, self.channel, drains, self._left)

    def _feed(self, machine, size):
        count = self._registers[_COUNT]
        memory = _get_memory(self._registers[_READ], count * size)
        words = unpack_from("<%d%s" % (count, "BHxI"[size - 1]), memory)
        # A narrow write comes on all parts of the bus (2.1.4).
        times = (0x01010101, 0x00010001, 0, 1)[size - 1]
        data = array("I", [word * times for word in words])
        self._feeding = True
        link.post_block(bytes(data), "<BBBH", link.DMA_FEED, self.channel, machine, 4 * count)

    def _look(self, place):
        if place == _COUNT and self._feeding:
            _, data = link.ask(b"", "<BBH", link.DMA_LEFT, self.channel, 0)
            return unpack_from("<I", data)[0]
        if place == _COUNT and self._left:
            return self._left
        return self._registers[place]

    def _receive(self, buffer, start, count):
        """Write the words that the channel has read, as the bench's answer comes."""
        size = 1 << self._field("size")
        memory = self._memory
        at = self._registers[_WRITE] - self._base
        for source in range(start + (self._registers[_READ] & 3), start + count, 4):
            for n in range(size):
                memory[at + n] = buffer[source + n]
            at += size
            if at == len(memory):
                at = 0
        self._registers[_WRITE] = self._base + at
        self._left -= count // 4


def receive_drained(number, buffer, start, count):
    channel = _channels[number]
    if channel is not None and channel._left:
        channel._receive(buffer, start, count)


link.on_drained = receive_drained
