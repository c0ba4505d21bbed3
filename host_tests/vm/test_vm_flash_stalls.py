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


@pytest.mark.slow
@pytest.mark.parametrize("ta1", [None, 0x13], ids=["first rate", "four times"])
@pytest.mark.parametrize("at_ms", range(100, 700, 200))
@pytest.mark.parametrize("erase_us", [ERASE_US, LONGEST_ERASE_US], ids=["usual", "longest"])
def test_an_erase_in_a_session_costs_the_session_at_most(
    make: Make, ta1: int | None, at_ms: int, erase_us: int
) -> None:
    """A usual one not even that: no answer of a user's card is longer than the FIFO."""
    meter = make()
    meter.sell(500)
    card = meter.rig.bench.slot.port
    meter.rig.clock.call_after((200 + at_ms) * MS, lambda: card.stall(erase_us, FIFO))
    session = meter.run_session(USER, behaviour=Behaviour(ta1=ta1) if ta1 else None)
    if erase_us == ERASE_US:
        assert (session.code, card.lost) == (0, 0)
    meter.run_session(USER)
    assert sum("credited 500" in line for line in meter.lines) == 1
    meter.check_energy()
