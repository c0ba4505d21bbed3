"""Safe update: which version runs after whatever happened. slots.py alone through every cut, then whole meters on rung 2."""

import builtins
import io
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dianka.bench import story as stories
from dianka.bench.console import Printer
from dianka.bench.player import Player
from dianka.bench.rig import Rig
from dianka.deskline import DeskLine
from dianka.firmware import FIRMWARE, shared
from dianka.flash import build
from parts import Parts

S = 1_000_000
PRICE_E4 = 5000
FEN = shared("account").FEN


class PowerGone(BaseException):
    """The supply is gone."""


class Littlefs:
    """Files as littlefs keeps them: what is written counts from the close on, a rename happens or does not.

    `left` is how many more operations there are before the power goes. A cut in a close leaves a torn file, which is
    worse than littlefs does.
    """

    def __init__(self, **files: str) -> None:
        self.files = files
        self.left = -1

    def step(self) -> bool:
        """One operation; False if the power goes in it."""
        self.left -= 1
        return self.left != -1

    def open(self, name: str, mode: str = "r") -> "Handle":
        if "w" not in mode and name not in self.files:
            raise OSError(2)
        if "w" in mode and not self.step():
            raise PowerGone
        return Handle(self, name, "w" in mode)

    def rename(self, old: str, new: str) -> None:
        if not self.step():
            raise PowerGone
        self.files[new] = self.files.pop(old)


class Handle:
    def __init__(self, fs: Littlefs, name: str, writing: bool) -> None:
        self.fs, self.name, self.writing = fs, name, writing
        self.text = "" if writing else fs.files[name]

    def read(self) -> str:
        return self.text

    def write(self, text: str) -> None:
        self.text += text

    def __enter__(self) -> "Handle":
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        if not self.writing or kind:
            return
        whole = self.fs.step()
        self.fs.files[self.name] = self.text if whole else self.text[: len(self.text) // 2]
        if not whole:
            raise PowerGone


def start(fs: Littlefs) -> Any:
    """slots.py of one start, its `enter` not called yet; `dogs` are the watchdogs it started, `path` where imports look."""
    dogs: list[int] = []
    path = [""]
    stand_ins = {
        "machine": types.SimpleNamespace(WDT=lambda timeout: dogs.append(timeout)),
        "sys": types.SimpleNamespace(path=path),
        "os": types.SimpleNamespace(rename=fs.rename),
    }
    scope = dict(vars(builtins), open=fs.open, __import__=lambda name, *_: stand_ins[name])
    module = types.ModuleType("slots")
    vars(module)["__builtins__"] = scope
    exec(compile((FIRMWARE / "slots.py").read_text(encoding="utf-8"), "slots.py", "exec"), vars(module))
    vars(module).update(dogs=dogs, path=path)
    return module


def runs(fs: Littlefs) -> str:
    """The version that the next start runs, with the cuts over."""
    fs.left = -1
    slots = start(fs)
    slots.enter()
    assert slots.path == [slots.here, ""]
    assert slots.dogs == [8000], "the watchdog runs before the version does"
    return slots.here


def test_without_slots_the_firmware_runs_where_it_is() -> None:
    fs = Littlefs()
    slots = start(fs)
    slots.enter()
    assert (slots.here, slots.on_trial, slots.path, slots.dogs, slots.version()) == ("", False, [""], [], "unflashed")
    slots.remember("00000")
    assert fs.files == {}


def test_one_trial_and_no_second_one() -> None:
    fs = Littlefs(slot="a b", **{"b/manifest": "0.2.0+12345678\nboard x\n"})
    slots = start(fs)
    slots.enter()
    assert (slots.here, slots.on_trial, slots.version(), fs.files["slot"]) == ("b", True, "0.2.0+12345678", "a b !")
    assert runs(fs) == "a"
    assert fs.files["slot"] == "a"
    assert runs(fs) == "a"


def test_a_version_that_is_kept_runs_from_then_on() -> None:
    fs = Littlefs(slot="a b")
    slots = start(fs)
    slots.enter()
    slots.keep()
    assert not slots.on_trial
    assert runs(fs) == runs(fs) == "b"


def cuts(act: Callable[[Any], None], **files: str) -> list[tuple[bool, str]]:
    """(whether the act came to its end, the version of the next start) for a cut in each operation on files."""
    found = []
    for left in range(100):
        fs = Littlefs(**files)
        slots = start(fs)
        fs.left = left
        try:
            act(slots)
            found.append((True, runs(fs)))
            return found
        except PowerGone:
            found.append((False, runs(fs)))
    raise AssertionError("no end")


def test_a_cut_in_each_operation_leaves_a_version_that_starts() -> None:
    def trial(slots: Any) -> None:
        slots.enter()
        slots.keep()
        slots.remember("00010")

    assert cuts(lambda slots: slots.enter(), slot="a b") == [(False, "b")] * 3 + [(True, "a")]
    assert cuts(lambda slots: slots.enter(), slot="a b !") == [(False, "a")] * 3 + [(True, "a")]
    assert cuts(trial, slot="a b", code="00000") == [(False, "b")] * 3 + [(False, "a")] * 3 + [(False, "b")] * 3 + [(True, "b")]


@pytest.mark.parametrize(
    ("code", "former", "good"),
    [
        ("00000140", "00000", True),
        ("00000140", "", True),
        ("00020140", "00020", True),
        ("00010140", "00020", True),
        ("00000140", "33333", True),
        ("00020140", "", False),
        ("00020140", "00000", False),
        ("10020140", "00020", False),
        ("00000049", "00000", False),
    ],
)
def test_not_worse_than_the_former_version(code: str, former: str, good: bool) -> None:
    assert Parts().module("selfcheck").healthy(code, former) is good


# ****** Whole meters ******


class Updated:
    """A meter on rung 2 whose flash holds the real firmware, compiled, as version a, and a changed one as b, on trial."""

    def __init__(self, folder: Path, changes: dict[str, str] | None = None) -> None:
        self.lines: list[str] = []
        self.rig = Rig(folder, "vm")
        self.rig.on_log = self.lines.append
        self.flash = Path(self.rig.runner._flash.name)  # type: ignore[attr-defined]
        self.version = build.build(build.load_kind("virtual"))
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
        (self.flash / place / "manifest").write_text(f"version-{place}\nboard virtual\n")

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
    energy_pj, remainder, balance_fen, bought_fen, count = (int(word) for word in report.split()[4::2])
    assert (bought_fen, count) == (2000, 1)
    assert bought_fen * FEN == energy_pj * PRICE_E4 + balance_fen * FEN - remainder
    return energy_pj


def changed(name: str, old: str, new: str) -> dict[str, str]:
    source = (FIRMWARE / f"{name}.py").read_text(encoding="utf-8")
    assert source.count(old) == 1
    return {name: source.replace(old, new)}


@pytest.fixture
def meter(tmp_path: Path):
    made: list[Updated] = []

    def make(changes: dict[str, str] | None = None) -> Updated:
        made.append(Updated(tmp_path, changes))
        return made[-1]

    yield make
    for each in made:
        each.rig.close()


def test_vm_a_good_version_is_kept_with_all_totals(meter: Callable[..., Updated]) -> None:
    done = meter().update()
    assert done.slot == "b"
    assert done.report("version-b").startswith("00000")
    exact(done.before)
    energy_pj = exact(done.report("version-b"))
    assert energy_pj > exact(done.before)


@pytest.mark.parametrize(
    "changes",
    [
        changed("meter", "        self._born_s = time.time()\n", "        1 // 0\n"),
        changed("meter", "        self._born_s = time.time()\n", "        machine.reset()\n"),
        changed("meter", "        self._born_s = time.time()\n", "        while True:\n            time.sleep_ms(10)\n"),
        changed("panel", "        faults = self.faults()\n", "        import time\n        time.sleep_ms(20_000)\n"),
        changed("clock", "self.fault = 0\n", "self.fault = SILENT\n"),
        changed("state", "SIZE = const(97)", "SIZE = const(99)"),
        changed("state", "FORMAT = const(1)", "FORMAT = const(2)"),
        {"meter": "from no_such_module import Meter\n"},
        {"metering": ""},
    ],
    ids=["crash", "reset", "hang at the start", "hang later", "unhealthy", "other size", "other format", "import", "empty"],
)
def test_vm_after_a_bad_version_the_former_one_runs(meter: Callable[..., Updated], changes: dict[str, str]) -> None:
    done = meter(changes).update()
    assert done.slot == "a", done.lines
    after = done.report("version-a")
    assert after[:5] == done.before[:5] == "00000"
    assert exact(after) > exact(done.before), "the former version reads the state, whatever the other one did"
    assert not any(" version version-b " in line for line in done.lines)
    done.rig.wait(20 * S)
    assert done.slot == "a"


def test_vm_power_cut_during_the_trial(meter: Callable[..., Updated]) -> None:
    done = meter()
    (done.flash / "slot").write_text("a b")
    done.rig.bench.mcu.bitten = True
    done.rig.wait(S // 10)
    assert done.slot == "a b !"
    done.rig.cut_power()
    done.rig.wait(S)
    done.rig.mains_on()
    done.rig.wait(3 * S)
    assert done.slot == "a"
