"""Waiting on a T=0 line to the etu, with the other tasks where the line has room for them.

A turn of the other tasks may hold a debit and a commit of the journal, which take some 14 ms on the chip; behind a header of 5
characters, which takes 6, it would keep the line waiting. So they have their turn in waits that are longer, and the last 14 ms
of those are sat out. The longer they have waited, the shorter a wait will do, but not one behind a header; after 28 ms any. A
chip that is still silent after a few ms is looked at every ms. What the session itself has to work out or to keep is done in a
wait of its own that has room for it (`beside`), not in the same as a turn of the others behind a short header.
"""

import asyncio
import time

from micropython import const

_CHAR_ETU = const(12)
_ROOM_US = const(14_000)
_SHORT_US = const(400)
_LONG_US = const(28_000)
_BUSY_MS = const(4)

_turn_us = 0  # when the others had their last one
_spare = None  # (microseconds, work) to be done in the next wait that is longer


async def beside(talk, work, takes_us: int) -> tuple:
    """What `talk` and `work()` bring. The work is done while characters of the talk pass, or once that has ended or failed."""
    global _spare
    brought, failed = [], []

    def once() -> None:
        try:
            brought.append(work())
        except Exception as error:
            failed.append(error)  # thrown when the talk is over: the line has no use for it

    _spare = (takes_us, once)
    try:
        told = await talk
    finally:
        _spare = None
        if not brought and not failed:
            once()
    if failed:
        raise failed[0]
    return told, brought[0]


async def rest_until(when_us) -> None:
    """Wait until `time.ticks_us()` is there, to the microsecond. Other tasks run if there is room for them."""
    left_us = _use(when_us, time.ticks_diff(when_us, time.ticks_us()))
    if left_us > _room_us():
        await _others(max(left_us - _ROOM_US, 0) // 1000)
        left_us = time.ticks_diff(when_us, time.ticks_us())
    if left_us > 0:
        time.sleep_us(left_us)


async def wait_for(missing, etu_ns: int, wait_ms: int, deadline_ms) -> None:
    """Until `missing()` characters are 0, or one is late by more than `wait_ms`, or `deadline_ms` has come."""
    left = missing()
    since_ms = time.ticks_ms()
    while left > 0:
        if left == 1 and time.ticks_diff(time.ticks_ms(), since_ms) >= _BUSY_MS:
            await _others(1)
        elif _room_us() == _SHORT_US:
            await _others(0)
        else:
            await rest_until(time.ticks_add(time.ticks_us(), ((left - 1) * _CHAR_ETU + 1) * etu_ns // 1000))
        now = missing()
        if now != left:
            left, since_ms = now, time.ticks_ms()
        elif time.ticks_diff(time.ticks_ms(), since_ms) > wait_ms:
            return
        if deadline_ms is not None and time.ticks_diff(time.ticks_ms(), deadline_ms) > 0:
            return


def _use(when_us, left_us: int) -> int:
    """Do what is to be done beside the line, if there is time until `when_us`; how long is left."""
    global _spare
    if _spare is None or left_us <= _spare[0]:
        return left_us
    _, work = _spare
    _spare = None
    work()
    return time.ticks_diff(when_us, time.ticks_us())


def _room_us() -> int:
    """How long a wait must be for the others to have a turn in it."""
    since_us = time.ticks_diff(time.ticks_us(), _turn_us)
    if not 0 <= since_us < _LONG_US:  # below: so long ago that the ticks have wrapped
        return _SHORT_US
    return _ROOM_US - since_us // 6


async def _others(ms: int) -> None:
    global _turn_us
    await asyncio.sleep_ms(ms)
    _turn_us = time.ticks_us()
