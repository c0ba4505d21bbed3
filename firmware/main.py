"""Boot: choose the version, build the board, build the meter on it, run it.

An unexpected exception restarts the meter instead of leaving it dead. A keyboard interrupt from the
console, with which flashing begins, leaves it safe and its state committed.

This file and versions.py lie at the root of the board, outside all versions: they change as little
as possible.
"""

import sys
import time

import machine

import versions

meter = None
try:
    versions.enter()
    import asyncio

    import board
    from meter import Meter

    meter = Meter(board)
    asyncio.run(meter.run())
except KeyboardInterrupt:
    if meter:
        meter.stop()
    raise
except Exception as error:
    sys.print_exception(error)
    if meter is None:
        time.sleep_ms(2_000)  # the error will repeat: time for a PC to find the port and interrupt
    machine.reset()
