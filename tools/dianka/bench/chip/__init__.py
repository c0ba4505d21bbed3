"""Rung 3: the real RPI_PICO firmware of MicroPython in an RP2040 emulator, with the bench's models on the emulated pins.

The emulator is the package `rp2040py`. What it does wrongly for this purpose is mended from outside, one file for each part:
usb, uart, pio, pwm, buses, flash. `ChipRunner` (runner.py) is to the bench what `VmRunner` is on rung 2.
"""

FIRST_LINE_PORT = 16  # UARTs have the numbers below


def line_port(constants: dict[str, int], name: str) -> int:
    """The bench's serial port of the T=0 line `name` ("CARD", "ESAM") of a board: its UART's, or one of its PIO pin's own."""
    uart = constants.get(f"{name}_UART")
    return FIRST_LINE_PORT + constants[f"{name}_IO"] if uart is None else uart


class ChipError(Exception):
    """The emulated chip can't be run, or does not do what it was asked. One line."""
