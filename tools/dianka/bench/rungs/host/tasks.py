"""MicroPython's asyncio on virtual time, limited to what the firmware may use.

Anything else raises AttributeError, on purpose. One `Loop` is the event loop of one start of the
firmware. Semantics follow extmod/asyncio of MicroPython: milliseconds, first come first served
among tasks due at the same time, ThreadSafeFlag that clears itself when awaited.
"""

import contextlib
import heapq
import types
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

from dianka.bench.rungs.host import signals
from dianka.bench.rungs.host.signals import Pause


class CancelledError(BaseException):
    pass


class TimeoutError(Exception):  # noqa: A001  the name that MicroPython's asyncio has
    pass


class Task:
    """A coroutine under way, and what it waits for."""

    def __init__(self, coro: Coroutine[Any, Any, Any]) -> None:
        if not hasattr(coro, "send"):
            raise TypeError("coroutine expected")
        self.coro = coro
        self.finished = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.throw: BaseException | None = None
        self.due: list[Any] | None = None  # its entry in the loop's queue
        self.waiters: list[Task] = []
        self.leave: Callable[[], None] | None = None  # removes the task from the queue it waits in

    def done(self) -> bool:
        return self.finished


class Loop:
    """An event loop.

    `now_ms` and `wait_ms` come from the runner. `wait_ms(ms)` lets virtual time pass until
    something happens, at most so long; -1 sets no limit.
    """

    def __init__(self, now_ms: Callable[[], int], wait_ms: Callable[[int], None]) -> None:
        self._now_ms = now_ms
        self._wait_ms = wait_ms
        self._queue: list[list[Any]] = []
        self._order = count()
        self._current: Task | None = None
        self._tasks: set[Task] = set()  # not finished yet

    def end(self) -> None:
        """Close the tasks: the firmware is gone.

        If they were garbage-collected later, their `finally` would run in the next start.
        """
        for task in list(self._tasks):
            with contextlib.suppress(BaseException):
                task.coro.close()
        self._tasks.clear()

    def make_module(self) -> types.ModuleType:
        """Return the module that `import asyncio` gives the firmware."""
        module = types.ModuleType("asyncio")
        loop = self

        class Event(signals.Event):
            def __init__(self) -> None:
                super().__init__(loop)

        class ThreadSafeFlag(signals.Flag):
            def __init__(self) -> None:
                super().__init__(loop)

        class Lock(signals.Lock):
            def __init__(self) -> None:
                super().__init__(loop)

        names = {
            "run": self.run,
            "create_task": self.create_task,
            "gather": self.gather,
            "sleep_ms": self.sleep_ms,
            "sleep": lambda s: self.sleep_ms(int(s * 1000)),
            "wait_for_ms": self.wait_for_ms,
            "Event": Event,
            "wait_for": lambda aw, s: self.wait_for_ms(aw, int(s * 1000)),
            "ThreadSafeFlag": ThreadSafeFlag,
            "Lock": Lock,
            "CancelledError": CancelledError,
            "TimeoutError": TimeoutError,
            "current_task": lambda: self._current,
            "Task": Task,
        }
        vars(module).update(names)
        return module

    # ****** Called by the firmware ******

    def run(self, coro: Coroutine[Any, Any, Any]) -> Any:
        main = self.create_task(coro)
        while not main.finished:
            self._step()
        if main.error:
            raise main.error
        return main.value

    def create_task(self, coro: Coroutine[Any, Any, Any]) -> Task:
        task = Task(coro)
        self._tasks.add(task)
        self.wake(task)
        return task

    async def sleep_ms(self, ms: int) -> None:
        self._schedule(self._get_running(), self._now_ms() + max(0, ms))
        await Pause()

    async def join(self, task: Task) -> Any:
        if not task.finished:
            me = self._get_running()
            task.waiters.append(me)
            me.leave = lambda: task.waiters.remove(me)
            await Pause()
        if task.error:
            raise task.error
        return task.value

    async def gather(self, *coros: Coroutine[Any, Any, Any]) -> list[Any]:
        tasks = [self.create_task(coro) for coro in coros]
        me = self._get_running()
        for task in tasks:
            task.waiters.append(me)
        while not all(task.finished for task in tasks):
            await Pause()
            failed = next((task for task in tasks if task.error), None)
            if failed and failed.error:
                raise failed.error
        return [task.value for task in tasks]

    async def wait_for_ms(self, coro: Coroutine[Any, Any, Any], ms: int) -> Any:
        task, me = self.create_task(coro), self._get_running()
        task.waiters.append(me)
        self._schedule(me, self._now_ms() + ms)
        await Pause()
        if not task.finished:
            task.waiters.remove(me)
            self.cancel(task)
            raise TimeoutError
        if task.error:
            raise task.error
        return task.value

    # ****** Called by the bench ******

    def hasten(self, name: str) -> None:
        """Let the sleeping task of this coroutine go before all others that are due with it."""
        for entry in self._queue:
            if entry[2] is not None and entry[2].coro.__name__ == name:
                entry[0] = self._queue[0][0] - 1
        heapq.heapify(self._queue)

    # ****** Inside ******

    def cancel(self, task: Task) -> None:
        if task.finished:
            return
        if task.leave:
            task.leave()
        task.throw = CancelledError()
        self.wake(task)

    def wake(self, task: Task) -> None:
        self._schedule(task, self._now_ms())

    def park(self, leave: Callable[[], None]) -> Task:
        """Return the running task, which is going to wait.

        `leave` is called if it is cancelled: it takes the task out of the queue.
        """
        task = self._get_running()
        task.leave = leave
        return task

    def _get_running(self) -> Task:
        if self._current is None:
            raise RuntimeError("no running event loop")
        return self._current

    def _schedule(self, task: Task, when_ms: int) -> None:
        if task.due:
            task.due[2] = None
        task.due = [when_ms, next(self._order), task]
        heapq.heappush(self._queue, task.due)

    def _step(self) -> None:
        """Let time pass until a task is due, then run it to its next wait."""
        queue = self._queue
        while queue and queue[0][2] is None:
            heapq.heappop(queue)
        if not queue:
            self._wait_ms(-1)
            return
        late_ms = queue[0][0] - self._now_ms()
        if late_ms > 0:
            self._wait_ms(late_ms)
            return
        task = heapq.heappop(queue)[2]
        task.due = task.leave = None
        self._resume(task)

    def _resume(self, task: Task) -> None:
        self._current = task
        error, task.throw = task.throw, None
        try:
            if error:
                task.coro.throw(error)
            else:
                task.coro.send(None)
            return
        except StopIteration as result:
            task.value = result.value
        except (Exception, CancelledError) as raised:
            task.error = raised
        finally:
            self._current = None
        task.finished = True
        self._tasks.discard(task)
        for waiter in task.waiters:
            self.wake(waiter)
