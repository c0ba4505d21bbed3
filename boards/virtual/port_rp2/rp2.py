"""Provide `rp2` of the virtual board: PIO programs, state machines and DMA channels.

Sources: ports/rp2/rp2_pio.c and rp2_dma.c of MicroPython 1.28; RP2040 datasheet, chapters 2.5 and
3. The bench executes the instructions (tools/dianka/bench/models/pio.py). Missing, as the firmware
does not use them: interrupts of state machines and DMA channels, `Flash`, `bootsel_button`.
"""

import errno
from struct import pack, unpack

from micropython import const

import bench_link as link
import pio_assembler as assembler
import port
from machine_pin import need_int, number_of
from pio_assembler import PIOASMError, asm_pio
from rp2_dma import DMA

_MEMORY = const(32)  # instructions of a block (3.2)
_BLOCKS = 3 if port.RP2350 else 2
_DEFAULT = const(-1)
_MOST_DIVIDER = const(65536 * 256)
_LOOK_US = const(100)

_used = [0] * _BLOCKS  # a bit for each instruction's place


class PIO:
    IN_LOW = assembler.IN_LOW
    IN_HIGH = assembler.IN_HIGH
    OUT_LOW = assembler.OUT_LOW
    OUT_HIGH = assembler.OUT_HIGH
    SHIFT_LEFT = assembler.SHIFT_LEFT
    SHIFT_RIGHT = assembler.SHIFT_RIGHT
    JOIN_NONE = assembler.JOIN_NONE
    JOIN_TX = assembler.JOIN_TX
    JOIN_RX = assembler.JOIN_RX

    def __init__(self, id):
        if not 0 <= need_int(id) < _BLOCKS:
            raise ValueError("invalid PIO")
        self._number = id

    def add_program(self, program):
        """Load it from the top of the memory down, as pico-sdk does; OSError if it has no room."""
        length = len(program.words)
        mask = (1 << length) - 1
        for offset in range(_MEMORY - length, -1, -1):
            if not _used[self._number] & mask << offset:
                break
        else:
            raise OSError(errno.ENOMEM)
        _used[self._number] |= mask << offset
        program.offsets[self._number] = offset
        # Jumps are absolute: they move with the program.
        words = [word + offset if word >> 13 == 0 else word for word in program.words]
        link.post_packed(
            "<BBBH" + "H" * length, link.PIO_LOAD, self._number, offset, 2 * length, *words
        )

    def remove_program(self, program=None):
        if program is None:
            _used[self._number] = 0
            return
        if self._number not in program.offsets:
            raise ValueError("prog not in instruction memory")
        offset = program.offsets.pop(self._number)
        _used[self._number] &= ~(((1 << len(program.words)) - 1) << offset)

    def state_machine(self, id, *args, **kwargs):
        if not 0 <= need_int(id) < 4:
            raise ValueError("invalid StateMachine")
        return StateMachine(4 * self._number + id, *args, **kwargs)


class StateMachine:
    _active = [False] * (4 * _BLOCKS)

    def __init__(self, id, *args, **kwargs):
        if not 0 <= need_int(id) < 4 * _BLOCKS:
            raise ValueError("invalid StateMachine")
        self._number = id
        if args or kwargs:
            self.init(*args, **kwargs)

    def init(
        self, prog, freq=_DEFAULT, *, in_base=None, out_base=None, set_base=None, jmp_pin=None,
        sideset_base=None, in_shiftdir=None, out_shiftdir=None, push_thresh=None, pull_thresh=None
    ):  # fmt: skip
        block = self._number >> 2
        if block not in prog.offsets:
            PIO(block).add_program(prog)
        offset = prog.offsets[block]
        divider = _compute_divider(need_int(freq))
        if sideset_base is not None:
            raise NotImplementedError("the virtual board's PIO has no side-set")
        out_init, set_init, in_right, out_right, push_bits, pull_bits, join = prog.options
        out = _place_pins(out_init, out_base)
        set = _place_pins(set_init, set_base)
        data = pack(
            "<I15B",
            divider,
            offset,
            prog.wrap_bottom + offset,
            prog.wrap_top + offset,
            0 if in_base is None else number_of(in_base),
            out[0],
            out[1],
            set[0],
            set[1],
            0 if jmp_pin is None else number_of(jmp_pin),
            in_right if in_shiftdir is None else in_shiftdir,
            out_right if out_shiftdir is None else out_shiftdir,
            (push_bits if push_thresh is None else push_thresh) & 31 or 32,
            (pull_bits if pull_thresh is None else pull_thresh) & 31 or 32,
            join & 1,
            join >> 1,
        )
        for base, given in ((out_base, out), (set_base, set)):
            if base is not None:
                data += pack("<BBII", *given)
        StateMachine._active[self._number] = False
        link.post_data(link.SM_SET_UP, self._number, data)

    def active(self, value=None):
        if value is not None:
            StateMachine._active[self._number] = bool(value)
            link.post(link.SM_ACTIVE, self._number, bool(value))
        return StateMachine._active[self._number]

    def restart(self):
        link.post(link.SM_RESTART, self._number, 0)

    def exec(self, instr):
        if isinstance(instr, str):
            raise NotImplementedError("the virtual board takes an instruction as a number")
        link.post_packed("<BBH", link.SM_EXEC, self._number, need_int(instr))

    def get(self, buf=None, shift=0):
        if buf is not None:
            raise NotImplementedError("the virtual board gets one word at a time")
        while True:
            status, data = link.ask(b"", "<BBH", link.SM_GET, self._number, 0)
            if status == 0:
                return unpack("<I", data)[0] >> shift
            link.wait(link.head[0] + _LOOK_US)

    def put(self, value, shift=0):
        for word in (value,) if isinstance(value, int) else value:
            data = pack("<I", word << shift & 0xFFFFFFFF)
            while link.ask(data, "<BBH", link.SM_PUT, self._number, 4)[0] < 0:
                link.wait(link.head[0] + _LOOK_US)

    def rx_fifo(self):
        return self._ask_levels()[0]

    def tx_fifo(self):
        return self._ask_levels()[1]

    def _ask_levels(self):
        return link.ask(b"", "<BBH", link.SM_LEVELS, self._number, 0)[1]

    def __repr__(self):
        return "StateMachine(%d)" % self._number


def _compute_divider(freq):
    """Return the clock divider in 1/256 (3.5.5): 1 to 65536; ValueError beyond them."""
    if freq < 0:
        return 256
    divider = link.greeting[3] * 256 // freq if freq else _MOST_DIVIDER
    if not 256 <= divider <= _MOST_DIVIDER:
        raise ValueError("freq out of range")
    return divider


def _place_pins(init, base):
    """Return (base, count, values, directions) of the pins of a program's out_init or set_init."""
    states = () if init is None else (init,) if isinstance(init, int) else init
    first = 0 if base is None else number_of(base)
    values = sum((state & 1) << n for n, state in enumerate(states))
    directions = sum((state >> 1) << n for n, state in enumerate(states))
    return first, len(states) if base is not None else 0, values, directions
