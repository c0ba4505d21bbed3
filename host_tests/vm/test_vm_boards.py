"""Rung 2: each board's own file is built as it is, and refused where a pin breaks a rule.

The files are those of boards/, loaded by the real MicroPython with the rules of the board's chip.
A broken one differs by the one line that is named here.
"""

import re
from pathlib import Path

import pytest

from dianka.bench.models import bench as benches
from dianka.bench.models.board_pins import write_board_with
from dianka.bench.rungs.vm.runner import VmRunner
from dianka.firmware import BOARDS, FIRMWARE

BUILD = """
import asyncio
import board
parts = [
    board.metering_chip(), board.memory(), board.clock(), board.card_line(), board.esam_line(),
    board.display(), board.relay_close(), board.relay_open(), board.relay_feedback(), board.key(),
    board.slot_switch(), board.power_fail(), board.buzzer(), board.pulse_counter(),
]
if hasattr(board, "case_contact"):
    board.case_contact()
async def activate():
    for line in parts[3:5]:
        await line.activate()
asyncio.run(activate())
print("built")
"""


def write(line: str) -> str:
    """Return `NAME = number` as a board's file has it."""
    return re.sub(r"^([A-Z]\w+) = ([0-9_]+)$", r"_\1 = const(\2)", line)


def build_board(folder: Path, name: str, old: str = "", new: str = "") -> str:
    """Return the last line of building all parts of a board, or why its chip does not start."""
    board = folder / "board"
    write_board_with(BOARDS / name, "hlw8032", board)
    text = (board / "board.py").read_text(encoding="utf-8")
    old, new = write(old), write(new)
    assert not old or text.count(old) == 1, "the line to break is not there, or not alone"
    (board / "board.py").write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
    (board / "try_board.py").write_text(BUILD, encoding="utf-8")
    bench = benches.build(board)
    bench.mains.switch(True)
    bench.power_up()
    with VmRunner(bench.mcu, FIRMWARE, board) as runner:
        runner.main = "try_board"
        runner.start()
        runner.run_until(bench.clock.now_us + 10_000_000)
        ended = runner.ended or "still running"
        return ended if ended.startswith("no start") else runner.last_lines[-1]


REAL = sorted(path.parent.name for path in BOARDS.glob("*/board.toml"))


@pytest.mark.parametrize("name", REAL)
def test_a_board_is_built_as_it_is(tmp_path: Path, name: str) -> None:
    assert build_board(tmp_path, name) == "built"


BROKEN = [
    # RP2040: functions by pin (datasheet 1.4.3), PIO memory and state machines (3), DMA (2.5).
    ("rp2_pico", "METERING_RX = 1", "METERING_RX = 5", "ValueError: bad RX pin"),
    ("rp2_pico", "METERING_UART = 0", "METERING_UART = 1", "ValueError: bad RX pin"),
    ("rp2_pico", "METERING_UART = 0", "METERING_UART = 2", "ValueError: UART(2) doesn't exist"),
    ("rp2_pico", "SDA = 16", "SDA = 18", "ValueError: bad SDA pin"),
    ("rp2_pico", "I2C_BUS = 0", "I2C_BUS = 1", "ValueError: bad SCL pin"),
    ("rp2_pico", "DISPLAY_SCK = 18", "DISPLAY_SCK = 26", "ValueError: bad SCK pin"),
    ("rp2_pico", "DISPLAY_DIO = 19", "DISPLAY_DIO = 22", "ValueError: bad MOSI pin"),
    ("rp2_pico", "KEY = 27", "KEY = 30", "ValueError: invalid pin"),
    ("rp2_pico", "PULSE_SM = 4", "PULSE_SM = 8", "ValueError: invalid StateMachine"),
    # T=0 fills block 0: nothing else has room there.
    ("rp2_pico", "PULSE_SM = 4", "PULSE_SM = 3", "OSError: [Errno 12] ENOMEM"),
    ("rp2_pico", "CARD_CLOCK_HZ = 3_571_428", "CARD_CLOCK_HZ = 7", "ValueError: freq too small"),
    # ESP32: inputs 34 to 39, the flash's 6 to 11, UARTs, buses, LEDC, PCNT.
    ("esp32_devkit", "RELAY_CLOSE = 32", "RELAY_CLOSE = 34", "ValueError: pin can only be input"),
    ("esp32_devkit", "SLOT_SWITCH = 23", "SLOT_SWITCH = 37", "ValueError: pin 37 has no pull"),
    ("esp32_devkit", "KEY = 15", "KEY = 8", "ValueError: pin 8 belongs to the flash"),
    ("esp32_devkit", "KEY = 15", "KEY = 24", "ValueError: invalid pin"),
    (
        "esp32_devkit", "        tx=Pin(_DISPLAY_STROBE),\n", "",
        "ValueError: pin 10 belongs to the flash",
    ),
    ("esp32_devkit", "METERING_UART = 1", "METERING_UART = 0", "ValueError: UART(0) is"),
    ("esp32_devkit", "METERING_UART = 1", "METERING_UART = 3", "ValueError: UART(3) doesn't exist"),
    ("esp32_devkit", "CARD_TX = 17", "CARD_TX = 38", "OSError: (-1, 'ESP_FAIL')"),
    ("esp32_devkit", "rxbuf=256", "rxbuf=100", "OSError: (-1, 'ESP_FAIL')"),
    ("esp32_devkit", "I2C_BUS = 0", "I2C_BUS = 2", "ValueError: I2C(2) doesn't exist"),
    ("esp32_devkit", "SCL = 22", "SCL = 36", "ValueError: pin can only be input"),
    ("esp32_devkit", "timeout_us=10_000", "timeout_us=20_000", "ValueError: timeout exceeds 13107"),
    ("esp32_devkit", "DISPLAY_SPI = 1", "DISPLAY_SPI = 0", "ValueError: SPI(0) doesn't exist"),
    ("esp32_devkit", "DISPLAY_SCK = 14", "DISPLAY_SCK = 35", "OSError: invalid configuration"),
    (
        "esp32_devkit", "CARD_CLOCK_HZ = 4_000_000", "CARD_CLOCK_HZ = 41_000_000",
        "ValueError: frequency must be from 1Hz to 40MHz",
    ),
    ("esp32_devkit", "PULSE_UNIT = 0", "PULSE_UNIT = 8", "ValueError: invalid id"),
    # Strapping pins: the key's pull-up at IO12, and a contact that is low at IO0.
    ("esp32_devkit", "KEY = 15", "KEY = 12", "no start: IO12 is 1 at reset: its flash gets 1.8 V"),
    (
        "esp32_devkit", "CARD_RESET = 12", "CARD_RESET = 0",
        "no start: IO0 is 0 at reset: it waits for a download",
    ),
    # A board with PIO on a chip without: no rp2 to import.
    ("esp32_devkit", "from line_shared", "import rp2\nfrom line_shared", "ImportError: no module"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    BROKEN,
    ids=[f"{name} {new.strip() or old.strip()}" for name, old, new, _ in BROKEN],
)
def test_a_board_that_breaks_a_rule_is_refused(
    tmp_path: Path, name: str, old: str, new: str, said: str
) -> None:
    assert build_board(tmp_path, name, old, new).startswith(said)
