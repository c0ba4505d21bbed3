"""Drive the latching relay: two coil outputs and a contact feedback from the load side.

A pulse of 150 ms, at least three times the operate time of a 60-100 A relay (docs/hardware.md, "The
relay's pulse"), then 150 ms of rest; never both coils. The opposite action comes no earlier than 5
s after the last one, so that nothing makes the relay chatter. A contact that does not follow is
driven again 60, 120 and 180 s after it last agreed or was first driven. One that does not follow
then either, for 3 s more, is reported as a fault. This module keeps no memory: the contact stays
where it is without supply, and the feedback reports its position.
"""

import asyncio
import time

from micropython import const

_PULSE_MS = const(150)
_REST_MS = const(150)
_OPPOSITE_MS = const(5_000)
_MISMATCH_MS = const(3_000)
_AGAIN_MS = const(60_000)
_TRIES = const(3)


class Relay:
    """The relay; `feedback` reads 1 when the load side is live. Coil outputs are active high."""

    def __init__(self, close_coil, open_coil, feedback) -> None:
        self._close_coil = close_coil
        self._open_coil = open_coil
        self._feedback = feedback
        self.commanded = None  # True closed, False open, None not driven since the start
        self.fault = False
        self._driven_ms = self._agreed_ms = time.ticks_ms()
        # True within 5 s of the last drive. The time stamp alone is not enough: ticks wrap.
        self._resting = False
        self._tries = 0
        self._forced = None
        self.release()

    @property
    def closed(self) -> bool:
        """Return whether the load side is live now."""
        return bool(self._feedback.value())

    def release(self) -> None:
        """Switch both coils off at once, whatever is under way.

        A coil is made for a pulse, not for a continuous current.
        """
        self._close_coil.off()
        self._open_coil.off()

    def force(self, closed: "bool | None") -> None:
        """Hold the contact closed or open for a test (supply.py, TEST); None ends it."""
        self._forced = closed

    @property
    def forced(self) -> "bool | None":
        """Return what was set by `force`."""
        return self._forced

    async def follow(self, wanted: bool, able: bool) -> None:
        """Take one step towards `wanted`; `able` says whether the mains can drive a coil.

        To be called periodically.
        """
        now_ms = time.ticks_ms()
        if self._resting and time.ticks_diff(now_ms, self._driven_ms) >= _OPPOSITE_MS:
            self._resting = False
        if not able:
            self._agreed_ms = now_ms
            return
        if self.commanded is None and self.closed == wanted:
            self.commanded, self._agreed_ms = wanted, now_ms
        if self.commanded != wanted:
            if not self._resting:
                self._tries = 0
                await self._drive(wanted)
                self._agreed_ms = self._driven_ms
        elif self.closed == wanted:
            self._agreed_ms, self._tries, self.fault = now_ms, 0, False
        else:
            await self._drive_again(wanted, time.ticks_diff(now_ms, self._agreed_ms))

    async def _drive_again(self, wanted: bool, mismatch_ms: int) -> None:
        """Drive again when it is time, or give up."""
        if self._tries < _TRIES:
            if mismatch_ms >= (self._tries + 1) * _AGAIN_MS:
                self._tries += 1
                await self._drive(wanted)
        elif mismatch_ms >= _TRIES * _AGAIN_MS + _MISMATCH_MS:
            self.fault = True

    async def _drive(self, wanted: bool) -> None:
        coil = self._close_coil if wanted else self._open_coil
        self.commanded = wanted
        try:
            coil.on()
            await asyncio.sleep_ms(_PULSE_MS)
        finally:
            coil.off()
        await asyncio.sleep_ms(_REST_MS)
        self._driven_ms = time.ticks_ms()
        self._resting = True
