"""Rung 3: a task of the meter that hangs.

The watchdog bites, the meter counts on, and nobody's lights go out.

One file in the chip's flash is exchanged for one that hangs for as long as the mains is above 240
V: it sleeps in a loop that asyncio never gets out of, since a loop that works would take 20 times
as long here as it does on a desk.
"""

from pathlib import Path

from test_chip_story import UNCOMMITTED_PJ, remembered

import chip_bench
from dianka.bench.measure.meter import prepare
from dianka.bench.rungs.rp2040.files import compile_module
from dianka.bench.stage.rig import Rig
from dianka.firmware import FIRMWARE

WATCHDOG_US = 8_000_000
LOAD_MW = 2_000_000
HEALTHY = "    def update(self) -> None:\n"
HANGS = """
        while self._metering.chip.voltage_mv > 240_000:
            time.sleep_ms(100)
"""


def compile_hanging_pages(folder: Path) -> bytes:
    source = (FIRMWARE / "pages.py").read_text(encoding="utf-8")
    assert source.count(HEALTHY) == 1
    path = folder / "pages.py"
    path.write_text(
        "import time\n" + source.replace(HEALTHY, HEALTHY + HANGS.lstrip("\n")), encoding="utf-8"
    )
    return compile_module(path)


def test_a_task_that_hangs_is_bitten_and_the_meter_counts_on(tmp_path: Path) -> None:
    home, other = tmp_path / "meter", tmp_path / "other"
    other.mkdir()
    prepare(home)
    rig = Rig(home, "chip")
    assert isinstance(rig.runner, chip_bench.ChipRunner)
    rig.runner.extra_files = {"pages.mpy": compile_hanging_pages(other)}
    lines: list[str] = []
    rig.on_log = lines.append
    rig.set_load(LOAD_MW)
    rig.switch_mains_on()
    rig.wait(2_500_000)
    assert rig.take_view().relay_closed and rig.take_view().display.strip()
    relay, began_pj = rig.bench.relay, remembered(rig).energy_pj - rig.bench.mains.energy_nj * 1000
    moved = relay.operations
    rig.set_volts(245_000)
    rig.wait(WATCHDOG_US - 1_500_000)
    assert not any("restarts" in line for line in lines)
    for _ in range(60):  # the volts must be well when it looks again, or it would hang again
        rig.wait(50_000)
        if any("restarts" in line for line in lines):
            break
    rig.set_volts(220_000)
    rig.wait(2_500_000)
    assert [line for line in lines if "restarts" in line] == ["controller restarts: watchdog"], (
        lines
    )
    rig.set_load(0)
    rig.wait(700_000)
    missing_pj = rig.bench.mains.energy_nj * 1000 + began_pj - remembered(rig).energy_pj
    assert abs(missing_pj) <= 2 * UNCOMMITTED_PJ  # what is not committed, before and after
    assert (relay.operations, relay.closed, relay.violations) == (moved, True, [])
    assert rig.take_view().display.strip()
    rig.close()
