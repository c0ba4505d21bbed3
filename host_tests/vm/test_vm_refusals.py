"""Rung 2: what a chip's port refuses, the virtual board refuses, with the same kind of error."""

from pathlib import Path

import pytest

from port_refusals import ESP32, RP2, RP2040, RP2350, make_source
from vm_bench import VmBench

WRONG = (
    ("Pin(2.0)", "ValueError"),
    ("Pin(1, Pin.IN, mode=1)", "TypeError"),
    ("Pin(1, Pin.OUT, pul=1)", "TypeError"),
    ("Pin(1, Pin.OUT, None, 1)", "TypeError"),
    ("Pin(1).irq(5)", "ValueError"),
    ("Pin(1).irq(print, hart=True)", "TypeError"),
    ("Pin(1).read()", "AttributeError"),
    ("machine.ADC(0)", "AttributeError"),
    ("select.poll().register(5)", "OSError"),
    ("select.poll().modify(machine.UART(1, 9600, tx=Pin(4), rx=Pin(5)), 1)", "OSError"),
)
TABLES = {"RP2040": RP2 + RP2040, "RP2350": RP2 + RP2350, "ESP32": ESP32}


@pytest.mark.parametrize("chip", TABLES)
def test_wrong_arguments_are_refused_as_on_the_chip(tmp_path: Path, chip: str) -> None:
    table = TABLES[chip] + WRONG
    with VmBench(tmp_path, chip) as bench:
        lines = bench.run("import select\n" + make_source(table))
    assert [*zip((call for call, _ in table), lines, strict=True)] == list(table)


@pytest.mark.parametrize(
    ("chip", "hertz", "number"),
    [("RP2040", 125_000_000, 8), ("RP2350", 150_000_000, 8), ("ESP32", 160_000_000, 6)],
)
def test_what_the_chip_says_about_itself(
    tmp_path: Path, chip: str, hertz: int, number: int
) -> None:
    with VmBench(tmp_path, chip) as bench:
        lines = bench.run(
            "import machine\nprint(machine.freq(), machine.unique_id(), machine.reset_cause())\n"
            "machine.idle()"
        )
        assert lines == [f"{hertz} {bench.runner.unit[:number]!r} 1"]
        assert bench.clock.now_us == 1000


def test_an_esp32_counts_its_time_from_2000(tmp_path: Path) -> None:
    with VmBench(tmp_path, "ESP32") as bench:
        lines = bench.run(
            "import time\nprint(time.time(), time.gmtime(0)[:3], "
            "time.mktime((2000, 1, 2, 0, 0, 0, 0, 0)))"
        )
    assert lines == ["0 (2000, 1, 1) 86400"]


def test_pins_of_one_slice_share_what_the_rp2040_shares(tmp_path: Path) -> None:
    """GP12 and GP13 the frequency, GP12 and GP28 the duty too; the port refuses neither."""
    with VmBench(tmp_path) as bench:
        bench.run(
            """
            from machine import PWM, Pin
            card = PWM(Pin(12), freq=3_571_428, duty_u16=32768)
            other = PWM(Pin(13), freq=1_000_000, duty_u16=32768)
            same = PWM(Pin(28), duty_u16=1000)
            """
        )
        assert bench.mcu.pwm == {
            12: (1_000_000, 1000), 13: (1_000_000, 32768), 28: (1_000_000, 1000)
        }  # fmt: skip


def test_what_an_esp32_s_divider_makes_of_a_card_clock(tmp_path: Path) -> None:
    with VmBench(tmp_path, "ESP32") as bench:
        lines = bench.run(
            """
            from machine import PWM, Pin
            for hertz in (4_000_000, 3_571_200, 1_000, 40_000_000):
                print(PWM(Pin(4), freq=hertz, duty_u16=32768).freq())
            """
        )
    assert lines == ["4000000", "3575419", "998", "40000000"]
