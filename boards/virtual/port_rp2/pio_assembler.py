"""Assemble PIO programs: the decorator `asm_pio`, with the words that ports/rp2 gives a program.

Instructions and their bits: RP2040 datasheet, 3.4. The words that a program uses, and the list that
it becomes, are those of docs/library/rp2.rst and ports/rp2/modules/rp2.py of MicroPython 1.28;
`StateMachine` (rp2.py) reads the list. Side-set, autopush and autopull are refused: the bench's PIO
does not have them.
"""

from array import array

from micropython import const

IN_LOW = const(0)
IN_HIGH = const(1)
OUT_LOW = const(2)
OUT_HIGH = const(3)
SHIFT_LEFT = const(0)
SHIFT_RIGHT = const(1)
JOIN_NONE = const(0)
JOIN_TX = const(1)
JOIN_RX = const(2)

_LONGEST_DELAY = const(31)

# Where a value comes from or goes to, and the conditions of jmp: 3.4.2 to 3.4.10.
_OPERANDS = {
    "gpio": 0,
    "pins": 0,
    "x": 1,
    "y": 2,
    "null": 3,
    "pindirs": 4,
    "pc": 5,
    "status": 5,
    "isr": 6,
    "osr": 7,
    "exec": 8,
    "not_x": 1,
    "x_dec": 2,
    "not_y": 3,
    "y_dec": 4,
    "x_not_y": 5,
    "pin": 6,
    "not_osre": 7,
    "noblock": 0x01,
    "block": 0x21,
    "iffull": 0x40,
    "ifempty": 0x40,
    "clear": 0x40,
}
_FLAG = const(0x10)  # of rel() and invert(): the same bit in different fields


class PIOASMError(Exception):
    pass


class Program:
    """What one function becomes. `words` are its instructions, from 0 on."""

    def __init__(self, options):
        self.words = array("H")
        self.options = options
        self.wrap_bottom = 0
        self.wrap_top = None
        self.offsets = {}  # block: where it is in that block's memory
        self._labels = {}
        self._jumps = []  # (index, label)

    # ****** What the function calls ******

    def label(self, name):
        if name in self._labels:
            raise PIOASMError("duplicate label %s" % name)
        self._labels[name] = len(self.words)

    def wrap_target(self):
        self.wrap_bottom = len(self.words)

    def wrap(self):
        self.wrap_top = len(self.words) - 1

    def word(self, value, label=None):
        if label is not None:
            self._jumps.append((len(self.words), label))
        self.words.append(value)
        return self

    def __getitem__(self, delay):
        return self.delay(delay)

    def delay(self, delay):
        if delay > _LONGEST_DELAY:
            raise PIOASMError("delay too large")
        self.words[-1] |= delay << 8
        return self

    def side(self, value):
        raise PIOASMError("no sideset")

    def nop(self):
        return self.word(0xA042)  # mov(y, y)

    def jmp(self, condition, label=None):
        if label is None:
            return self.word(0, condition)
        return self.word(condition << 5, label)

    def wait(self, polarity, source, index):
        # The instruction itself is named irq too, and so is not an operand.
        place = {_OPERANDS["gpio"]: 0, _OPERANDS["pin"]: 1}.get(source, 2)
        return self.word(0x2000 | polarity << 7 | place << 5 | index)

    def in_(self, source, bits):
        return self.word(0x4000 | source << 5 | _encode_bits(bits))

    def out(self, destination, bits):
        place = 7 if destination == _OPERANDS["exec"] else destination
        return self.word(0x6000 | place << 5 | _encode_bits(bits))

    def push(self, first=0, second=0):
        return self.word(0x8000 | _encode_blocking(first | second))

    def pull(self, first=0, second=0):
        return self.word(0x8080 | _encode_blocking(first | second))

    def mov(self, destination, source):
        place = 4 if destination == _OPERANDS["exec"] else destination
        return self.word(0xA000 | place << 5 | source)

    def irq(self, first, index=None):
        how, flag = (0, first) if index is None else (first, index)
        return self.word(0xC000 | how & 0x60 | flag)

    def set(self, destination, value):
        return self.word(0xE000 | destination << 5 | value)

    # ****** Assembling ******

    def assemble(self, function):
        """Run the function with its words as global names; they are gone again afterwards."""
        names = dict(_OPERANDS)
        names["rel"] = lambda index: index | _FLAG
        names["invert"] = lambda source: source | 0x08
        names["reverse"] = lambda source: source | 0x10
        for name in (
            "label", "wrap_target", "wrap", "word", "nop", "jmp", "wait", "in_", "out", "push",
            "pull", "mov", "irq", "set",
        ):  # fmt: skip
            names[name] = getattr(self, name)
        scope = function.__globals__
        hidden = {name: scope[name] for name in names if name in scope}
        scope.update(names)
        try:
            function()
        finally:
            for name in names:
                del scope[name]
            scope.update(hidden)
        for index, label in self._jumps:
            if label not in self._labels:
                raise PIOASMError("unknown label %s" % label)
            self.words[index] |= self._labels[label]
        if self.wrap_top is None:
            self.wrap_top = len(self.words) - 1


def _encode_bits(bits):
    if not 0 < bits <= 32:
        raise PIOASMError("invalid bit count %d" % bits)
    return bits & 31


def _encode_blocking(how):
    return (how if how & 1 else how | 0x20) & 0x60


def asm_pio(
    *, out_init=None, set_init=None, sideset_init=None, side_pindir=False, in_shiftdir=SHIFT_LEFT,
    out_shiftdir=SHIFT_LEFT, autopush=False, autopull=False, push_thresh=32, pull_thresh=32,
    fifo_join=JOIN_NONE
):  # fmt: skip
    """Return the decorator that assembles a function into a Program."""
    if sideset_init is not None or side_pindir or autopush or autopull:
        raise NotImplementedError("the virtual board's PIO has no side-set, autopush and autopull")
    options = (out_init, set_init, in_shiftdir, out_shiftdir, push_thresh, pull_thresh, fifo_join)

    def decorate(function):
        program = Program(options)
        program.assemble(function)
        return program

    return decorate
