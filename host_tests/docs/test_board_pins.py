"""What a board's board.py leaves to MicroPython's defaults must not be a pin with another use."""

import ast

from dianka.bench.models.board_pins import read_constants
from dianka.firmware import BOARDS
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
