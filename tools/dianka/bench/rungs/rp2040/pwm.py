"""The RP2040's PWM as a clock source (datasheet 4.5): its frequency, not its edges.

Edge by edge, as rp2040py does it, a second with a card clock of 3.57 MHz takes half a minute. A
slice counts from 0 to TOP at clk_sys / (INT + FRAC / 16); a channel is high below its compare
value. Input modes and the wrap interrupt are not modelled.
"""

from collections.abc import Callable

from rp2040py.peripherals.peripheral import BasePeripheral
from rp2040py.rp2040 import RP2040

_BLOCK = 0x40050
_SLICES = 8
_STRIDE = 0x14
_CSR, _DIV, _CC, _TOP = 0x00, 0x04, 0x0C, 0x10
_RESET_VALUES = {_CSR: 0, _DIV: 1 << 4, _CC: 0, _TOP: 0xFFFF}
_ENABLES = 0xA0  # the enable bits of all slices in one register
_ENABLE, _PHASE_CORRECT = 1, 2


class PwmFrequencies(BasePeripheral):
    """The PWM. `on_change(slice)` is called whenever a slice's output may have changed."""

    gpio_value = 0
    # A pin of the PWM is an output. Its edges are not simulated: the level stays low.
    gpio_direction = 0x3FFFFFFF

    @classmethod
    def install(cls, chip: RP2040) -> "PwmFrequencies":
        """Replace the chip's PWM."""
        new = cls(chip, "PWM")
        chip.pwm = new  # type: ignore[assignment]
        chip.peripherals[_BLOCK] = new
        return new

    def __init__(self, chip: RP2040, name: str) -> None:
        super().__init__(chip, name)
        self.on_change: Callable[[int], None] | None = None
        self._registers: dict[int, int] = {}

    def get_output(self, pin: int) -> tuple[int, int]:
        """Return (frequency in Hz, duty of 65536) of this pin if the PWM has it.

        (0, 0) while its slice is stopped.
        """
        base = (pin >> 1 & 7) * _STRIDE
        control, divider, top = (self._get(base + offset) for offset in (_CSR, _DIV, _TOP))
        if not control & _ENABLE:
            return 0, 0
        # In 1/16 cycles.
        period = (divider or 256 << 4) * (top + 1) * (2 if control & _PHASE_CORRECT else 1)
        frequency = (self.rp2040.clk_sys * 32 + period) // (2 * period)
        compare = self._get(base + _CC) >> (16 if pin & 1 else 0) & 0xFFFF
        return frequency, min(compare * 65536 // (top + 1), 65535)

    def read_uint32(self, offset: int) -> int:
        if offset == _ENABLES:
            return sum((self._get(n * _STRIDE) & _ENABLE) << n for n in range(_SLICES))
        return self._get(offset)

    def write_uint32(self, offset: int, value: int) -> None:
        if offset == _ENABLES:
            for number in range(_SLICES):
                base = number * _STRIDE
                self._set(base, self._get(base) & ~_ENABLE | value >> number & 1)
        else:
            self._set(offset, value)

    def gpio_on_input(self, index: int) -> None:
        """Ignore the edge; an input mode would count it."""

    def reset(self) -> None:
        self._registers.clear()

    def _get(self, offset: int) -> int:
        default = _RESET_VALUES.get(offset % _STRIDE, 0) if offset < _ENABLES else 0
        return self._registers.get(offset, default)

    def _set(self, offset: int, value: int) -> None:
        changed = self._get(offset) != value
        self._registers[offset] = value
        if changed and offset < _ENABLES and self.on_change:
            self.on_change(offset // _STRIDE)
