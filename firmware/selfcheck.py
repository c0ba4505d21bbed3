"""Check the meter's parts at each start, and report one code of eight digits (docs/selfcheck.md).

Digits 1 to 5 are memory, metering chip, ESAM, clock and relay, 0 being good; digits 6 to 8 are the
free heap in KiB. The check runs beside the other tasks, so it delays nothing, and uses their
findings; it tests only the memory itself. A version on trial is kept when each part that was good
with the former version is good with it too, and enough heap is left: a meter whose clock battery is
dead must still take an update. Otherwise the meter restarts at once, and the former version runs.
"""

import asyncio
import gc
import time

import machine
from micropython import const

import answers
import versions
from display import Display
from ds3231 import Ds3231
from esam import Esam
from metering import LOST, Metering
from relay import Relay
from settlement import Settlement
from state import State
from state_store import StateStore

_LOOK_MS = const(100)
# Chip parameters take 0.4 s, ESAM 1.5 s, relay 0.3 s; an unresponsive ESAM takes 2 s.
_LIMIT_MS = const(6_000)
_SHOW_MS = const(3_000)
_AGAIN_MS = const(10_000)  # reported twice: a USB console comes up too late for the first time
_PARTS = const(5)
_MIN_HEAP_KIB = const(50)  # half of the heap that should stay free in a day's work

# Values of digit 2, the metering chip; those of digit 1 are in state_store.py, of 4 in ds3231.py.
_CHIP_SILENT = const(1)
_CHIP_GARBLED = const(2)  # it sends, but no report
_CHIP_STRANGE = const(3)  # it sends reports, but no acceptable parameters
_CHIP_UNCALIBRATED = const(4)  # its calibration is lost
_ESAM_SILENT = const(1)
_ESAM_REFUSES = const(2)
_STAYS_OPEN = const(1)
_STAYS_CLOSED = const(2)
_NOT_DRIVEN = const(3)


class SelfCheck:
    """The check of one start.

    The totals are those found in the memory, before anything was added. `note_update` logs
    whether a version on trial was refused. `stop` leaves the meter safe before it gives way to the
    former one. RuntimeError if a version on trial
    can't read the state in the memory.
    """

    def __init__(
        self,
        store: "StateStore",
        metering: "Metering",
        settlement: "Settlement",
        esam: "Esam",
        clock: "Ds3231",
        relay: "Relay",
        display: "Display",
        log,
        note_update,
        stop,
    ) -> None:
        self._store = store
        self._metering = metering
        self._settlement = settlement
        self._esam = esam
        self._clock = clock
        self._relay = relay
        self._display = display
        self._log = log
        self._note_update = note_update
        self._stop = stop
        self._totals = ""
        self.note_totals(store.state)
        self.code = ""
        if versions.on_trial and store.anew:
            # The former version has committed at its own start. A commit of this version would
            # replace that record, so none may happen.
            raise RuntimeError("update refused: it can't read the state in the memory")

    def note_totals(self, state: "State") -> None:
        """Note the totals of this state for the report.

        It has just been read from the memory.
        """
        self._totals = " ".join("%s %d" % (name, getattr(state, name)) for name in answers.TOTALS)

    async def run(self) -> None:
        """Poll until all is well or the time is up, then judge, show and report."""
        start_ms = time.ticks_ms()
        while not self._is_settled() and time.ticks_diff(time.ticks_ms(), start_ms) < _LIMIT_MS:
            await asyncio.sleep_ms(_LOOK_MS)
        memory = self._store.check()
        await asyncio.sleep_ms(0)  # a commit and a collection in one would keep all tasks waiting
        digits = (
            memory,
            self._check_chip(),
            self._check_esam(),
            self._check_clock(),
            self._check_relay(),
        )
        gc.collect()
        heap_kib = min(gc.mem_free() // 1024, 999)
        parts = "%d%d%d%d%d" % digits
        self.code = "%s%03d" % (parts, heap_kib)
        if versions.on_trial and not is_healthy(self.code, versions.former_code()):
            self._log(
                "update refused: self-check %s, the former version had %s"
                % (self.code, versions.former_code())
            )
            self._stop()
            self._note_update(True)
            machine.reset()
        if versions.on_trial:
            versions.keep()
            # The trial has committed in the former version's format; from now on in this one's.
            self._store.keep()
            self._note_update(False)
        versions.remember(parts)
        self._display.append_message((self.code, _SHOW_MS))
        self._log(self.compose_line())
        await asyncio.sleep_ms(_AGAIN_MS)
        self._log(self.compose_line())

    def compose_line(self) -> str:
        """Return the report in one line for the console; flashing reads it back.

        `calibration 0` is a metering chip that goes by the board's constants, -1 one that does
        because its calibration is lost.
        """
        return "self-check %s version %s %s calibration %d" % (
            self.code, versions.version(), self._totals, self._metering.calibration
        )  # fmt: skip

    def _is_settled(self) -> bool:
        """Return whether waiting longer would change nothing."""
        asked = self._settlement.ready or self._settlement.failures
        return (
            bool(asked)
            and not self._store.unread
            and not self._check_chip()
            and not self._check_relay()
        )

    def _check_chip(self) -> int:
        chip = self._metering.chip
        if chip.pulse_pj:
            if self._metering.silent:
                return _CHIP_SILENT
            return _CHIP_UNCALIBRATED if self._metering.calibration == LOST else 0
        if chip.reports or chip.rejected:
            return _CHIP_STRANGE
        return _CHIP_GARBLED if chip.skipped else _CHIP_SILENT

    def _check_esam(self) -> int:
        if self._settlement.ready:
            return 0
        return _ESAM_REFUSES if self._esam.alive else _ESAM_SILENT

    def _check_clock(self) -> int:
        self._clock.read_seconds()
        return self._clock.fault

    def _check_relay(self) -> int:
        relay = self._relay
        if relay.commanded is None:
            return _NOT_DRIVEN
        if relay.closed == relay.commanded:
            return 0
        return _STAYS_OPEN if relay.commanded else _STAYS_CLOSED


def is_healthy(code: str, former: str) -> bool:
    """Return whether a version with this code may replace the one with the former code.

    Without a former code all parts must be good.
    """
    for i in range(_PARTS):
        if code[i] != "0" and former[i : i + 1] in ("", "0"):
            return False
    return int(code[_PARTS:]) >= _MIN_HEAP_KIB
