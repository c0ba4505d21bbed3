"""The T=0 lines of a board with PIO, by characters: rung 1 has no PIO, and no bits on its wires.

The board's own file asks for `line_pio.PioLine`. It gets the firmware's `line_uart.UartLine` on a
UART of that pin's own, which hears its own echo as a UART does.
"""

import types
from collections.abc import Callable
from typing import Any

from dianka.bench.models.board_pins import FIRST_LINE_PORT

_BAUD = 9600


def make_line_module(import_module: Callable[[str], types.ModuleType]) -> types.ModuleType:
    """Return the module `line_pio` of one start of the firmware."""
    uart_line: Any = vars(import_module("line_uart"))["UartLine"]
    uart: Any = vars(import_module("machine"))["UART"]

    def pio_line(io: Any, power: Any, reset: Any, clock: Any, sm: int) -> Any:
        port = FIRST_LINE_PORT + io._number
        wire = uart(port, _BAUD, bits=8, parity=0, stop=2, rxbuf=300)
        return uart_line(wire, power, reset, clock, _BAUD)

    module = types.ModuleType("line_pio")
    vars(module)["PioLine"] = pio_line
    return module


def make_filter_module(_: Callable[[str], types.ModuleType]) -> types.ModuleType:
    """Return the module `pio_filter`: without PIO, machine.Counter filters as far as it can."""
    module = types.ModuleType("pio_filter")
    vars(module)["long_pulses"] = None
    return module


STAND_INS = {"line_pio": make_line_module, "pio_filter": make_filter_module}
