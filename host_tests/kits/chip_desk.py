"""A whole meter on the emulated Pico, to be flashed by `dianka flash` through a pseudo-terminal.

The pseudo-terminal is the USB console. While somebody may type, the chip's time never runs ahead of
the wall clock: else the watchdog would bite between two words of the computer. The chip's first
content is a littlefs image made on the host.
"""

import contextlib
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

# chip_bench skips the module where the emulator or its image is missing.
from chip_bench import ChipBench  # noqa: F401
from dianka.bench.rungs.rp2040 import files
from dianka.bench.rungs.rp2040.image import FILES_AT, find_image, load_image
from dianka.bench.rungs.rp2040.runner import ChipRunner
from dianka.bench.stage.rig import Rig
from dianka.firmware import FIRMWARE
from dianka.flash import build

BOARD = "rp2_pico"
KIND = build.load_kind(BOARD)
STEP_US = 2_000
WAIT_S = 300  # an emulated chip on a busy computer
# The command's timeouts are for a board as fast as the wall clock; this one may be ten times as
# slow, or slower.
SLOW = 10
PROGRAM = (
    "from dianka.flash import link\n"
    "for name in ('_ANSWER_S', '_WORK_S', '_LONGEST_S', '_ENTER_S', '_TRY_S'):\n"
    f"    setattr(link, name, getattr(link, name) * {SLOW})\n"
    "from dianka.cli import main; main()"
)
REPORT = re.compile(r"self-check (\d{8}) version (\S+) (.*)")


def changed(folder: Path, **edits: tuple[str, str]) -> Path:
    """Copy the firmware with edits: in each module named, (old, new); return the folder."""
    shutil.copytree(FIRMWARE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (old, new) in edits.items():
        source = (folder / f"{name}.py").read_text(encoding="utf-8")
        assert source.count(old) == 1, (name, old)
        (folder / f"{name}.py").write_text(source.replace(old, new), encoding="utf-8")
    return folder


def placed(version: build.Version, place: str = "a") -> dict[str, bytes]:
    """Return the files of a board that has run this version with a good self-check."""
    found = dict(version.root) | {"slot": place.encode(), "code": b"00000"}
    return found | {
        f"{place}/{name}": data
        for name, data in (version.files | {build.MANIFEST: version.manifest}).items()
    }


def flash_image(content: dict[str, bytes]) -> bytes:
    return load_image(find_image()).ljust(FILES_AT, b"\xff") + files.build_files_image(content)


class ChipDesk:
    """The meter in `folder`, powered, with these files on its chip.

    `port` is the port for the flash command.
    """

    def __init__(self, folder: Path, content: dict[str, bytes]) -> None:
        self.rig = Rig(folder, "chip")
        self.runner = cast(ChipRunner, self.rig.runner)
        self.runner.flash = flash_image(content)
        self.heard = bytearray()  # all that the board has printed since `power`
        self.resets: list[str] = []
        self.runner.on_reset = self.resets.append
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._slave)
        self.power()

    def __enter__(self) -> "ChipDesk":
        return self

    def __exit__(self, *_: object) -> None:
        self.rig.close()
        os.close(self._master)
        os.close(self._slave)

    def power(self) -> None:
        """Cut the power if it is on, and restore it."""
        self.rig.cut_power()
        self.heard.clear()
        self.rig.switch_mains_on()
        self._listen()

    @property
    def files(self) -> dict[str, bytes]:
        return self.runner.files

    @property
    def operations(self) -> int:
        """The number of erases and programs of the flash since power-on."""
        return self.runner.emulator.flash_chip.operations if self.runner.emulator else 0

    # ****** Time ******

    def command(self, *more: str, firmware: Path = FIRMWARE, port: str = "") -> list[str]:
        places = ["--port", port or self.port, "--firmware", str(firmware)]
        words = ["flash", "--board", BOARD, *places, "--wait", str(WAIT_S), *more]
        return [sys.executable, "-c", PROGRAM, *words]

    def flash(
        self, *more: str, firmware: Path = FIRMWARE, limit_s: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """Run `dianka flash` as a process of its own, with the chip beside it until it ends."""
        with self.begin(*more, firmware=firmware) as process:
            self.serve(lambda: process.poll() is not None, limit_s)
            out, err = process.communicate(timeout=10)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @contextlib.contextmanager
    def begin(self, *more: str, firmware: Path = FIRMWARE) -> Iterator[subprocess.Popen[str]]:
        """Run `dianka flash` as a process of its own, at the longest until the end of the block."""
        path = os.pathsep.join(str(Path(each).resolve()) for each in sys.path if each)
        with subprocess.Popen(
            self.command(*more, firmware=firmware),
            env=dict(os.environ, PYTHONPATH=path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()  # or the wait for its end, which has no deadline, may last for ever

    def serve(self, over: Callable[[], bool], limit_s: float) -> None:
        """Run chip and line side by side until `over()` is true or the power is gone."""
        limit_s += time.monotonic()
        origin_s = time.monotonic() - self._now_s
        while self.rig.take_view().powered and not over():
            assert time.monotonic() < limit_s, (
                f"not over in time; the board said {bytes(self.heard[-400:])!r}"
            )
            ahead_s = self._now_s - (time.monotonic() - origin_s)
            if ahead_s < 0:
                origin_s -= ahead_s  # time lost to a busy CPU is not made up for
            ready, _, _ = select.select([self._master], [], [], max(ahead_s, 0))
            if ready:
                self._type(os.read(self._master, 4096))
            self.rig.wait(STEP_US)

    def reports(self, seconds: int = 12) -> tuple[str, str, str]:
        """Return code, version and totals of the board's next self-check.

        Nobody types, so it takes no wall time.
        """
        seen = len(self.heard)
        for _ in range(seconds * 10):
            self.rig.wait(100_000)
            found = REPORT.search(self.heard[seen:].decode("utf-8", "replace"))
            if found and b"\n" in self.heard[seen + found.end() :]:
                return found[1], found[2], found[3].strip()
        raise AssertionError(
            f"no self-check within {seconds} s: {self.heard[seen:].decode('utf-8', 'replace')}"
        )

    @property
    def _now_s(self) -> float:
        return self.rig.clock.now_us / 1e6

    # ****** The line ******

    def _listen(self) -> None:
        assert self.runner.emulator
        self.runner.emulator.console.on_data = self._hear

    def _type(self, data: bytes) -> None:
        if self.runner.emulator:
            self.runner.emulator.console.send(data)

    def _hear(self, data: bytes) -> None:
        self.heard += data
        # Nobody reads if no program has the port open.
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)
