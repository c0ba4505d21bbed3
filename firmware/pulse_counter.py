"""Count the pulses of a metering chip in hardware: one class for all boards.

It uses the counter that the port offers.

PIO on the RP2040: three instructions for each pulse at the full system clock and two more for each
reading, so at 125 MHz a high and a low of 40 ns each are enough. That is 12 MHz; no pulse is lost
up to 10 MHz, whatever Python, its collector or the flash do meanwhile. `machine.Counter`
(MicroPython 1.26 and newer on the ESP32) counts with the chip's PCNT unit, as `esp32.PCNT` does,
whose input is sampled at 80 MHz (ESP32 technical reference, chapter PCNT). Rising edges count.

For the slow pulses of an optocoupler the counter can drop what is shorter than `min_width_us`, high
or low: PIO up to 33 ms, by the program of pio_filter.py, PCNT's filter up to 12.7 us.
"""

import machine

try:
    import rp2
except ImportError:
    rp2 = None

_PCNT_LIMIT = 32767  # the unit starts again at 0 when it gets there
_PCNT_FILTER_NS = 12_700  # its longest, 1023 cycles of 80 MHz, rounded down
_FILTER_CYCLES = 64  # that a level must last before the PIO believes in it (pio_filter.py)
_ZERO = 0xE020  # set(x, 0)
_TAKE = 0xA0C1  # mov(isr, x)
_GIVE = 0x8000  # push(noblock)


class PulseCounter:
    """A counter on `pin`; `number` is its state machine or counter unit.

    `value()` starts at 0 and only grows. Pulses shorter than `min_width_us` are dropped as far as
    the port can; PIO needs `long_pulses` of pio_filter.py for it.
    """

    def __init__(self, pin, number: int = 0, min_width_us: int = 0, long_pulses=None) -> None:
        self._total = 0
        self._raw = 0
        counter = getattr(machine, "Counter", None)
        if rp2:
            if long_pulses:
                # The steps take the width together; the clock divider goes down to 1908 Hz.
                hz = _FILTER_CYCLES * 1_000_000 // min_width_us
                self._counter = rp2.StateMachine(
                    number, long_pulses, freq=hz, in_base=pin, jmp_pin=pin
                )
            else:
                from pio_programs import pulses

                self._counter = rp2.StateMachine(number, pulses, in_base=pin)
            self._counter.exec(_ZERO)
            self._counter.active(1)
            self._read, self._modulus = self._read_pio, 1 << 32
        elif counter:
            filter_ns = min(min_width_us * 1000, _PCNT_FILTER_NS)
            self._counter = counter(number, pin, filter_ns=filter_ns)
            self._read, self._modulus = self._counter.value, 1 << 62
        else:
            from esp32 import PCNT  # pyright: ignore[reportMissingImports]

            cycles = min(min_width_us * 1000, _PCNT_FILTER_NS) * 80 // 1000
            self._counter = PCNT(
                number, pin=pin, rising=PCNT.INCREMENT, max=_PCNT_LIMIT, value=0, filter=cycles
            )
            self._counter.start()
            self._read, self._modulus = self._counter.value, _PCNT_LIMIT

    def value(self) -> int:
        """Return the pulses since the start.

        Call it before 2^32 more have come (7 minutes at 10 MHz), 32767 with esp32.PCNT.
        """
        raw = self._read()
        self._total += (raw - self._raw) % self._modulus
        self._raw = raw
        return self._total

    def _read_pio(self) -> int:
        # The two instructions run between the program's own: it loses a cycle for each, but never
        # its place.
        counter = self._counter
        counter.exec(_TAKE)
        counter.exec(_GIVE)
        return -counter.get() % (1 << 32)  # x counts down
