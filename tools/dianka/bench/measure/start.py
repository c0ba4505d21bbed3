"""Measures the firmware's size, and how long its imports take as .py and as .mpy.

A short program imports board and meter, as main.py does, and raises a pin; the emulated clock
counts from power-on to that edge. The Pico's flash is large enough for the source; its heap may not
be, since MicroPython compiles there.
"""

from collections.abc import Callable
from pathlib import Path

from dianka.bench.measure.figure import Figure
from dianka.bench.rungs.rp2040 import ChipError
from dianka.bench.rungs.rp2040.emulator import Emulator
from dianka.bench.rungs.rp2040.files import (
    STAY_SOURCE,
    build_files_image,
    compile_files,
    list_sources,
)
from dianka.bench.rungs.rp2040.image import FILES_AT, find_image, load_image
from dianka.firmware import BOARDS, FIRMWARE

BOARD = "rp2_pico"
SIZE_LIMIT = 110_000  # bytes
_PIN = 25
_WALL_LIMIT_S = 600.0
_MAIN = f"""
from machine import Pin
failed = ""
try:
    import board, meter
except Exception as error:
    failed = repr(error)
Pin({_PIN}, Pin.OUT, value=1)
import gc
gc.collect()
"""


def measure_size() -> list[Figure]:
    """Measure the files that flashing puts on the board, main.py included.

    The board's own module is a row beside the firmware.
    """
    files = compile_files(*_list_folders())
    board = len(files.pop("board.mpy"))
    firmware = sum(map(len, files.values()))
    return [
        Figure("firmware as .mpy, size of all files", firmware, "bytes", f"under {SIZE_LIMIT}"),
        Figure(f"board.mpy of {BOARD}, size", board, "bytes", ""),
    ]


def measure_start(tell: Callable[[str], None]) -> list[Figure]:
    compiled = compile_files(FIRMWARE, BOARDS / BOARD)
    tell("start from .mpy")
    mpy_ms, mpy_free = measure_import(compiled)
    tell("start from .py: the emulated chip compiles for some seconds of its own")
    py_ms, py_free = measure_import(read_sources())
    return [*make_start_rows(mpy_ms, py_ms), *_make_heap_rows(mpy_free, py_free)]


def make_start_rows(mpy_ms: int, py_ms: int) -> list[Figure]:
    """Return the rows of both starts. The limit of .mpy is .py: compiling must be worth it."""
    tenths = py_ms * 10 // mpy_ms
    return [
        Figure(
            "power-on to everything imported, .mpy (faster than .py)",
            mpy_ms,
            "ms",
            f"under {py_ms}",
        ),
        Figure("power-on to everything imported, .py", py_ms, "ms", ""),
        Figure(
            "how many times as long .py takes as .mpy", f"{tenths // 10}.{tenths % 10}", "x", ""
        ),
    ]


def _make_heap_rows(mpy_free: int, py_free: int) -> list[Figure]:
    return [
        Figure("heap free after the imports, .mpy", mpy_free, "bytes", ""),
        Figure("heap free after the imports, .py", py_free, "bytes", ""),
    ]


def read_sources() -> dict[str, bytes]:
    """Return firmware and board as source, as they are in the repository."""
    return {name: path.read_bytes() for name, path in list_sources(*_list_folders()).items()}


def measure_import(files: dict[str, bytes]) -> tuple[int, int]:
    """Import these files; return (ms from power-on to the end of the imports, heap free then).

    ChipError if an import fails.
    """
    content = {name: data for name, data in files.items() if name not in STAY_SOURCE} | {
        "main.py": _MAIN.encode()
    }
    emulator = Emulator(
        load_image(find_image()).ljust(FILES_AT, b"\xff") + build_files_image(content)
    )
    done_ns: list[int] = []

    def note_change(*_: object) -> None:
        if emulator.chip.gpio[_PIN].output_value and not done_ns:
            done_ns.append(emulator.now_ns)
            emulator.stop()

    emulator.chip.gpio[_PIN].add_listener(note_change)
    emulator.run(_WALL_LIMIT_S)
    failed = emulator.execute("print(failed)").strip()
    if failed:
        raise ChipError(f"the firmware can't be imported on the chip: {failed}")
    return done_ns[0] // 1_000_000, int(emulator.execute("print(gc.mem_free())"))


def _list_folders() -> tuple[Path, Path]:
    return FIRMWARE, BOARDS / BOARD
