"""Calibration under the real MicroPython: a meter, its memory, chip and load."""

import shutil
from pathlib import Path

from dianka.bench.models import bench as benches
from dianka.bench.models.board_pins import write_board_with
from dianka.bench.rungs.vm.runner import VmRunner
from dianka.firmware import BOARDS, FIRMWARE

MAIN = """
import answers, board
from meter import Meter
meter = Meter(board)
ask = lambda *words: print(repr(answers.calibrate(meter, *words)))
if meter.metering.calibration:
    print(meter.metering.calibration, meter.chip.gains)
else:
    ask("gain", 220000, 4545, 1000000, "", 825000000)
    ask("gain", 220000, 4545, 1000000, "lee", 825000000)
    ask("measure")
    ask("show")
"""


def test_micropython_calibrates_and_finds_it_at_the_next_start(tmp_path: Path) -> None:
    firmware = tmp_path / "firmware"
    shutil.copytree(FIRMWARE, firmware)
    (firmware / "main.py").write_text(MAIN)
    bench = benches.build(
        BOARDS / "rp2_pico", start_s=825_000_000, relay_closed=True, off_ppm=(15_000, 0, -20_000)
    )
    lines: list[str] = []
    runner = VmRunner(bench.mcu, firmware, BOARDS / "rp2_pico", on_line=lines.append)
    bench.mains.switch(True)
    bench.mains.set_load(1_000_000)
    bench.power_up()
    runner.start()
    runner.run_until(60_000_000)
    answers = [line for line in lines if not line.startswith("[")]
    assert answers[0] == "'who calibrates? 1 to 16 letters from A to Z, digits or signs'"
    _, gains = eval(answers[1])
    volts, amps, watts = eval(answers[2])
    assert abs(volts - 220_000) <= 22 and abs(amps - 4_545) <= 2 and abs(watts - 1_000_000) <= 500
    number, rows = eval(answers[3])
    assert number == 1 and rows == [(1, 0, 1, *gains, 825_000_000, b"lee".ljust(16))]
    lines.clear()
    runner.start()
    runner.run_until(120_000_000)
    runner.close()
    assert f"1 {gains}" in lines


ATT_MAIN = """
import answers, board
from meter import Meter
meter = Meter(board)
ask = lambda *words: print(repr(answers.calibrate(meter, *words)))
ask("gain", 220000, 4545, 1000000, "lee", 825000000)
ask("offset", 0, "lee", 825000000, 1)
ask("measure", 1)
ask("phase", 220000, 4545, 1000000, "lee", 825000000)
ask("show")
print(meter.metering.calibration, meter.chip.gains)
"""


def test_micropython_calibrates_an_att7022(tmp_path: Path) -> None:
    """The steps that want other loads are refused under this one."""
    firmware = tmp_path / "firmware"
    shutil.copytree(FIRMWARE, firmware)
    (firmware / "main.py").write_text(ATT_MAIN)
    board = write_board_with(BOARDS / "rp2_pico", "att7022", tmp_path / "board")
    bench = benches.build(
        board, start_s=825_000_000, relay_closed=True, off_ppm=(15_000, 9_000, -20_000)
    )
    lines: list[str] = []
    runner = VmRunner(bench.mcu, firmware, board, on_line=lines.append)
    bench.mains.switch(True)
    bench.mains.set_load(1_000_000)
    bench.power_up()
    runner.start()
    runner.run_until(60_000_000)
    runner.close()
    answers = [line for line in lines if not line.startswith("[")]
    shown, gains = eval(answers[0])
    assert shown[2] > 1_015_000 and len(gains) == 18
    assert "more than 10 W off" in answers[1]
    volts, amps, watts = eval(answers[2])
    assert abs(volts - 220_000) <= 22 and abs(amps - 4_545) <= 2 and abs(watts - 1_000_000) <= 500
    assert "0.45 to 0.55" in answers[3]
    number, rows = eval(answers[4])
    words = b"".join(word.to_bytes(2) for word in gains)
    assert number == 1 and rows == [(1, 0, 2, 5, words, 825_000_000, b"lee".ljust(16))]
    assert answers[5] == f"1 {gains}"
