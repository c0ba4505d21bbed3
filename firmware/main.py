"""Boot: the version, the board, the meter on it, run.

An exception that nobody expected restarts the meter instead of leaving it dark; an interrupt from
the console, as flashing begins with one, leaves it safe and its state kept.

This file and versions.py lie at the root of the board, outside all versions: they change as little
as can be.
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
        time.sleep_ms(2_000)  # it will be so again: time for a PC to find the port and break in
    machine.reset()
