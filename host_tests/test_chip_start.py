"""Rung 3: the start is timed by the emulated chip's clock, and a firmware that does not import gives no figure."""

import pytest

import chip_bench  # noqa: F401  skips this module where the emulator is not here
from dianka.bench.chip import ChipError
from dianka.bench.chip.startfigures import import_ms

BIG = "".join(f"def f{n}(a, b):\n    return a * b + {n}\n" for n in range(30)).encode()


def test_what_an_import_takes_is_what_the_start_takes_longer() -> None:
    quick_ms, free = import_ms({"board.py": b"", "meter.py": b""})
    slow_ms, _ = import_ms({"board.py": b"", "meter.py": b"import time\ntime.sleep_ms(300)\n"})
    assert 0 < quick_ms < 200
    assert slow_ms - quick_ms in range(300, 320)
    big_ms, left = import_ms({"board.py": b"", "meter.py": BIG})
    assert big_ms > quick_ms + 5
    assert left < free - 1_000


@pytest.mark.parametrize("source", [b"import nowhere", b"x = bytearray(300_000)", b"def f(:"])
def test_a_firmware_that_does_not_import_is_not_a_figure(source: bytes) -> None:
    with pytest.raises(ChipError, match="can't be imported"):
        import_ms({"board.py": b"", "meter.py": source})
