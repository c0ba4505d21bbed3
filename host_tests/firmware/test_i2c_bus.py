"""A controller that stops in the middle of a byte on the I2C bus, and the bus at its next start."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dianka.bench.models import bench as benches
from dianka.bench.models.bench import Bench
from dianka.bench.models.i2c import I2cBus, Loss
from dianka.bench.rungs.host.runner import HostRunner
from dianka.firmware import BOARDS, FIRMWARE
from meter_kit import MS, MeterKit, S, exact, in_use

BOARD = BOARDS / "rp2_pico"
RECORD = bytes(range(0x40, 0x68)) + bytes(8) + b"\xff" * 8  # mixed bits, all zeros, all ones
TIME_S = 820_540_800
TIMED_OUT = 110


class Gone(BaseException):
    """The firmware ends here."""


class Start:
    """The bench's bus with memory and clock, and of the firmware board and drivers alone."""

    def __init__(self) -> None:
        self.bench: Bench = benches.build(BOARD, TIME_S)
        self.bench.power_up()
        self.bus: I2cBus = self.bench.mcu.get_i2c_bus(self.bench.pins["I2C_BUS"])
        self.runner = HostRunner(self.bench.mcu, FIRMWARE, BOARD, print)
        self.restart()

    def restart(self) -> None:
        """The controller alone starts anew."""
        self.runner.prepare(3)
        i2c = self.runner.import_module("board").i2c()
        self.fram: Any = self.runner.import_module("fram").Fram(i2c)
        self.clock: Any = self.runner.import_module("ds3231").Ds3231(i2c)

    def lose(self, act: Callable[[], object], count: int, bit: int, reading: bool = True) -> None:
        """The watchdog bites in this byte of what `act` transfers."""

        def gone() -> None:
            raise Gone

        self.bus.loss = Loss(count, gone, bit, reading)
        with pytest.raises(Gone):
            act()

    def well(self) -> bool:
        """Whether memory and clock answer right at the first try."""
        second = self.bench.clock.now_us // 1_000_000
        return (
            self.fram.read(0, len(RECORD)) == RECORD
            and self.clock.read_seconds() == TIME_S + second
        )


@pytest.fixture(scope="module")
def start() -> Start:
    start = Start()
    start.fram.write(0, RECORD)
    return start


@pytest.mark.parametrize("bit", range(9))
def test_a_read_of_the_memory_may_end_in_any_bit(start: Start, bit: int) -> None:
    held = 0
    for count in range(1, len(RECORD) + 1):
        start.lose(lambda: start.fram.read(0, len(RECORD)), count, bit)
        held += start.bus.held
        start.restart()
        assert start.well(), (count, bit)
    assert held == sum(not byte >> 7 - bit & 1 for byte in RECORD) if bit < 8 else not held


@pytest.mark.parametrize("bit", range(9))
def test_a_read_of_the_clock_may_end_in_any_bit(start: Start, bit: int) -> None:
    for count in range(1, 9):  # status, then the seven registers of the time
        start.lose(start.clock.read_seconds, count, bit)
        start.restart()
        assert start.well(), (count, bit)


def test_a_write_may_end_in_any_acknowledge_and_nothing_else_is_written(start: Start) -> None:
    """Nine clocks without a look at SDA would be a byte FFH to the memory."""
    old = start.bench.fram.content
    for count in range(1, len(RECORD) + 3):  # two bytes of address first
        start.lose(lambda: start.fram.write(0x1000, RECORD), count, 8, reading=False)
        assert start.bus.held
        start.restart()
        assert start.well(), count
        landed = max(count - 2, 0)
        assert start.bench.fram.content == old[:0x1000] + RECORD[:landed] + old[0x1000 + landed :]
        start.bench.fram.load(old)


@pytest.mark.parametrize("chip", ["fram", "clock"])
def test_a_bus_that_gets_stuck_at_work_is_freed_at_the_second_error(
    start: Start, chip: str
) -> None:
    """A disturbance on SCL: the chip waits for clocks that the controller believes it has given."""
    lines, model = (
        start.bench.i2c_lines,
        start.bench.fram if chip == "fram" else start.bench.clock_chip,
    )
    lines.strand_sender(model, 0x00, 3)
    with pytest.raises(OSError, match=str(TIMED_OUT)):
        start.fram.read(0, 1)
    assert start.well() and not start.bus.held


def test_a_line_that_stays_low_costs_one_try_more_and_no_loop(start: Start) -> None:
    clocks: list[int] = []
    scl = start.bench.mcu.get_pin(start.bench.pins["SCL"])
    scl.listeners.append(clocks.append)
    start.bench.mcu.get_pin(start.bench.pins["SDA"]).hold(True)  # type: ignore[attr-defined]
    for _ in range(4):
        with pytest.raises(OSError, match=str(TIMED_OUT)):
            start.fram.read(0, 1)
    assert clocks.count(0) == 2 * (9 + 1)
    start.bench.mcu.get_pin(start.bench.pins["SDA"]).hold(False)  # type: ignore[attr-defined]
    assert start.well()
    scl.listeners.remove(clocks.append)


def test_a_free_bus_is_not_touched(start: Start) -> None:
    moved: list[int] = []
    for name in ("SDA", "SCL"):
        start.bench.mcu.get_pin(start.bench.pins[name]).listeners.append(moved.append)
    begin_us = start.bench.clock.now_us
    start.restart()
    assert start.well()
    assert (moved, start.bench.clock.now_us) == ([], begin_us)


def test_a_chip_that_is_absent_is_an_error_each_time(start: Start) -> None:
    start.bench.fram.mute = True
    for _ in range(5):
        with pytest.raises(OSError, match="5"):
            start.fram.read(0, 1)
    assert start.clock.read_seconds() is not None
    start.bench.fram.mute = False
    assert start.well()


# ****** A whole meter ******


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 7, 60, 200, 700, 1500])
@pytest.mark.parametrize("bit", [0, 3, 7])
def test_a_watchdog_inside_a_read_costs_the_meter_nothing(
    tmp_path: Path, count: int, bit: int
) -> None:
    """The restart finds memory and clock again; journal and ESAM agree, and no fault stands."""
    kit = MeterKit.new(tmp_path)
    in_use(kit, 2000)
    kit.rig.set_load(2_200_000)
    kit.wait(30 * S)
    kit.rig.bench.mcu.bitten = True  # the next start reads the whole journal
    bus = kit.rig.bench.mcu.get_i2c_bus(kit.rig.bench.pins["I2C_BUS"])
    starts = len(kit.lines)
    bus.loss = Loss(count, lambda: setattr(kit.rig.bench.mcu, "bitten", True), bit)
    kit.wait(6 * S)
    assert sum("controller restarts" in line for line in kit.lines[starts:]) == 2 and not bus.loss
    exact(kit)
    assert kit.meter.pages.list_faults() == [] and not kit.meter.store.unread
    assert kit.meter.self_check.code[:5] == "00000"
    assert kit.relay_closed and kit.list_violations() == []
    kit.close()


def test_a_bus_that_stays_stuck_at_the_start_is_found_free_later(tmp_path: Path) -> None:
    """SDA low from outside for 3 s: the meter starts without the memory, and adopts it later."""
    kit = MeterKit.new(tmp_path)
    in_use(kit, 2000)
    sda = kit.rig.bench.mcu.get_pin(kit.rig.bench.pins["SDA"])
    sda.hold(True)  # type: ignore[attr-defined]
    kit.bite()
    assert kit.meter.store.unread and "Err-06" in kit.meter.pages.list_faults()
    sda.hold(False)  # type: ignore[attr-defined]
    kit.wait(3 * S)
    assert not kit.meter.store.unread
    exact(kit)
    kit.wait(900 * S + 500 * MS)
    assert kit.meter.pages.list_faults() == []
    kit.close()
