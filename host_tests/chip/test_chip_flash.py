"""Rung 3: `dianka flash` to the emulated Pico, through the real mpremote and a pseudo-terminal."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chip_desk import KIND, ChipDesk, changed, flash_image, placed
from dianka.firmware import BOARDS, FIRMWARE
from dianka.flash import build
from meter_kit import USER, MeterKit, S

OTHER_PAGES = {"page_texts": ('"no", "%06d"', '"nr", "%06d"')}
SLOW_S = 400  # of wall clock on a busy computer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A meter in use: 20.00 yuan bought, a minute at 2 kW."""
    made = tmp_path / "meter"
    made.mkdir()
    kit = MeterKit.new(made)
    kit.sell(2000)
    kit.run_session(USER)
    kit.rig.set_load(2_000_000)
    kit.wait(60 * S)
    kit.close()
    return made


def hashes(content: dict[str, bytes]) -> dict[str, str]:
    return {name: build.digest(data) for name, data in content.items()}


def test_an_empty_chip_is_flashed_with_one_command(
    folder: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    firmware = changed(tmp_path / "new")
    version = build.build(KIND, firmware)
    began_s = time.monotonic()
    with ChipDesk(folder, {}) as desk:
        done = desk.flash(firmware=firmware)
        assert done.returncode == 0, done.stderr
        assert (
            f"version {version.name}: {len(version.files)} files sent, 0 were there" in done.stdout
        )
        assert f"version {version.name} runs, self-check 00000" in done.stdout
        assert "totals before: not known" in done.stdout
        assert "balance 1999 fen\n" in done.stdout, (
            "the meter's state outlives a new chip's first flash"
        )
        assert hashes(desk.files) == hashes(placed(version))
        took_s = round(time.monotonic() - began_s)
        size = sum(len(data) for data in (version.files | version.root).values())
        record_property(
            "figure", f"flash of an empty emulated Pico by mpremote: {size} bytes in {took_s} s"
        )


@pytest.mark.campaign  # three minutes; host_tests/flash does the same on the unix port
def test_killed_repeated_checked_and_tampered_with(folder: Path, tmp_path: Path) -> None:
    """One file differs.

    The first run is killed half-way: the watchdog brings the former version back, the second
    completes.
    """
    old, new = changed(tmp_path / "old"), changed(tmp_path / "new", **OTHER_PAGES)
    former, version = build.build(KIND, old), build.build(KIND, new)
    with ChipDesk(folder, placed(former)) as desk:
        kill_half_way(desk, new)
        code, name, totals = desk.reports(30)
        assert (code[:5], name) == ("00000", former.name)
        assert desk.resets[-1:] == ["watchdog"]

        done = desk.flash(firmware=new)
        assert done.returncode == 0, done.stderr
        assert (
            f"version {version.name}: 0 files sent, {len(version.files)} were there" in done.stdout
            or (
                f"version {version.name}: 1 files sent, {len(version.files) - 1} were there"
                in done.stdout
            )
        )
        assert f"version {version.name} runs, self-check 00000" in done.stdout
        after = [
            line.split()
            for line in done.stdout.splitlines()
            if line.startswith("  ") and line.endswith(", as before")
        ]
        assert [words[0] for words in after] == [
            "energy",
            "remainder",
            "balance",
            "bought",
            "count",
        ]
        assert int(after[0][1]) >= int(totals.split()[1]), "nothing that was counted is forgotten"
        assert hashes(desk.files) == hashes(placed(former) | placed(version, "b"))

        done = desk.flash("--check", firmware=new)
        assert (
            done.stdout
            == f"the board holds exactly version {version.name}, {len(version.files)} files\n"
        ), done.stderr

        content = desk.files
        spoilt = content["b/account.mpy"]
        content["b/account.mpy"] = spoilt[:100] + bytes((spoilt[100] ^ 1,)) + spoilt[101:]
        desk.runner.flash = flash_image(content)
        desk.power()
        done = desk.flash("--check", firmware=new)
        assert done.returncode == 1
        assert (
            done.stderr
            == f"the board does not hold version {version.name}, these files differ: account.mpy\n"
        )


def kill_half_way(desk: ChipDesk, firmware: Path) -> None:
    """SIGKILL as soon as the board has begun to write the changed file, then silence."""
    begun = desk.operations
    with desk.begin(firmware=firmware) as process:
        desk.serve(lambda: process.poll() is not None or desk.operations > begun + 60, SLOW_S)
        assert process.poll() is None, process.communicate(timeout=10)
        process.kill()


def test_a_board_of_another_kind_and_a_firmware_that_is_too_old(
    folder: Path, tmp_path: Path
) -> None:
    boards = tmp_path / "boards"
    shutil.copytree(BOARDS, boards)
    toml = (boards / "rp2_pico" / "board.toml").read_text(encoding="utf-8")
    (boards / "rp2_pico" / "board.toml").write_text(
        toml.replace('micropython = "1.2', 'micropython = "9.2'), encoding="utf-8"
    )
    with ChipDesk(folder, {}) as desk:
        for words, said in (
            (
                ["--board", "esp32_devkit"],
                (
                    "is another kind of board: Raspberry Pi Pico with RP2040, "
                    "not ESP32-DevKitC (ESP32)"
                ),
            ),
            (["--boards", str(boards)], "is too old: put 9.2"),
        ):
            done = desk.flash(*words, firmware=FIRMWARE)
            assert done.returncode == 1
            assert said in done.stderr and done.stderr.count("\n") == 1
            assert desk.files == {}, "nothing was written"
