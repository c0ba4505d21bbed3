"""Virtual time of the bench, in whole microseconds, and what falls due in it.

Time moves only when `advance` is called. Actions due at the same time run in the order in which
they were asked for.
"""

import heapq
from collections.abc import Callable
from itertools import count


class Timer:
    """One action to come; `cancel` takes it back."""

    __slots__ = ("action", "when_us")

    def __init__(self, when_us: int, action: Callable[[], None]) -> None:
        self.when_us = when_us
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class Clock:
    def __init__(self, now_us: int = 0) -> None:
        self.now_us = now_us
        self._due: list[tuple[int, int, Timer]] = []
        self._order = count()
        self._interrupted = False

    def at(self, when_us: int, action: Callable[[], None]) -> Timer:
        """Call `action` at `when_us`; a time already past means at the next `advance`."""
        timer = Timer(max(when_us, self.now_us), action)
        heapq.heappush(self._due, (timer.when_us, next(self._order), timer))
        return timer

    def after(self, delay_us: int, action: Callable[[], None]) -> Timer:
        return self.at(self.now_us + delay_us, action)

    @property
    def next_due_us(self) -> int | None:
        """When the next action falls due; None if nothing is to come."""
        due = self._due
        while due and due[0][2].action is None:
            heapq.heappop(due)
        return due[0][0] if due else None

    def interrupt(self) -> None:
        """End the `advance` under way after the present action.

        The controller has to look at something.
        """
        self._interrupted = True

    def advance(self, until_us: int) -> bool:
        """Run what is due up to and including `until_us`.

        True if it got there, False if an interrupt ended it before.
        """
        self._interrupted = False
        due = self._due
        while due and due[0][0] <= until_us:
            when_us, _, timer = heapq.heappop(due)
            if timer.action is None:
                continue
            self.now_us = when_us
            timer.action()
            if self._interrupted:
                return False
        if until_us > self.now_us:
            self.now_us = until_us
        return True
