"""Waiting on a T=0 line to the etu.

A tick of the scheduler is 10 etu at 9600 and 40 at four times that; a turn of the other tasks takes a quarter of a tick at
least. So the last two ticks of every wait are sat out, behind a turn of the others; they have one in every two ticks at least.
A chip that is still silent a few ticks later is looked at every tick.
"""

import asyncio
import time

from micropython import const

_CHAR_ETU = const(12)
_TICKS_US = const(2_000)
_SHORT_US = const(400)
_BUSY_MS = const(4)


async def rest_until(when_us) -> None:
    """Wait until `time.ticks_us()` is there, to the microsecond. Other tasks run, unless it is a matter of a few etu."""
    left_us = time.ticks_diff(when_us, time.ticks_us())
    if left_us > _SHORT_US:
        await asyncio.sleep_ms(left_us // 1000 - 1 if left_us > _TICKS_US else 0)
        left_us = time.ticks_diff(when_us, time.ticks_us())
    if left_us > 0:
        time.sleep_us(left_us)


async def wait_for(missing, etu_ns: int, wait_ms: int, deadline_ms) -> None:
    """Until `missing()` characters are 0, or one is late by more than `wait_ms`, or `deadline_ms` has come."""
    left = missing()
    since_ms = time.ticks_ms()
    others_us = time.ticks_us()
    while left > 0:
        if left == 1 and time.ticks_diff(time.ticks_ms(), since_ms) >= _BUSY_MS:
            await asyncio.sleep_ms(1)
        elif time.ticks_diff(time.ticks_us(), others_us) > _TICKS_US:
            await asyncio.sleep_ms(0)
            others_us = time.ticks_us()
        else:
            await rest_until(time.ticks_add(time.ticks_us(), ((left - 1) * _CHAR_ETU + 1) * etu_ns // 1000))
        now = missing()
        if now != left:
            left, since_ms = now, time.ticks_ms()
        elif time.ticks_diff(time.ticks_ms(), since_ms) > wait_ms:
            return
        if deadline_ms is not None and time.ticks_diff(time.ticks_ms(), deadline_ms) > 0:
            return
