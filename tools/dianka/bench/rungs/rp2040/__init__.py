"""Rung 3: the real RPI_PICO firmware of MicroPython in an RP2040 emulator, with the bench's models
on the emulated pins.

The emulator is the package `rp2040py`. What it does wrongly for this purpose is mended from
outside, one file for each part: usb, uart, pio, pwm, buses, flash. `ChipRunner` (runner.py) is to
the bench what `VmRunner` is on rung 2.
"""


class ChipError(Exception):
    """The emulated chip can't be run, or does not do what it was asked. One line."""
