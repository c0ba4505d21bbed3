"""What a board's board.py leaves to MicroPython's defaults must not be a pin with another use."""

import ast
import re

import pytest

from dianka.bench.models.board_pins import read_constants
from dianka.firmware import BOARDS, ROOT
from dianka.wiring.parts import BOARDS as PICTURED

FLASH = range(6, 12)  # IO6 to IO11 of a WROOM-32
DEFAULTS = {"UART": {"tx", "rx"}, "SPI": {"sck", "mosi", "miso"}, "I2cBus": {"sda", "scl"}}
ESP32 = BOARDS / "esp32_devkit"


def buses() -> list[ast.Call]:
    tree = ast.parse((ESP32 / "board.py").read_text(encoding="utf-8"))
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    return [call for call in calls if call.func.id in DEFAULTS]


def test_every_bus_of_the_esp32_names_all_its_pins() -> None:
    """The port gives a bus the pins that it is not told.

    UART1 sends on IO10, which is the flash's.
    """
    found = buses()
    assert {call.func.id for call in found} == set(DEFAULTS)
    for call in found:
        assert DEFAULTS[call.func.id] <= {keyword.arg for keyword in call.keywords}, ast.unparse(
            call
        )


def test_no_pin_of_the_esp32_is_the_flash_s() -> None:
    pins, board = read_constants(ESP32), PICTURED["esp32_devkit"]
    assert not [
        row.name
        for part in board.left + board.right
        for row in part.rows
        if pins[row.name] in FLASH
    ]


@pytest.mark.parametrize(
    ("name", "column"), [("rp2_pico", 1), ("rp2_pico2", 1), ("esp32_devkit", 2)]
)
def test_the_att7022_s_pins_on_the_page_are_the_board_s_and_have_no_other_use(
    name: str, column: int
) -> None:
    """It takes the places of the HLW8032's wires, or free ones, and the display's bus."""
    pins = read_constants(BOARDS / name)
    page = (ROOT / "docs" / "hardware.md").read_text(encoding="utf-8")
    table = page.partition("| ATT7022E | Pico |")[2].partition("\n\n")[0]
    cells = [row.split("|")[column + 1].strip() for row in table.splitlines()[2:]]
    found = [re.fullmatch(r"(GP|IO)(\d+) `(\w+)`", cell) for cell in cells]
    assert [(int(each[2]), pins[each[3]]) for each in found if each] == [
        (pins[constant], pins[constant])
        for constant in ("DISPLAY_SCK", "DISPLAY_DIO", "ATT7022_SELECT", "ATT7022_MISO")
    ]
    board = PICTURED[name]
    others = [row.name for part in board.left + board.right for row in part.rows]
    taken = {pins[other] for other in others if other not in ("METERING_RX", "PULSE")}
    assert not taken & {pins["ATT7022_SELECT"], pins["ATT7022_MISO"]}


def test_the_pico_s_att7022_answers_at_a_pin_that_its_spi_reaches() -> None:
    """RP2040 datasheet 1.4.3: SPI0 RX is at GP0, 4, 16 and 20."""
    assert read_constants(BOARDS / "rp2_pico")["ATT7022_MISO"] in (0, 4, 16, 20)
