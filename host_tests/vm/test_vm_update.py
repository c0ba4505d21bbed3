"""Safe update, whole meters on rung 2: a good version is kept with all totals, a bad one is not.

After a bad version the former one runs.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from dianka.bench.stage import story as stories
from dianka.bench.stage.console import Printer
from dianka.bench.stage.desk_line import DeskLine
from dianka.bench.stage.player import Player
from dianka.bench.stage.rig import Rig
from dianka.firmware import BOARDS, FIRMWARE, load_shared
from dianka.flash import build

S = 1_000_000
PRICE_E4 = 5000
FEN = load_shared("account").FEN
RECORDS = load_shared("state")


class Updated:
    """A meter on rung 2 whose flash has the real firmware, compiled, as version a, and b on trial.

    Version b is changed.
    """

    def __init__(
        self, folder: Path, changes: dict[str, str] | None = None, board: str = "rp2_pico"
    ) -> None:
        self.lines: list[str] = []
        self.board = board
        self.rig = Rig(folder, "vm", BOARDS / board)
        self.rig.on_log = self.lines.append
        self.flash = Path(self.rig.runner._flash.name)  # type: ignore[attr-defined]
        self.version = build.build(replace(build.load_kind(board), arch="x64"))
        self._write("a", {})
        self._write("b", changes or {})
        (self.flash / "slot").write_text("a")
        printer = Printer(Console(file=io.StringIO()))
        stories.play(stories.load("new-meter"), Player(self.rig, folder, DeskLine(), printer))
        self.rig.insert(Path("resident.card"))
        self.rig.wait(10 * S)
        self.rig.pull()
        self.rig.set_load(2_000_000)
        self.rig.wait(60 * S)
        self.lines.clear()
        self._restart()
        self.before = self.report("version-a")

    def _write(self, place: str, changes: dict[str, str]) -> None:
        (self.flash / place).mkdir()
        for name, data in self.version.files.items():
            (self.flash / place / name).write_bytes(data)
        for name, source in changes.items():
            (self.flash / place / f"{name}.mpy").unlink()
            (self.flash / place / f"{name}.py").write_text(source)
        (self.flash / place / "manifest").write_text(f"version-{place}\nboard {self.board}\n")

    def report(self, version: str) -> str:
        found = [line for line in self.lines if f" version {version} " in line]
        assert found, self.lines
        return found[-1].partition("self-check ")[2]

    def update(self) -> "Updated":
        """What flashing does at its end: the trial, then a restart."""
        (self.flash / "slot").write_text("a b")
        self.lines.clear()
        self._restart()
        return self

    def _restart(self) -> None:
        self.rig.bench.mcu.bitten = True
        self.rig.wait(40 * S)

    @property
    def slot(self) -> str:
        return (self.flash / "slot").read_text()


def exact(report: str) -> int:
    """The energy; everything bought must be there to the last fraction, as used or as balance."""
    energy_pj, remainder, balance_fen, bought_fen, count = (
        int(word) for word in report.split()[4:14:2]
    )
    assert (bought_fen, count) == (2000, 1)
    assert bought_fen * FEN == energy_pj * PRICE_E4 + balance_fen * FEN - remainder
    return energy_pj


def changed(name: str, old: str, new: str) -> dict[str, str]:
    source = (FIRMWARE / f"{name}.py").read_text(encoding="utf-8")
    assert source.count(old) == 1
    return {name: source.replace(old, new)}


@pytest.fixture
def meter(tmp_path: Path) -> Iterator[Callable[..., Updated]]:
    made: list[Updated] = []

    def make(changes: dict[str, str] | None = None, board: str = "rp2_pico") -> Updated:
        made.append(Updated(tmp_path, changes, board))
        return made[-1]

    yield make
    for each in made:
        each.rig.close()


@pytest.mark.parametrize("board", ["rp2_pico", "esp32_devkit"])
def test_vm_a_good_version_is_kept_with_all_totals(
    meter: Callable[..., Updated], board: str
) -> None:
    done = meter(board=board).update()
    assert done.slot == "b"
    assert done.report("version-b").startswith("00000")
    exact(done.before)
    energy_pj = exact(done.report("version-b"))
    assert energy_pj > exact(done.before)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        changed("meter", "        self._born_s = time.time()\n", "        1 // 0\n"),
        changed("meter", "        self._born_s = time.time()\n", "        machine.reset()\n"),
        changed(
            "meter",
            "        self._born_s = time.time()\n",
            "        while True:\n            time.sleep_ms(10)\n",
        ),
        changed(
            "pages",
            "        faults = self.list_faults()\n",
            "        import time\n        time.sleep_ms(20_000)\n",
        ),
        changed(
            "ds3231", "self.fault = _NO_DATE if seconds is None else 0\n", "self.fault = SILENT\n"
        ),
        changed("state", f"SIZE = const({RECORDS.SIZE})", f"SIZE = const({RECORDS.SIZE + 2})"),
        changed(
            "state", f"FORMAT = const({RECORDS.FORMAT})", f"FORMAT = const({RECORDS.FORMAT + 1})"
        ),
        {"meter": "from no_such_module import Meter\n"},
        {"metering": ""},
    ],
    ids=[
        "crash",
        "reset",
        "hang at the start",
        "hang later",
        "unhealthy",
        "other size",
        "other format",
        "import",
        "empty",
    ],
)
def test_vm_after_a_bad_version_the_former_one_runs(
    meter: Callable[..., Updated], changes: dict[str, str]
) -> None:
    done = meter(changes).update()
    assert done.slot == "a", done.lines
    after = done.report("version-a")
    assert after[:5] == done.before[:5] == "00000"
    assert exact(after) > exact(done.before), (
        "the former version reads the state, whatever the other one did"
    )
    assert not any(" version version-b " in line for line in done.lines)
    done.rig.wait(20 * S)
    assert done.slot == "a"


@pytest.mark.slow
@pytest.mark.parametrize("board", ["rp2_pico", "esp32_devkit"])
def test_vm_power_cut_during_the_trial(meter: Callable[..., Updated], board: str) -> None:
    done = meter(board=board)
    (done.flash / "slot").write_text("a b")
    done.rig.bench.mcu.bitten = True
    done.rig.wait(S // 10)
    assert done.slot == "a b !"
    done.rig.cut_power()
    done.rig.wait(S)
    done.rig.switch_mains_on()
    done.rig.wait(3 * S)
    assert done.slot == "a"
