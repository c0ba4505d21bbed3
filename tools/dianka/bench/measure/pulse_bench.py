"""A pulse generator on a pin of the emulated Pico, and two counters on the chip.

The counters are the meter's own pulse counter (PIO) and a Pin.irq handler; every train has the same
pulses for both. The generator counts the edges that it makes, on the emulated clock's cycles of
8 ns. Meanwhile the chip does one of five things: nothing, collecting a heap that is nearly empty or
has 100 KB in use, erasing a sector (45 ms, W25Q16JV typical, with interrupts off as in the rp2
port's flash driver), or all of it with the counter read in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dianka.bench.rungs.rp2040 import ChipError
from dianka.bench.rungs.rp2040.emulator import Emulator
from dianka.bench.rungs.rp2040.files import build_files_image, compile_module
from dianka.bench.rungs.rp2040.image import FILES_AT, find_image, load_image
from dianka.firmware import FIRMWARE

# What the chip does during a train.
IDLE, GC, GC_FULL, ERASE, ALL = "idle", "gc", "gc_full", "erase", "all_of_it"
PIN, GO, OVER = 10, 11, 12
LEAD_NS = 2_000_000
_FREE_BLOCK = 300  # of the file system: the files do not reach so far
_WALL_LIMIT_S = 1200.0  # a million pulses take a minute on an idle computer

_PROGRAM = f"""
import gc, rp2, time
from machine import Pin
from pulse_counter import PulseCounter
pin, go, over = Pin({PIN}, Pin.IN), Pin({GO}, Pin.OUT, value=0), Pin({OVER}, Pin.IN)
counter, flash, heard, ballast = PulseCounter(pin, 4), rp2.Flash(), 0, []
def on_pulse(pin):
    global heard
    heard += 1
def idle():
    time.sleep_ms(1)
def collect():
    time.sleep_ms(3)
    gc.collect()
def erase():
    time.sleep_ms(3)
    flash.ioctl(6, {_FREE_BLOCK})
    while not over.value():
        time.sleep_ms(1)
def all_of_it():
    gc.collect()
    counter.value()
    flash.ioctl(6, {_FREE_BLOCK})
    counter.value()
    time.sleep_ms(3)
def fill(size):
    global ballast
    ballast = None
    gc.collect()
    ballast = [bytearray(96) for _ in range(size // 112)]
def count(meanwhile, hard):
    global heard
    if hard is not None:
        pin.irq(on_pulse, Pin.IRQ_RISING, hard=hard)
    before, heard = counter.value(), 0
    go(1)
    while not over.value():
        meanwhile()
    time.sleep_ms(2)
    pin.irq(None)
    print(counter.value() - before, heard)
    go(0)
"""


@dataclass(frozen=True)
class Train:
    """One train of pulses: how many were sent, and how many each counter counted."""

    rate_hz: int
    sent: int
    by_pio: int
    by_irq: int


class PulseBench:
    """One chip that boots once and counts train after train."""

    def __init__(self) -> None:
        modules = {
            f"{name}.mpy": compile_module(FIRMWARE / f"{name}.py")
            for name in ("pulse_counter", "pio_programs")
        }
        flash = load_image(find_image()).ljust(FILES_AT, b"\xff") + build_files_image(modules)
        self.emulator = Emulator(flash)
        gpio = self.emulator.chip.gpio
        self._pin, self._go, self._over = gpio[PIN], gpio[GO], gpio[OVER]
        self._alarm = self.emulator.clock.create_alarm(self._make_edge)
        self._began_ns = self._edges = self._wanted = self._rate_hz = self._sent = 0
        self._ballast = 0
        self._pin.set_input_value(False)
        self._over.set_input_value(False)
        self._go.add_listener(self._start_train)
        self.emulator.execute(_PROGRAM)

    def count(self, pulses: int, rate_hz: int, meanwhile: str, hard: bool | None = None) -> Train:
        """Send a train of pulses, and return what was counted.

        `hard`: whether a hard or a soft Pin.irq counts beside PIO; None for no Pin.irq. ChipError
        if the train was not sent whole, or if the chip gave no counts.
        """
        self._fill(0 if meanwhile == GC else 100_000)
        self._wanted, self._rate_hz, self._edges, self._sent = pulses, rate_hz, 0, 0
        function = "collect" if meanwhile in (GC, GC_FULL) else meanwhile
        said = self.emulator.execute(f"count({function}, {hard})", _WALL_LIMIT_S).split()
        if len(said) != 2 or self._sent != pulses:
            raise ChipError(
                f"{self._sent} of {pulses} pulses were sent and the chip said {said}: "
                "look at pulse_bench.py"
            )
        return Train(rate_hz, self._sent, int(said[0]), int(said[1]))

    def set_output(self, level: bool) -> None:
        """Set the generator's output."""
        self._pin.set_input_value(level)

    def _fill(self, size: int) -> None:
        if size != self._ballast:
            self._ballast = size
            self.emulator.execute(f"fill({size})")

    def _start_train(self, *_: object) -> None:
        if self._go.output_value:
            self._over.set_input_value(False)
            self._began_ns = self.emulator.now_ns + LEAD_NS
            self._plan()

    def _plan(self) -> None:
        due_ns = self._began_ns + self._edges * 500_000_000 // self._rate_hz
        self._alarm.schedule(due_ns - self.emulator.now_ns)

    def _make_edge(self) -> None:
        if self._edges == 2 * self._wanted:
            self._over.set_input_value(True)
            return
        level = not self._edges & 1
        self._sent += level
        self._edges += 1
        self.set_output(level)
        self._plan()


def find_highest_without_loss(trains: Sequence[tuple[int, int, int]]) -> int:
    """Return the highest rate up to which every train of (rate, sent, counted) was counted whole.

    Return 0 if none was.
    """
    best_hz = 0
    for rate_hz, sent, counted in sorted(trains):
        if counted != sent:
            break
        best_hz = rate_hz
    return best_hz
