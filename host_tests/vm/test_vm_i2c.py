"""MicroPython on the virtual board, bitten by its watchdog inside a byte that the memory sends."""

from pathlib import Path

import pytest

from dianka.bench.models.i2c import Loss
from dianka.bench.stage.rig import Rig

S = 1_000_000
WELL = "self-check 00000"


@pytest.mark.slow
def test_a_restart_inside_a_read_finds_memory_and_clock_again(tmp_path: Path) -> None:
    lines: list[str] = []
    rig = Rig(tmp_path, "vm")
    rig.on_log = lines.append
    mcu = rig.bench.mcu
    bus = mcu.get_i2c_bus(rig.bench.pins["I2C_BUS"])
    rig.set_clock()
    rig.switch_mains_on()
    rig.wait(3 * S)
    for count in (1, 40, 200, 400):
        for bit in (0, 4, 7):
            del lines[:]
            bus.loss = Loss(count, lambda: setattr(mcu, "bitten", True), bit)
            mcu.bitten = True  # the next start reads the memory, and ends inside of it
            rig.wait(4 * S)
            assert not bus.loss and not bus.held
            restarts = [line for line in lines if "controller restarts" in line]
            assert restarts == ["controller restarts: watchdog"] * 2
            assert [line for line in lines if WELL in line], (count, bit, lines)
            assert not [line for line in lines if "journal" in line and "blank" not in line], lines
    rig.close()
