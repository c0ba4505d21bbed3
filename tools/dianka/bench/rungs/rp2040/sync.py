"""One time for bench and chip.

The bench's clock follows the emulator's, which stops at the bench's next event. The chip's power-up
is a whole microsecond of the bench; after it the emulator counts nanoseconds. Every call from the
chip's side to a model goes through `touch`, so that the model sees the right time and the actions
that it schedules are not missed.
"""

from collections.abc import Callable
from typing import Any

from dianka.bench.models.mcu import Mcu, PowerCut
from dianka.bench.rungs.rp2040.emulator import Emulator


class OneTime:
    """The common time of one emulator and one bench."""

    def __init__(self, emulator: Emulator, mcu: Mcu) -> None:
        self._emulator = emulator
        self._mcu = mcu
        self._origin_us = mcu.clock.now_us
        self._alarm = emulator.clock.create_alarm(self._run_due)
        self._limit = emulator.clock.create_alarm(self._stop_at_limit)
        self._planned_us: int | None = None  # the bench time of the alarm
        self._limit_us = 0
        self._at_limit = False
        self._inside = False  # a model is at work
        self._ended = False

    def run_until(self, when_us: int, wall_limit_s: float) -> bool:
        """Run chip and models until then.

        Return False if something stopped them before.
        """
        if when_us <= self._mcu.clock.now_us:
            return True
        self._limit_us, self._at_limit = when_us, False
        self._limit.schedule(self._compute_ns_until(when_us))
        self._plan()
        self._emulator.run(wall_limit_s)
        self._limit.cancel()
        return self._at_limit

    def touch(self, action: Callable[..., Any], *arguments: object) -> Any:
        """Call a model from the chip's side; return its value, or None if the power is gone."""
        if self._ended or self._mcu.dead:
            return None
        if self._inside:
            return action(*arguments)
        self._advance(self._now_us)
        if self._mcu.dead:
            return None
        self._inside = True
        try:
            return action(*arguments)
        except PowerCut:
            self._mcu.dead = True
            return None
        finally:
            self._inside = False
            if self._mcu.dead:
                self._emulator.stop()
            self._plan()

    def end(self) -> None:
        """Cut the chip off: nothing from it reaches the models any more."""
        self._ended = True

    @property
    def _now_us(self) -> int:
        return max(self._origin_us + self._emulator.now_ns // 1000, self._mcu.clock.now_us)

    def _compute_ns_until(self, when_us: int) -> int:
        return max((when_us - self._origin_us) * 1000 - self._emulator.now_ns, 0)

    def _plan(self) -> None:
        due_us = self._mcu.clock.next_due_us
        if due_us == self._planned_us:
            return
        self._planned_us = due_us
        if due_us is None:
            self._alarm.cancel()
        else:
            self._alarm.schedule(self._compute_ns_until(due_us))

    def _run_due(self) -> None:
        planned_us, self._planned_us = self._planned_us, None
        if not self._ended and planned_us is not None:
            self._advance(max(planned_us, self._now_us))
            self._plan()

    def _stop_at_limit(self) -> None:
        self._at_limit = True
        self._advance(self._limit_us)
        self._emulator.stop()

    def _advance(self, to_us: int) -> None:
        """Bring the bench's clock here; due actions run."""
        self._inside = True
        try:
            while not self._mcu.clock.advance(to_us) and not self._mcu.dead:
                pass
        except PowerCut:
            self._mcu.dead = True
        finally:
            self._inside = False
        if self._mcu.dead:
            self._at_limit = False
            self._emulator.stop()
