"""Measures the whole meter on the emulated chip, from outside the firmware, by the emulated clock.

`measure_meter` sets a meter up on rung 1, where that takes little time, and then boots it on the
chip with probe.py's main.py. The CPU share is the cycles of the instructions executed over the
cycles that passed: waiting for the memory chip on the bus counts, sleeping does not. 100 A are fed
through a shunt of 0.3 milliohm, since with the 1 milliohm of the board's own file the HLW8032's
input is limited to 30.9 A. Wait states of the flash are not modelled: all times are lower bounds.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from dianka.bench.measure import probe
from dianka.bench.measure.figure import Figure
from dianka.bench.measure.session import PPS_TA1
from dianka.bench.measure.session_probe import (
    CpuShare,
    Served,
    make_fast_figures,
    make_session_figures,
)
from dianka.bench.rungs.rp2040 import ChipError
from dianka.bench.rungs.rp2040.emulator import CYCLE_NS, Emulator
from dianka.bench.rungs.rp2040.runner import ChipRunner
from dianka.bench.stage.rig import RigError
from dianka.bench.stage.stand import USER, Stand
from dianka.bench.stage.traffic import CHARACTER_ETU
from dianka.cardos.t0 import Behaviour
from dianka.firmware import BOARDS

LOAD_MW = 22_000_000  # 100 A at 220 V
SHUNT = {
    "_KI_MILLI = const(1000)": "_KI_MILLI = const(3333)",
    "MAX_POWER_MW = 9_000_000": "MAX_POWER_MW = 29_000_000",
}
BOOT_US = 2_500_000
METERING_US = 2_000_000
REPORT_US = 400_000
RELAY_REST_US = 15_000_000  # at most, between two moves of the relay
KIB = 1024
FIRST_CHARACTER_NS = CHARACTER_ETU * 1_000_000_000 // 9600


def prepare(folder: Path) -> None:
    """Set up a meter in use, with the resident's card, in this folder, on rung 1.

    RigError if its relay stays open.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with Stand(folder) as stand:
        stand.set_up()
        stand.sell(2000)
        stand.serve(USER)
        stand.wait(RELAY_REST_US)
        if not stand.relay_closed:
            raise RigError(
                f"the relay of a meter with credit stays open: {' / '.join(stand.lines[-3:])}"
            )


def write_board_for_100_a(folder: Path) -> Path:
    """Write rp2_pico's board.py with the shunt for 100 A into this folder, and return the folder.

    ChipError if board.py has no such lines.
    """
    text = (BOARDS / "rp2_pico" / "board.py").read_text(encoding="utf-8")
    for ours, other in SHUNT.items():
        if ours not in text:
            raise ChipError(
                f"boards/rp2_pico/board.py has no line {ours}: "
                "bring tools/dianka/bench/measure/meter.py in line with it"
            )
        text = text.replace(ours, other)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "board.py").write_text(text, encoding="utf-8")
    return folder


class ProbedMeter(Stand):
    """A meter on the chip that is started and watched by probe.py.

    Each `report` covers the time since the last one.
    """

    def __init__(
        self, folder: Path, board: Path, on_line: Callable[[str], object] | None = None
    ) -> None:
        super().__init__(folder, "chip", board, on_line=on_line)
        assert isinstance(self.rig.runner, ChipRunner)
        self._runner = self.rig.runner
        self._runner.extra_files = {"main.py": probe.make_main_py()}

    @property
    def emulator(self) -> Emulator:
        """The emulated chip of this start."""
        assert self._runner.emulator
        return self._runner.emulator

    def boot(self) -> dict[str, int | str]:
        self.rig.switch_mains_on()
        self.wait(BOOT_US)
        return self.report()

    def report(self) -> dict[str, int | str]:
        heard = len(self.lines)
        wire = self.rig.bench.mcu.get_pin(probe.REPORT_PIN)
        wire.set(1)
        self.wait(REPORT_US)
        wire.set(0)
        self.wait(REPORT_US)
        for line in self.lines[heard:]:
            if told := probe.parse_line(line):
                return told
        raise ChipError(
            f"the probe does not answer; the meter's last words: {' / '.join(self.lines[-3:])}"
        )

    def watch_calls(self) -> None:
        self.rig.bench.mcu.get_pin(probe.WATCH_PIN).set(1)
        self.wait(REPORT_US)

    def measure_cpu_permille(self, us: int) -> int:
        """Let this time pass, and return the share of the CPU during it."""
        core = self.emulator.chip.core
        began = core.cycles
        self.wait(us)
        return (core.cycles - began) * CYCLE_NS // us

    def purchase(self, behaviour: Behaviour | None = None) -> Served:
        """Sell 1 yuan and insert the card, which talks as `behaviour` says.

        ChipError if the purchase was not credited.
        """
        self.sell(100)
        cpu = CpuShare(self.rig.bench, self.emulator)
        session = self.serve(USER, behaviour)
        cpu.close()
        if not any("credited" in line for line in session.log):
            raise ChipError(
                f"the purchase was not credited; what is known: {' / '.join(self.lines[-3:])}"
            )
        return Served(session, cpu.permille)

    def purchase_fast(self) -> Served:
        """Restart with an ESAM and purchase with a card that both offer four times the rate.

        ChipError if the meter did not use that rate.
        """
        fast = Behaviour(ta1=PPS_TA1)
        self.rig.bench.mcu.get_pin(probe.WATCH_PIN).set(0)
        self.rig.cut_power()
        self.set_esam_behaviour(fast)
        self.boot()
        found = self.purchase(fast)
        if found.traffic.floor_ns * 2 > found.traffic.characters * FIRST_CHARACTER_NS:
            raise ChipError(
                "card and ESAM offered four times the rate and were not asked for it: "
                "look at firmware/iso7816_pps.py"
            )
        return found


def measure_meter(sessions: int = 3, on_line: Callable[[str], None] | None = None) -> list[Figure]:
    """Boot, meter 100 A, serve this many purchases, and one more at four times the rate.

    It takes three minutes of wall time, and half a minute more for each session.
    """
    with tempfile.TemporaryDirectory(prefix="dianka-meter-") as place:
        home = Path(place) / "meter"
        prepare(home)
        with ProbedMeter(home, write_board_for_100_a(Path(place) / "board"), on_line) as meter:
            return _measure(meter, sessions)


def _measure(meter: ProbedMeter, sessions: int) -> list[Figure]:
    meter.rig.set_load(LOAD_MW)
    meter.boot()  # it learns what this chip's pulse is worth, which a start in use knows
    meter.rig.cut_power()
    boot = meter.boot()
    start = meter.report()
    figures = [
        Figure("power to firmware's first line", boot["entered_us"], "us"),
        Figure("power to all modules loaded", boot["imported_us"], "us"),
        Figure("power to first energy counted", boot["counted_us"], "us", "under 900000"),
        Figure(
            "current fed while metering", meter.rig.take_view().current_ma, "mA", "at least 99000"
        ),
        Figure(
            "CPU share, metering with display", meter.measure_cpu_permille(METERING_US), "permille"
        ),
    ]
    reports = [start, meter.report()]
    purchases = []
    for _ in range(sessions):
        purchases.append(meter.purchase())
        reports.append(meter.report())
    heaps = [start["left"], *(told["left"] for told in reports[2:])]
    meter.watch_calls()
    meter.wait(METERING_US)
    calls = _make_call_figures(meter.report())
    figures += (
        make_session_figures(purchases)
        + _make_wait_figures(reports)
        + _make_heap_figures(heaps)
        + calls
    )
    return figures + make_fast_figures(meter.purchase_fast())


def _make_wait_figures(reports: list[dict[str, int | str]]) -> list[Figure]:
    """Return how long tasks waited and ran: in the start, metering alone, and in each session.

    The start counts from the moment when the scheduler has its first task.
    """
    start = reports[0]
    worst = max(reports, key=lambda told: probe.get_number(told, "late_ms"))
    slow = max(reports, key=lambda told: probe.get_number(told, "step_us"))
    return [
        Figure("longest that a task waited", worst["late_ms"], "ms", "at most 50"),
        Figure("the task that waited", worst["late"], ""),
        Figure("longest that a task waited, in the start alone", start["late_ms"], "ms"),
        Figure("the task that waited in the start", start["late"], ""),
        Figure("longest step of a task", slow["step_us"], "us"),
        Figure("the task that took it", slow["slow"], ""),
        Figure("a collection", max(probe.get_number(told, "gc_us") for told in reports), "us"),
    ]


def _make_heap_figures(heaps: list[int | str]) -> list[Figure]:
    return [
        Figure("heap free after the start", heaps[0], "bytes", f"over {100 * KIB}"),
        Figure(
            f"heap free after {len(heaps) - 1} sessions", heaps[-1], "bytes", f"over {100 * KIB}"
        ),
        Figure("heap free after each session", " ".join(str(heap) for heap in heaps[1:]), "bytes"),
    ]


def _make_call_figures(told: dict[str, int | str]) -> list[Figure]:
    names = {
        "frame": "reading the metering chip",
        "debit": "a debit",
        "commit": "a commit",
        "display": "a look at the display",
    }
    return [
        Figure(f"{text}, {what}", told[f"{name}_{key}"], "us")
        for name, text in names.items()
        for key, what in (("us", "on average"), ("worst_us", "at most"))
    ]
