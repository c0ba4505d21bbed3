"""The RP2040's PIO (datasheet chapter 3), on time also while the CPU sleeps.

rp2040py steps a state machine once for each CPU instruction, and once for a sleep however long it lasts. An alarm at every cycle
at which a state machine is due cuts the sleep into pieces that each end on such a cycle, and every edge comes out on its own.
"""

from rp2040py.peripherals.pio import RPPIO
from rp2040py.rp2040 import RP2040

_NEVER = 1 << 60  # of 1/256 cycles: no state machine has anything to do
_CYCLE_NS = 8
_BLOCK = 0x50200  # PIO0 in the emulator's table of peripherals; PIO1 is 0x100 further


class PacedPio(RPPIO):
    @classmethod
    def install(cls, chip: RP2040, number: int) -> "PacedPio":
        old = chip.pio[number]
        new = cls(chip, old.name, old.first_irq, old.index)
        chip.pio[number] = new
        chip.peripherals[_BLOCK + 0x100 * number] = new
        return new

    def __init__(self, chip: RP2040, *_: object) -> None:
        super().__init__()
        self._alarm = chip.clock.create_alarm(self._wake)

    def _wake(self) -> None:
        """Nothing to do here: the sleep has ended at this cycle, and the emulator's loop steps what is due."""

    def recompute_due(self) -> None:
        super().recompute_due()
        if self.next_due_fp < _NEVER and not self.stopped:
            cycles = -((self.cycle_fp - self.next_due_fp) >> 8)
            self._alarm.schedule(_CYCLE_NS * max(1, cycles))

    def notify_due(self, due_fp: int) -> None:
        super().notify_due(due_fp)
        self._alarm.schedule(_CYCLE_NS)
