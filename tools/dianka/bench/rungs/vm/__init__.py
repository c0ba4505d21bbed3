"""Rung 2: the firmware under the real MicroPython, on the virtual board."""
