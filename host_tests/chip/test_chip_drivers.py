"""Rung 3: the drivers of bus, clock, relay and metering chip as .mpy, each against its model.

The models are at the emulated pins.

Memory, display and UART are in test_chip_parts.py, the T=0 line in test_chip_line.py, pulses in
test_chip_pulses.py.
"""

import json
from pathlib import Path

import pytest

from chip_bench import ChipBench
from dianka.bench.models import fram
from dianka.bench.models.ds3231 import ADDRESS, Ds3231
from dianka.bench.models.hlw8032 import Hlw8032Model
from dianka.bench.models.hlw8032_frame import Fault
from dianka.bench.models.i2c_lines import BusLines
from dianka.bench.models.mains import Mains
from dianka.bench.models.relay import ContactFault, LatchingRelay

CLOCK = """
    import time
    from machine import I2C, Pin
    from ds3231 import Ds3231
    time.sleep_ms(30)
    clock = Ds3231(I2C(0, sda=Pin(16), scl=Pin(17), freq=400_000))
    print(clock.read_seconds(), clock.fault)
    clock.set(820_540_799)
    print(clock.read_seconds(), clock.fault)
    time.sleep_ms(1500)
    print(clock.read_seconds(), clock.read_local_minute())
"""
STUCK = """
    import time
    from i2c_bus import I2cBus
    start_us = time.ticks_us()
    bus = I2cBus(0, sda=16, scl=17, timeout_us=10_000)
    took_us = time.ticks_diff(time.ticks_us(), start_us)
    print(bus.readfrom_mem(0x50, 0, 3, addrsize=16), took_us < LIMIT_US)
"""
RELAY = """
    import asyncio
    from machine import Pin
    from relay import Relay
    async def main():
        relay = Relay(Pin(21, Pin.OUT, value=0), Pin(22, Pin.OUT, value=0), Pin(26, Pin.IN))
        print(relay.closed)
        for _ in range(190):  # driven again after 60, 120 and 180 s, and then a fault
            await relay.follow(True, True)
            await asyncio.sleep_ms(1000)
            if relay.fault:
                break
        print(relay.closed, relay.fault)
    asyncio.run(main())
"""
METERING = """
    import time
    from machine import UART, Pin
    from hlw8032 import Hlw8032
    chip = Hlw8032(UART(0, baudrate=4800, bits=8, parity=0, stop=1, tx=Pin(0), rx=Pin(1), \
rxbuf=256))
    for _ in range(20):
        time.sleep_ms(100)
        chip.poll()
    print([chip.voltage_mv, chip.current_ma, chip.power_mw, chip.register, chip.pulse_pj, \
chip.reports])
    chip_lost = chip.skipped
    for _ in range(10):
        time.sleep_ms(100)
        chip.poll()
    print([chip.skipped - chip_lost, chip.reports])
"""


def test_the_clock_chip_is_set_and_read(tmp_path: Path) -> None:
    with ChipBench(tmp_path, "ds3231") as bench:
        chip = bench.mcu.get_i2c_bus(0).devices[ADDRESS] = Ds3231(bench.clock)
        lines = bench.run(CLOCK, 2_500_000)
        assert chip.osf is False and chip.violations == []
    # New Year's Day in China, which is eight hours ahead of UTC.
    assert lines == ["None 2", "820540799 0", "820540800 2601010800"]


def test_a_silent_clock_chip_is_a_fault_and_no_time(tmp_path: Path) -> None:
    with ChipBench(tmp_path, "ds3231") as bench:
        bench.mcu.get_i2c_bus(0).devices[ADDRESS] = chip = Ds3231(bench.clock, 1000)
        chip.mute = True
        lines = bench.run(CLOCK)
    assert lines[0] == "None 1"
    assert any("OSError" in line for line in lines)


@pytest.mark.parametrize(("held", "limit_us"), [(False, 1_000), (True, 2_000)])
def test_a_bus_that_a_chip_holds_is_freed_before_it_is_built(
    tmp_path: Path, held: bool, limit_us: int
) -> None:
    """The pins of the real port, as open drains and back again, and what that takes."""
    with ChipBench(tmp_path, "i2c_bus") as bench:
        lines = BusLines(bench.mcu.make_shared_pin(16), bench.mcu.make_shared_pin(17))
        memory = bench.mcu.get_i2c_bus(0).devices[fram.ADDRESS] = fram.Mb85rc256v(
            b"abc".ljust(fram.SIZE, b"\0")
        )
        if held:
            lines.strand_sender(memory, 0b01110100, 4)
        said = bench.run(STUCK.replace("LIMIT_US", str(limit_us)))
        assert not lines.held
    assert said == ["b'abc' True"]


@pytest.mark.parametrize(
    ("fault", "said"), [(ContactFault.NONE, "True False"), (ContactFault.STUCK_OPEN, "False True")]
)
def test_the_relay_follows_and_its_feedback_tells(
    tmp_path: Path, fault: ContactFault, said: str
) -> None:
    with ChipBench(tmp_path, "relay") as bench:
        mains = Mains(bench.clock)
        pin = bench.mcu.get_pin
        relay = LatchingRelay(bench.clock, pin(21), pin(22), pin(26), mains)
        relay.fault = fault
        lines = bench.run(RELAY, 200_000_000)
        assert relay.violations == []
        assert relay.operations == 1
    assert lines == ["False", said]


def test_the_metering_chip_is_read_and_a_spoilt_report_is_not_believed(tmp_path: Path) -> None:
    with ChipBench(tmp_path, "hlw8032") as bench:
        mains = Mains(bench.clock)
        mains.set_load(2_000_000)
        port = bench.mcu.get_uart(0)
        model = Hlw8032Model(bench.clock, mains, port)
        port.settle = model.settle
        bench.clock.call_at(2_200_000, lambda: model.faults.update({Fault.CHECKSUM: 2}))
        lines = bench.run(METERING, 4_000_000)
    volts_mv, current_ma, power_mw, register, pulse_pj, reports = json.loads(lines[0])
    assert pulse_pj == model.params.pulse_pj
    assert (
        abs(volts_mv - 220_000) < 220
        and abs(power_mw - 2_000_000) < 2_000
        and abs(current_ma - 9_090) < 20
    )
    told_us = register * pulse_pj // (2_000_000 * 1000)
    assert 1_700_000 < told_us < 2_060_000
    skipped, later = json.loads(lines[1])
    assert skipped == 48
    assert reports >= 15 and 6 <= later - reports <= 8
