"""Boot: the board, the meter on it, run. An exception that nobody expected restarts the meter instead of leaving it dark."""

import asyncio
import sys

import machine

import board
from meter import Meter

try:
    asyncio.run(Meter(board).run())
except Exception as error:
    sys.print_exception(error)
    machine.reset()
