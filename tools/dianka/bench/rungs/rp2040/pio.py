"""The RP2040's PIO (datasheet chapter 3), on time whether the CPU sleeps or works.

rp2040py steps a state machine once for each CPU instruction, however many cycles that has, and once
for a sleep however long it is. Here an alarm at every cycle at which a state machine is due steps
it on that cycle, and every edge comes out on its own. The emulator's loop does not count for it:
the PIO's own count is brought up to the clock's at each alarm and each register that is written. A
state machine that an edge or a DMA transfer wakes counts from the present cycle, not from the cycle
at which the PIO's count stands.

rp2040py also lacks the means by which the SDK empties FIFOs: a change of FJOIN_TX or FJOIN_RX,
which flushes both and makes one eight deep.
"""

from rp2040py.peripherals.pio import RPPIO
from rp2040py.rp2040 import RP2040
from rp2040py.utils.fifo import FIFO

_NEVER = 1 << 60  # of 1/256 cycles: no state machine has anything to do
_CYCLE_NS = 8
_PARTS = 256  # of a cycle, in which the emulator counts
_CTRL = 0x00
_SHIFTCTRL, _STRIDE, _MACHINES = 0xD0, 0x18, 4
_JOIN_TX, _JOIN_RX = 1 << 30, 1 << 31
_DEPTH = 4
_BLOCK = 0x50200  # PIO0 in the emulator's table of peripherals; PIO1 is 0x100 further


class PacedPio(RPPIO):
    """One PIO block, stepped by alarms."""

    @classmethod
    def install(cls, chip: RP2040, number: int) -> "PacedPio":
        """Replace the chip's PIO of this number."""
        old = chip.pio[number]
        new = cls(chip, old.name, old.first_irq, old.index)
        chip.pio[number] = new
        chip.peripherals[_BLOCK + 0x100 * number] = new
        return new

    def __init__(self, chip: RP2040, *_: object) -> None:
        # The native class takes its arguments in __new__.
        super().__init__()  # pyright: ignore[reportCallIssue]
        self._clock = chip.clock
        self._dma = chip.dma
        self._joins = [0] * _MACHINES
        self._began_fp = 0  # the clock's count less the PIO's, while the PIO runs
        self._alarm = chip.clock.create_alarm(self._wake)

    # The emulator's loop calls it after each instruction. Alarms do its work here, so it is the
    # cheapest function that does nothing.
    advance = staticmethod(callable)  # pyright: ignore[reportAssignmentType]

    def write_uint32(self, offset: int, value: int) -> None:
        if not self.stopped:
            self.cycle_fp = self._clock_fp - self._began_fp
        number, register = divmod(offset - _SHIFTCTRL, _STRIDE)
        if register == 0 and 0 <= number < _MACHINES:
            self._join(number, value & (_JOIN_TX | _JOIN_RX))
        was_stopped = self.stopped
        super().write_uint32(offset, value)
        if offset == _CTRL and was_stopped and not self.stopped:
            self._began_fp = self._clock_fp - self.cycle_fp
            self._arm()

    def _join(self, number: int, join: int) -> None:
        if join == self._joins[number]:
            return
        self._joins[number] = join
        machine = self.machines[number]
        machine.tx_fifo = FIFO(_DEPTH * (2 if join == _JOIN_TX else 1))
        machine.rx_fifo = FIFO(_DEPTH * (2 if join == _JOIN_RX else 1))
        self._dma.set_dreq(machine.dreq_tx)
        self._dma.clear_dreq(machine.dreq_rx)
        self.check_interrupts()

    def reset(self) -> None:
        super().reset()
        for number in range(_MACHINES):
            self._join(number, 0)

    def recompute_due(self) -> None:
        super().recompute_due()
        self._arm()

    def notify_due(self, due_fp: int) -> None:
        """Wake a state machine whose wait has ended.

        `due_fp` counts from the beginning of the sleep.
        """
        late_fp = 0 if self.stopped else self._clock_fp - self._began_fp - self.cycle_fp
        if late_fp:
            for machine in self.machines:
                if machine.due_rearmed and machine.next_due_fp == due_fp:
                    machine.next_due_fp += late_fp
        super().notify_due(due_fp + late_fp)
        self._arm()

    @property
    def _clock_fp(self) -> int:
        return round(self._clock.nanos) * _PARTS // _CYCLE_NS

    def _arm(self) -> None:
        if self.stopped or self.next_due_fp >= _NEVER:
            return
        left_fp = self.next_due_fp - (self._clock_fp - self._began_fp)
        self._alarm.schedule(_CYCLE_NS * max(1, -(-left_fp // _PARTS)))

    def _wake(self) -> None:
        """Run what is due on this very cycle.

        It may come in a sleep, and in the middle of a long instruction too.
        """
        if self.stopped:
            return
        self.cycle_fp = self._clock_fp - self._began_fp
        if self.cycle_fp < self.next_due_fp:
            self._arm()
        else:
            super().advance(0)
