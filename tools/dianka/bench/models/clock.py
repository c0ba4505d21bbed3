"""Virtual time of the bench, in whole microseconds, and the actions that fall due in it.

Time moves only when `advance` is called. Actions due at the same time run in the order in which
they were scheduled.
"""

import heapq
from collections.abc import Callable
from itertools import count


class Timer:
    """A scheduled action. `cancel` revokes it."""

    __slots__ = ("action", "when_us")

    def __init__(self, when_us: int, action: Callable[[], None]) -> None:
        self.when_us = when_us
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class Clock:
    """The bench's time and its queue of actions."""

    def __init__(self, now_us: int = 0) -> None:
        self.now_us = now_us
        self.limit_us = now_us  # where the present or last `advance` ends
        self._due: list[tuple[int, int, Timer]] = []
        self._order = count()
        self._interrupted = False

    def call_at(self, when_us: int, action: Callable[[], None]) -> Timer:
        """Call `action` at `when_us`; a time already past means the next `advance`."""
        timer = Timer(max(when_us, self.now_us), action)
        heapq.heappush(self._due, (timer.when_us, next(self._order), timer))
        return timer

    def call_after(self, delay_us: int, action: Callable[[], None]) -> Timer:
        """Call `action` in `delay_us` from now."""
        return self.call_at(self.now_us + delay_us, action)

    @property
    def next_due_us(self) -> int | None:
        """Return when the next action falls due, or None if none is scheduled."""
        due = self._due
        while due and due[0][2].action is None:
            heapq.heappop(due)
        return due[0][0] if due else None

    def skip(self, us: int) -> None:
        """Move the time on as if nothing fell due meanwhile: all that is due comes so much later.

        For hours that are played in one step. What is computed from the time, as energy and the
        time of a clock chip, goes on.
        """
        self.now_us += us
        self.limit_us += us
        live = [entry for entry in self._due if entry[2].action is not None]
        self._due = [(when_us + us, order, timer) for when_us, order, timer in live]
        heapq.heapify(self._due)
        for _, _, timer in self._due:
            timer.when_us += us

    def interrupt(self) -> None:
        """End the `advance` under way after the present action.

        Called when the controller must react to something.
        """
        self._interrupted = True

    def advance(self, until_us: int) -> bool:
        """Run the actions due up to and including `until_us`, and move the time there.

        Return True if the time was reached, False if an interrupt ended it before.
        """
        self._interrupted = False
        self.limit_us = until_us
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
