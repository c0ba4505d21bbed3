"""One state machine of a PIO block: registers, FIFOs, and what each instruction does to them.

Instructions, stalls and their cycles as in the RP2040 datasheet, chapter 3 (3.2 and 3.4); those of
the RP2350 that the RP2040 lacks are not here. `PioBlocks` (pio.py) gives it pins and time. Side-set
and autopush and autopull are not here either: the virtual board's `rp2` refuses programs with them.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

DEPTH = 4  # words of a FIFO; 8 of one that has joined the other
WORD = 0xFFFFFFFF
PINS, X, Y, NULL, PINDIRS, PC, ISR, OSR = range(8)  # sources and destinations (3.4)
JMP, WAIT, IN, OUT, PUSH_PULL, MOV, IRQ, SET = range(8)
_STATUS, _EXEC_MOV, _EXEC_OUT = 5, 4, 7
_RELATIVE = 0x10


@dataclass
class Setting:
    """What `StateMachine.init` sets; pins as GPIO numbers, -1 for none."""

    divider: int = 256  # of the system clock, in 1/256
    start: int = 0
    wrap_bottom: int = 0
    wrap_top: int = 31
    in_base: int = 0
    out_base: int = 0
    out_count: int = 0
    set_base: int = 0
    set_count: int = 0
    jmp_pin: int = 0
    in_right: int = 0  # 1: shifts to the right
    out_right: int = 0
    push_bits: int = 32
    pull_bits: int = 32
    join_tx: int = 0  # 1: has both FIFOs
    join_rx: int = 0


@dataclass
class Block:
    """What the four state machines of a PIO block share."""

    memory: list[int] = field(default_factory=lambda: [0] * 32)
    flags: int = 0  # IRQ 0 to 7


class Pads:
    """The pins as the PIO sees them; PioBlocks fills it in."""

    read: Callable[[int], int]  # the level at a GPIO
    drive: Callable[[int, int, int | None, int | None], None]  # base, count, values, directions
    would_change: Callable[[int, int, int | None, int | None], bool]


class StateMachine:
    """One state machine; `at` is the time of its next instruction, in 1/256 system cycles."""

    def __init__(self, block: Block, number: int, pads: Pads) -> None:
        self.block = block
        self.number = number  # on the chip: its block has four
        self.setting = Setting()
        self.enabled = False
        self.at = 0
        self.stalled = False  # on the instruction at `pc`, until something outside changes
        self.tx: deque[int] = deque()
        self.rx: deque[int] = deque()
        self.x = self.y = self.isr = self.osr = 0
        self.isr_bits, self.osr_bits = 0, 32  # shifted in, shifted out
        self.pc = 0
        # Where the loop began in which nothing changes, and when: pio.py skips its rounds.
        self.loop: tuple[int, ...] = ()
        self.loop_at = 0
        self._pads = pads

    # ****** From outside ******

    def set_up(self, setting: Setting) -> None:
        """Disable it, empty its FIFOs, and put it to the beginning of its program."""
        self.enabled = False
        self.setting = setting
        self.tx.clear()
        self.rx.clear()
        self.restart()

    def restart(self) -> None:
        """Clear what `StateMachine.restart` clears, and go to the program's beginning."""
        self.isr = self.isr_bits = 0
        self.osr_bits = 32
        self.stalled = False
        self.loop = ()
        self.pc = self.setting.start

    @property
    def tx_room(self) -> int:
        return (0 if self.setting.join_rx else DEPTH << self.setting.join_tx) - len(self.tx)

    @property
    def rx_room(self) -> int:
        return (0 if self.setting.join_tx else DEPTH << self.setting.join_rx) - len(self.rx)

    # ****** Instructions ******

    def step(self) -> None:
        """Execute the instruction at `pc`, or stall on it."""
        word = self.block.memory[self.pc]
        was = self.pc
        self.pc = self.setting.wrap_bottom if was == self.setting.wrap_top else was + 1 & 31
        if not self.execute(word):
            self.pc, self.stalled, self.loop = was, True, ()
            return
        self.stalled = False
        self.at += (1 + (word >> 8 & 31)) * self.setting.divider
        if self.pc <= was:
            self._note_loop()

    def has_effect(self) -> bool:
        """Return whether the instruction at `pc` changes a pin now."""
        word = self.block.memory[self.pc]
        action, where = word >> 13, word >> 5 & 7
        if action not in (OUT, SET, MOV) or where not in (PINS, PINDIRS):
            return False
        if action == MOV and where == PINDIRS:
            return False  # exec
        return self._pads.would_change(*self._find_drive(word))

    def execute(self, word: int) -> bool:
        """Execute one instruction; return False if it has to wait."""
        return _ACTIONS[word >> 13](self, word)

    def _note_loop(self) -> None:
        """Skip what comes now if the same round has just been made, without any change in it."""
        state = (self.pc, self.x, self.y, self.isr, self.osr, self.isr_bits, self.osr_bits)
        if state == self.loop:
            self.stalled = True
            return
        self.loop, self.loop_at = state, self.at

    def forget_loop(self) -> None:
        """Run the rounds of its loop again: something outside changes."""
        if self.loop:
            self.stalled = False
            self.loop = ()

    def resume(self, now: int) -> None:
        """Take up the work again: in the round that runs now, or at the cycle that comes now."""
        if not self.stalled:
            self.loop = ()
            return
        self.stalled = False
        if self.loop:
            length = self.at - self.loop_at
            self.at += max(0, now - self.at) // length * length
        elif now > self.at:
            cycle = self.setting.divider
            self.at += -((self.at - now) // cycle) * cycle
        self.loop = ()

    def _jmp(self, word: int) -> bool:
        condition = word >> 5 & 7
        if condition == 1:
            met = not self.x
        elif condition == 2:
            met, self.x = bool(self.x), self.x - 1 & WORD
        elif condition == 3:
            met = not self.y
        elif condition == 4:
            met, self.y = bool(self.y), self.y - 1 & WORD
        elif condition == 5:
            met = self.x != self.y
        elif condition == 6:
            met = bool(self._pads.read(self.setting.jmp_pin))
        elif condition == 7:
            met = self.osr_bits < self.setting.pull_bits
        else:
            met = True
        if met:
            self.pc = word & 31
        return True

    def _wait(self, word: int) -> bool:
        wanted, source, index = word >> 7 & 1, word >> 5 & 3, word & 31
        if source == 2:
            flag = 1 << self._find_flag(index)
            if bool(self.block.flags & flag) != bool(wanted):
                return False
            if wanted:
                self.block.flags &= ~flag
                self.loop = ()
            return True
        pin = index if source == 0 else self.setting.in_base + index & 31
        return self._pads.read(pin) == wanted

    def _find_flag(self, index: int) -> int:
        if index & _RELATIVE:
            return index & 4 | (index + self.number & 3)
        return index & 7

    def _in(self, word: int) -> bool:
        bits = word & 31 or 32
        value = self._read(word >> 5 & 7) & (1 << bits) - 1
        if self.setting.in_right:
            self.isr = (self.isr >> bits | value << 32 - bits) & WORD
        else:
            self.isr = (self.isr << bits | value) & WORD
        self.isr_bits = min(32, self.isr_bits + bits)
        return True

    def _out(self, word: int) -> bool:
        bits, where = word & 31 or 32, word >> 5 & 7
        value = self._peek_out(bits)
        if self.setting.out_right:
            self.osr >>= bits
        else:
            self.osr = self.osr << bits & WORD
        self.osr_bits = min(32, self.osr_bits + bits)
        if where == ISR:
            self.isr, self.isr_bits = value, bits
        elif where == _EXEC_OUT:
            return self.execute(value)
        else:
            self._write(where, value, self.setting.out_base, self.setting.out_count)
        return True

    def _peek_out(self, bits: int) -> int:
        if self.setting.out_right:
            return self.osr & (1 << bits) - 1
        return self.osr >> 32 - bits

    def _push_pull(self, word: int) -> bool:
        if_bound, block = word >> 6 & 1, word >> 5 & 1
        if word & 0x80:
            return self._pull(bool(if_bound), bool(block))
        if if_bound and self.isr_bits < self.setting.push_bits:
            return True
        if self.rx_room > 0:
            self.rx.append(self.isr)
            self.loop = ()
        elif block:
            return False
        self.isr = self.isr_bits = 0
        return True

    def _pull(self, if_empty: bool, block: bool) -> bool:
        if if_empty and self.osr_bits < self.setting.pull_bits:
            return True
        if self.tx:
            self.osr = self.tx.popleft()
            self.loop = ()
        elif block:
            return False
        else:
            self.osr = self.x
        self.osr_bits = 0
        return True

    def _mov(self, word: int) -> bool:
        where = word >> 5 & 7
        value = self._compute_mov(word)
        if where == ISR:
            self.isr, self.isr_bits = value, 0
        elif where == OSR:
            self.osr, self.osr_bits = value, 0
        elif where == _EXEC_MOV:
            return self.execute(value & 0xFFFF)
        else:
            self._write(where, value, self.setting.out_base, self.setting.out_count)
        return True

    def _compute_mov(self, word: int) -> int:
        value, how = self._read(word & 7), word >> 3 & 3
        if how == 1:
            return value ^ WORD
        return int(f"{value:032b}"[::-1], 2) if how == 2 else value

    def _irq(self, word: int) -> bool:
        flag = 1 << self._find_flag(word & 31)
        self.loop = ()
        if word & 0x40:
            self.block.flags &= ~flag
            return True
        # With "wait" the flag is set once, and the state machine stalls until it is cleared.
        if word & 0x20 and self.stalled:
            return not self.block.flags & flag
        self.block.flags |= flag
        return not word & 0x20

    def _set(self, word: int) -> bool:
        self._write(word >> 5 & 7, word & 31, self.setting.set_base, self.setting.set_count)
        return True

    def _read(self, source: int) -> int:
        if source == PINS:
            base = self.setting.in_base
            return sum(self._pads.read(base + n & 31) << n for n in range(32))
        if source == X:
            return self.x
        if source == Y:
            return self.y
        if source == ISR:
            return self.isr
        return self.osr if source == OSR else 0  # NULL; STATUS with its default setting is 0 too

    def _write(self, where: int, value: int, base: int, count: int) -> None:
        if where == X:
            self.x = value
        elif where == Y:
            self.y = value
        elif where == PC:
            self.pc = value & 31
        elif where == PINS:
            self._pads.drive(base, count, value, None)
        elif where == PINDIRS:
            self._pads.drive(base, count, None, value)

    def _find_drive(self, word: int) -> tuple[int, int, int | None, int | None]:
        """Return what this instruction would give to `Pads.drive`."""
        action, where, setting = word >> 13, word >> 5 & 7, self.setting
        base, count = setting.out_base, setting.out_count
        if action == SET:
            base, count, value = setting.set_base, setting.set_count, word & 31
        elif action == OUT:
            value = self._peek_out(word & 31 or 32)
        else:
            value = self._compute_mov(word)
        return (base, count, value, None) if where == PINS else (base, count, None, value)


_ACTIONS: tuple[Callable[[StateMachine, int], bool], ...] = (
    StateMachine._jmp,
    StateMachine._wait,
    StateMachine._in,
    StateMachine._out,
    StateMachine._push_pull,
    StateMachine._mov,
    StateMachine._irq,
    StateMachine._set,
)
