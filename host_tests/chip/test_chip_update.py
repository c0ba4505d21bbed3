"""Rung 3: a power cut at each flash operation of an update, and new versions that fail their trial.

One update is recorded on the emulated chip, with its flash operations, from the first word of
flashing to the end of the trial. For each operation there are two images of the flash: the power
went before it, or half-way through it. littlefs on the host reads each: the version that would
start must be whole, and flashing again must complete the update. The sample takes one in SAMPLE of
the operations that send files, and all that the file `slot` and the trial make at the end.

Of the four things that the file `slot` then says, two are booted again on the chip: `a b !`, the
trial was cut off, and in the campaign `a`, nothing has changed yet, which each failed trial below
ends with. The recording itself starts from `a b`, the trial to come, and ends with `b`, which is
read on the host.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chip_desk import KIND, ChipDesk, changed, placed
from dianka.bench.rungs.rp2040.files import read_files
from dianka.bench.rungs.rp2040.flash import FlashOperation
from dianka.bench.rungs.rp2040.image import FILES_AT
from dianka.flash import build, link, update
from meter_kit import USER, MeterKit

SAMPLE = 32
LAST = 60  # operations of an update: more than its end takes
OTHER_PAGES = {"page_texts": ('"no", "%06d"', '"nr", "%06d"')}


class ChipLink(link.Link):
    """The link without a wire: mpremote's input goes to the emulator's console, at its own pace."""

    def __init__(self, desk: ChipDesk) -> None:
        self.port, self._desk = "the emulator", desk
        self.run(link.HELPER)

    def run(self, code: str) -> str:
        assert self._desk.runner.emulator
        return self._desk.runner.emulator.execute(code)


class FolderLink(link.Link):
    """The same helper under CPython, with a folder for the board's files."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = "the folder", folder
        self._scope: dict[str, Any] = {}
        self.run(link.HELPER.replace("from machine import WDT", "raise ImportError"))

    def run(self, code: str) -> str:
        said: list[str] = []
        self._scope["print"] = said.append
        with contextlib.chdir(self._folder):
            exec(code, self._scope)
        return "\n".join(said)


@dataclass(frozen=True)
class Recorded:
    former: build.Version
    version: build.Version
    first: bytes  # the flash before
    operations: list[FlashOperation]
    report: tuple[str, str, str]


def used_meter(folder: Path) -> Path:
    folder.mkdir()
    kit = MeterKit.new(folder)
    kit.sell(2000)
    kit.run_session(USER)
    kit.close()
    return folder


def record(folder: Path) -> Recorded:
    """Update by one changed file, until its self-check is told."""
    former = build.build(KIND, changed(folder / "old"))
    version = build.build(KIND, changed(folder / "new", **OTHER_PAGES))
    operations: list[FlashOperation] = []
    with ChipDesk(used_meter(folder / "meter"), placed(former)) as desk:
        wire = ChipLink(desk)
        first = desk.runner.flash
        desk.runner.on_flash = operations.append
        update.check_board(wire, KIND)
        update.install(wire, version, update.read_board(wire), lambda line: None)
        assert desk.runner.emulator
        desk.runner.emulator.console.send(b"import machine; machine.reset()\x04")
        report = desk.reports(30)
    return Recorded(former, version, first, operations, report)


def taken(recorded: Recorded, every: int) -> set[int]:
    """Which operations are cut: one in so many, and all of the last."""
    count = len(recorded.operations)
    assert count > 250
    return {*range(0, count, every), *range(count - LAST, count)}


def cuts(recorded: Recorded, every: int) -> Iterator[tuple[bytes, str]]:
    """The flash as each cut leaves it, and where the cut was."""
    flash = bytearray(recorded.first)
    chosen = taken(recorded, every)
    for number, operation in enumerate(recorded.operations):
        at, size = operation.address, len(operation.after)
        assert at >= FILES_AT, "MicroPython itself is never touched"
        if number in chosen:
            yield bytes(flash), f"before {operation.kind} {number}"
            flash[at : at + size] = operation.tear_content(size // 2)
            yield bytes(flash), f"half-way through {operation.kind} {number}"
        flash[at : at + size] = operation.after
    yield bytes(flash), "after the last"


def starts(recorded: Recorded, files: dict[str, bytes], where: str) -> str:
    """Return the folder of the version that firmware/versions.py chooses; it must be whole."""
    words = files["slot"].decode().split()
    place = words[1] if len(words) == 2 else words[0]
    wanted = placed(recorded.former) if place == "a" else placed(recorded.version, "b")
    wrong = [
        name
        for name, data in wanted.items()
        if name not in ("slot", "code") and files.get(name) != data
    ]
    assert not wrong, f"{where}: {files['slot']!r} starts a version that is not whole: {wrong}"
    return place


def repair(recorded: Recorded, files: dict[str, bytes], folder: Path, where: str) -> None:
    """Flash again what is there: all of it is right then, and nothing else is there."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    wire = FolderLink(folder)
    update.install(wire, recorded.version, update.read_board(wire), lambda line: None)
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert found["slot"].split()[-1] == b"b", where
    assert starts(recorded, found, where) == "b"
    old = placed(recorded.former)
    assert all(found[name] == old[name] for name in old if name.startswith("a/")), where
    left = {
        name
        for name in found
        if name not in placed(recorded.version, "b") and not name.startswith("a/")
    }
    assert left <= {"slot.new", "code.new"}, f"{where}: {left} lies about"


@pytest.mark.parametrize(
    "every", [SAMPLE, pytest.param(1, marks=pytest.mark.campaign)], ids=["sample", "all"]
)
def test_power_may_go_at_every_flash_operation_of_an_update(
    tmp_path: Path, record_property: Callable[[str, object], None], every: int
) -> None:
    recorded = record(tmp_path)
    assert recorded.report[0][:5] == "00000" and recorded.report[1] == recorded.version.name
    seen: dict[
        str, tuple[str, int]
    ] = {}  # a hash of the files to the folder that starts, so that each is repaired once
    chosen: list[str] = []
    one_of: dict[bytes, bytes] = {}  # what `slot` says to the last flash that says so
    for flash, where in cuts(recorded, every):
        files = read_files(flash)
        key = build.digest(
            b"".join(
                name.encode() + b"\0" + build.digest(files[name]).encode() for name in sorted(files)
            )
        )
        if key not in seen:
            folder = tmp_path / f"repair{len(seen)}"
            folder.mkdir()
            seen[key] = starts(recorded, files, where), len(seen)
            repair(recorded, files, folder, where)
        chosen.append(seen[key][0])
        one_of[files["slot"]] = flash
    points = len(chosen)
    assert points == 2 * len(taken(recorded, every)) + 1
    assert set(one_of) == {b"a", b"a b", b"a b !", b"b"}
    # By the file `slot`: a, then b on trial, then a again while the trial runs, then b for good.
    changes = [
        place for number, place in enumerate(chosen) if number == 0 or chosen[number - 1] != place
    ]
    assert changes == ["a", "b", "a", "b"]
    if every == 1:
        boot(tmp_path / "meter", one_of[b"a"], recorded.former)
    boot(tmp_path / "meter", one_of[b"a b !"], recorded.former)
    record_property(
        "figure",
        f"{points} power cuts among {len(recorded.operations)} flash operations of an update: "
        f"{chosen.count('a')} leave the former version, {chosen.count('b')} the new one whole; "
        f"{len(seen)} different contents, each completed by flashing",
    )


def boot(folder: Path, flash: bytes, version: build.Version) -> None:
    """The real thing starts from this flash, is well, and has its state."""
    with ChipDesk(folder, {}) as desk:
        desk.runner.flash = flash
        desk.power()
        code, name, totals = desk.reports(30)
    assert (code[:5], name) == ("00000", version.name)
    assert " bought_fen 2000 count 1" in f" {totals}"


@pytest.mark.parametrize(
    "edits",
    [
        {
            "card_user": (  # imported when the first energy has been charged
                "import account\n",
                "import no_such_module\n",
            )
        },
        {
            "pages": (
                "        faults = self.list_faults()\n",
                "        import time\n        time.sleep_ms(20_000)\n",
            )
        },
        {"ds3231": ("self.fault = _NO_DATE if seconds is None else 0\n", "self.fault = SILENT\n")},
    ],
    ids=["broken module", "hangs", "self-check fails"],
)
def test_a_version_that_fails_its_trial_on_the_chip_is_gone_again(
    tmp_path: Path, edits: dict[str, tuple[str, str]]
) -> None:
    former = build.build(KIND, changed(tmp_path / "old"))
    version = build.build(KIND, changed(tmp_path / "new", **edits))
    with ChipDesk(
        used_meter(tmp_path / "meter"), placed(former) | placed(version, "b") | {"slot": b"a b"}
    ) as desk:
        code, name, totals = desk.reports(40)
        assert (code[:5], name) == ("00000", former.name)
        assert desk.resets == (["watchdog"] if "time.sleep_ms(20_000)" in str(edits) else ["reset"])
        assert desk.files["slot"] == b"a"
        assert " bought_fen 2000 count 1" in f" {totals}", "the state is kept"
