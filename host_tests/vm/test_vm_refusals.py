"""Rung 2: what the RP2040's port refuses, the virtual board refuses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vm_bench import VmBench

WRONG = (
    ("Pin(30)", "ValueError"),
    ("Pin(-1)", "ValueError"),
    ("Pin(2.0)", "ValueError"),
    ("Pin('GP30')", "ValueError"),
    ("Pin('LED')", "ValueError"),
    ("Pin(1, 7)", "ValueError"),
    ("Pin(1, Pin.IN, mode=1)", "TypeError"),
    ("Pin(1, Pin.OUT, pul=1)", "TypeError"),
    ("Pin(1, Pin.OUT, None, 1)", "TypeError"),
    ("Pin(1).irq(5)", "ValueError"),
    ("Pin(1).irq(print, 1)", "ValueError"),
    ("Pin(1).irq(print, hart=True)", "TypeError"),
    ("Pin(1).read()", "AttributeError"),
    ("machine.UART(3)", "ValueError"),
    ("machine.UART(0, tx=Pin(4))", "ValueError"),
    ("machine.UART(1, rx=Pin(1))", "ValueError"),
    ("machine.UART(0, '9600')", "TypeError"),
    ("machine.UART(0, baud=9600)", "TypeError"),
    ("machine.UART(0, 9600, rxbuf=40_000)", "ValueError"),
    ("machine.UART(0, 9600).irq(print)", "AttributeError"),
    ("machine.SPI(2)", "ValueError"),
    ("machine.SPI(0, sck=Pin(19))", "ValueError"),
    ("machine.SPI(0, firstbit=machine.SPI.LSB)", "NotImplementedError"),
    ("machine.SPI(0, 1000, 1)", "TypeError"),
    ("machine.SPI(0).write_readinto(b'12', bytearray(1))", "ValueError"),
    ("machine.I2C(0, sda=Pin(17))", "ValueError"),
    ("machine.I2C(0, speed=1)", "TypeError"),
    ("machine.I2C(0).readfrom_mem(0x50, 0, 1, addrsize=7)", "ValueError"),
    ("machine.PWM(Pin(1), freq=7)", "ValueError"),
    ("machine.PWM(Pin(1), 1000, 5)", "TypeError"),
    ("machine.WDT(timeout=8389)", "ValueError"),
    ("machine.WDT(1)", "ValueError"),
    ("machine.WDT(period=3)", "TypeError"),
    ("machine.freq(1)", "ValueError"),
    ("machine.ADC(0)", "AttributeError"),
    ("select.poll().register(5)", "OSError"),
    ("select.poll().modify(machine.UART(0), 1)", "OSError"),
)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VmBench]:
    with VmBench(tmp_path) as made:
        yield made


def test_wrong_arguments_are_refused_as_on_the_chip(bench: VmBench) -> None:
    source = ["import machine, select", "from machine import Pin"]
    for call, _ in WRONG:
        source += ["try:", f"    {call}", "    print('accepted')"]
        source += ["except Exception as error:", "    print(type(error).__name__)"]
    lines = bench.run("\n".join(source))
    assert [*zip((call for call, _ in WRONG), lines, strict=True)] == list(WRONG)


def test_what_the_chip_says_about_itself(bench: VmBench) -> None:
    lines = bench.run(
        "import machine\nprint(machine.freq(), machine.unique_id(), machine.reset_cause())\n"
        "machine.idle()"
    )
    assert lines == [f"125000000 {bench.runner.unit!r} 1"]
    assert bench.clock.now_us == 1000
