"""What an ESP32's UARTs lose while it writes its flash, and what that costs.

The interrupts that empty the UARTs' FIFOs of 128 characters are not in RAM and wait until the flash
answers again. A sector of a WROOM's flash takes 45 ms to erase, 400 ms at the most (W25Q32JV
datasheet, 9.6). The firmware writes its flash only around an update, never in a session.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dianka.bench.stage.stand import MS, USER, S
from dianka.cardos.t0 import Behaviour
from shared_line_kit import LineMeter

FIFO = 128
ERASE_US, LONGEST_ERASE_US = 45 * MS, 400 * MS
Make = Callable[[], LineMeter]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[LineMeter] = []

    def make_meter() -> LineMeter:
        made.append(LineMeter(tmp_path, "esp32_devkit"))
        return made[-1]

    yield make_meter
    for each in made:
        each.close()


def test_the_longest_erase_loses_no_report(make: Make) -> None:
    """400 ms are four reports of 24 characters, which the FIFO holds."""
    meter = make()
    port = meter.rig.bench.mcu.get_uart(meter.rig.bench.pins["METERING_UART"])
    for _ in range(20):
        port.stall(LONGEST_ERASE_US, FIFO)
        meter.wait(700 * MS)
    assert port.lost == 0
    meter.check_energy()


def test_a_stall_that_loses_reports_loses_no_pulse(make: Make) -> None:
    """The chip's register goes on counting, and the next report that is whole has it all."""
    meter = make()
    port = meter.rig.bench.mcu.get_uart(meter.rig.bench.pins["METERING_UART"])
    for _ in range(5):
        port.stall(2 * S, FIFO)
        meter.wait(4 * S)
    assert port.lost > 5 * 200
    meter.check_energy()


@pytest.mark.parametrize("at_ms", range(100, 900, 100))
def test_an_erase_in_a_session_costs_the_session_at_most(make: Make, at_ms: int) -> None:
    """At the first rate the FIFO holds 143 ms of characters, at four times that 36 ms."""
    meter = make()
    meter.sell(500)
    card = meter.rig.bench.slot.port
    behaviour = Behaviour(ta1=0x13) if at_ms % 200 else None
    meter.rig.clock.call_after((200 + at_ms) * MS, lambda: card.stall(ERASE_US, FIFO))
    session = meter.run_session(USER, behaviour=behaviour)
    if behaviour is None:
        assert (session.code, card.lost) == (0, 0)
    meter.run_session(USER)
    assert sum("credited 500" in line for line in meter.lines) == 1
    assert meter.rig.take_view().display.strip() != ""
    meter.check_energy()
