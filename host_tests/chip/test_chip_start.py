"""Rung 3: the emulated clock times the start; firmware that does not import gives no figure."""

import pytest

import chip_bench  # noqa: F401  skips this module where the emulator is not here
from dianka.bench.measure.limit import is_met
from dianka.bench.measure.parts import PLANS
from dianka.bench.measure.start import make_start_rows, measure_import
from dianka.bench.rungs.rp2040 import ChipError

BIG = "".join(f"def f{n}(a, b):\n    return a * b + {n}\n" for n in range(30)).encode()


def test_what_an_import_takes_is_what_the_start_takes_longer() -> None:
    quick_ms, free = measure_import({"board.py": b"", "meter.py": b""})
    slow_ms, _ = measure_import({"board.py": b"", "meter.py": b"import time\ntime.sleep_ms(300)\n"})
    assert 0 < quick_ms < 200
    assert slow_ms - quick_ms in range(300, 320)
    big_ms, left = measure_import({"board.py": b"", "meter.py": BIG})
    assert big_ms > quick_ms + 5
    assert left < free - 1_000


@pytest.mark.parametrize("source", [b"import nowhere", b"x = bytearray(300_000)", b"def f(:"])
def test_a_firmware_that_does_not_import_is_not_a_figure(source: bytes) -> None:
    with pytest.raises(ChipError, match="can't be imported"):
        measure_import({"board.py": b"", "meter.py": source})


@pytest.mark.parametrize(
    ("py_ms", "ratio", "kept"), [(3339, "4.7", True), (709, "1.0", False), (708, "0.9", False)]
)
def test_the_start_from_mpy_is_held_against_that_from_py(
    py_ms: int, ratio: str, kept: bool
) -> None:
    mpy, py, times = make_start_rows(709, py_ms)
    assert (mpy.name, mpy.value, mpy.limit) == (
        "power-on to everything imported, .mpy (faster than .py)", 709, f"under {py_ms}"
    )  # fmt: skip
    assert (is_met(mpy), py.value, times.value, times.unit, is_met(times)) == (
        kept,
        py_ms,
        ratio,
        "x",
        None,
    )
    assert all(any(words in row.name for row in (mpy, py)) for words in PLANS["start"].owed)
