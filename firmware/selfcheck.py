"""The meter's look at itself at each start: one code of eight digits that an installer can read out (docs/selfcheck.md).

Digits 1 to 5 are memory, metering chip, ESAM, clock and relay, 0 being good; digits 6 to 8 the free heap in KiB. It runs
beside the other tasks, so that it holds up nothing, and looks at what they have found; only the memory it tries itself.
A version on trial is kept when each part that was good with the former version is good with it too, and heap is left: a meter
whose clock battery is dead must still take an update. Otherwise it restarts at once, and the former version runs.
"""

import asyncio
import gc
import time

import machine
from micropython import const

import answers
import slots

_LOOK_MS = const(100)
_LIMIT_MS = const(6_000)  # chip parameters 0.4 s, ESAM 1.5 s, relay 0.3 s; a silent ESAM takes 2 s
_SHOW_MS = const(3_000)
_AGAIN_MS = const(10_000)  # said twice: a USB console comes up too late for the first time
_PARTS = const(5)
_MIN_HEAP_KIB = const(50)  # half of what a day's work should leave free

# Digit 2, the metering chip; digit 1 is store.py's, digit 4 clock.py's.
_CHIP_SILENT = const(1)
_CHIP_GARBLED = const(2)  # it sends, but nothing that makes a report
_CHIP_STRANGE = const(3)  # reports, but no parameters to be believed
_ESAM_SILENT = const(1)
_ESAM_REFUSES = const(2)
_STAYS_OPEN = const(1)
_STAYS_CLOSED = const(2)
_NOT_DRIVEN = const(3)


class SelfCheck:
    """One start's check of a `Meter`. The totals are those that were found in the memory, before anything was added."""

    def __init__(self, meter) -> None:
        self._meter = meter
        self._found = ""
        self.find(meter.store.state)
        self.code = ""
        if slots.on_trial and meter.store.anew:
            # The former version has committed at its own start. A first commit would bury that, so not one may happen.
            raise RuntimeError("update refused: it can't read the state in the memory")

    def find(self, state) -> None:
        """This state has just been read from the memory: these are the totals to tell."""
        self._found = " ".join("%s %d" % (name, getattr(state, name)) for name in answers.TOTALS)

    async def run(self) -> None:
        """Look until all is well or the time is up, then judge, show and tell."""
        meter, start_ms = self._meter, time.ticks_ms()
        while not self._settled() and time.ticks_diff(time.ticks_ms(), start_ms) < _LIMIT_MS:
            await asyncio.sleep_ms(_LOOK_MS)
        digits = (meter.store.check(), self._chip(), self._esam(), self._clock(), self._relay())
        gc.collect()
        heap_kib = min(gc.mem_free() // 1024, 999)
        parts = "%d%d%d%d%d" % digits
        self.code = "%s%03d" % (parts, heap_kib)
        if slots.on_trial and not healthy(self.code, slots.former_code()):
            meter.log("update refused: self-check %s, the former version had %s" % (self.code, slots.former_code()))
            meter.stop()
            machine.reset()
        if slots.on_trial:
            slots.keep()
            meter.commit()  # what the trial has kept in the former version's format, in that of this one
        slots.remember(parts)
        meter.display.add((self.code, _SHOW_MS))
        meter.log(self.line())
        await asyncio.sleep_ms(_AGAIN_MS)
        meter.log(self.line())

    def line(self) -> str:
        """All in one line for the console; flashing reads it back."""
        return "self-check %s version %s %s" % (self.code, slots.version(), self._found)

    def _settled(self) -> bool:
        """Whether waiting longer would tell nothing new."""
        asked = self._meter.wallet.ready or self._meter.esam_failures
        return bool(asked) and not self._meter.store.unread and not self._chip() and not self._relay()

    def _chip(self) -> int:
        chip = self._meter.chip
        if chip.pulse_pj:
            return _CHIP_SILENT if self._meter.metering.silent else 0
        if chip.reports or chip.rejected:
            return _CHIP_STRANGE
        return _CHIP_GARBLED if chip.skipped else _CHIP_SILENT

    def _esam(self) -> int:
        if self._meter.wallet.ready:
            return 0
        return _ESAM_REFUSES if self._meter.esam.alive else _ESAM_SILENT

    def _clock(self) -> int:
        self._meter.clock.seconds()
        return self._meter.clock.fault

    def _relay(self) -> int:
        relay = self._meter.relay
        if relay.commanded is None:
            return _NOT_DRIVEN
        if relay.closed == relay.commanded:
            return 0
        return _STAYS_OPEN if relay.commanded else _STAYS_CLOSED


def healthy(code: str, former: str) -> bool:
    """Whether a version with this code may replace the one with the former code; without one all must be good."""
    for i in range(_PARTS):
        if code[i] != "0" and former[i : i + 1] in ("", "0"):
            return False
    return int(code[_PARTS:]) >= _MIN_HEAP_KIB
