"""Events, flags and locks of the host rung's tasks, as MicroPython's asyncio has them."""

from collections.abc import Callable, Generator
from typing import Any, Protocol


class Pause:
    """Return control to the loop until another task or the loop wakes the task."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Waits(Protocol):
    """The loop's services for a waiting task.

    `wake` makes a task ready; `park` records how the running task leaves its queue if cancelled.
    """

    def wake(self, task: Any) -> None: ...
    def park(self, leave: Callable[[], None]) -> Any: ...


class Event:
    """asyncio.Event."""

    def __init__(self, loop: Waits) -> None:
        self._loop = loop
        self._set = False
        self._waiting: list[Any] = []

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        waiting, self._waiting = self._waiting, []
        for task in waiting:
            self._loop.wake(task)

    def clear(self) -> None:
        self._set = False

    async def wait(self) -> bool:
        if not self._set:
            task = self._loop.park(lambda: self._waiting.remove(task))
            self._waiting.append(task)
            await Pause()
        return True


class Flag(Event):
    """asyncio.ThreadSafeFlag: set from an interrupt, one waiter, clears itself."""

    async def wait(self) -> bool:
        await super().wait()
        self._set = False
        return True


class Lock:
    """asyncio.Lock; waiters get it in the order in which they came."""

    def __init__(self, loop: Waits) -> None:
        self._loop = loop
        self._held = False
        self._waiting: list[Any] = []

    def locked(self) -> bool:
        return self._held

    async def acquire(self) -> bool:
        while self._held:
            await self._queue_up()
        self._held = True
        return True

    async def _queue_up(self) -> None:
        task = self._loop.park(lambda: self._waiting.remove(task))
        self._waiting.append(task)
        await Pause()

    def release(self) -> None:
        if not self._held:
            raise RuntimeError("Lock not acquired")
        self._held = False
        if self._waiting:
            self._loop.wake(self._waiting.pop(0))

    async def __aenter__(self) -> bool:
        return await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()
