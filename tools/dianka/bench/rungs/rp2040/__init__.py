"""Rung 3: the real RPI_PICO firmware of MicroPython in an RP2040 emulator.

The bench's models are on the emulated pins. The emulator is the package `rp2040py`. Its faults that
matter here are mended from outside, one file for each part: usb, uart, pio, pwm, buses, flash.
`ChipRunner` (runner.py) takes the place that `VmRunner` has on rung 2.
"""


class ChipError(Exception):
    """The emulated chip can't be run, or does not do what it was asked. One line."""
