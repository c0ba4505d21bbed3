"""Provide the task queue and the task of asyncio, on virtual ticks.

asyncio/core.py takes both from a module named `_asyncio`. The built-in one stamps tasks with the
process's own clock, which mixes two times; start.py replaces it with this one. Tasks are few, so a
sorted list is enough.
"""

from time import ticks_diff, ticks_ms


class TaskQueue:
    """Tasks in the order of their `ph_key` (ticks in ms).

    Those of equal keys are in the order of their arrival.
    """

    def __init__(self):
        self._tasks = []

    def peek(self):
        return self._tasks[0] if self._tasks else None

    def push(self, task, key=None):
        if key is None:
            key = ticks_ms()
        task.data = None
        task.ph_key = key
        tasks = self._tasks
        place = len(tasks)
        while place and ticks_diff(tasks[place - 1].ph_key, key) > 0:
            place -= 1
        tasks.insert(place, task)

    def pop(self):
        return self._tasks.pop(0)

    def remove(self, task):
        self._tasks.remove(task)


class Task:
    """A coroutine that the loop runs.

    `state`: True while it runs and nobody awaits it; a TaskQueue of the tasks that await it; a
    function to call at the end; after the end None until somebody has seen the outcome, then False.
    `data`: the object that it waits on, or the exception to throw into it, or its outcome.
    """

    def __init__(self, coro, globals=None):
        self.coro = coro
        self.data = None
        self.state = True
        self.ph_key = 0
        self._core = globals  # asyncio.core's own names: cur_task, _task_queue, CancelledError

    def __iter__(self):
        state = self.state
        if state is True:
            self.state = TaskQueue()
        elif not state:
            self.state = False
        elif not isinstance(state, TaskQueue):
            raise RuntimeError("can't wait")
        return self

    def __next__(self):
        if not self.state:
            raise self.data
        waiter = self._core["cur_task"]
        self.state.push(waiter)
        waiter.data = self

    def done(self):
        return not self.state

    def cancel(self):
        if not self.state:
            return False
        core = self._core
        if self is core["cur_task"]:
            raise RuntimeError("can't cancel self")
        task = self
        while isinstance(task.data, Task):  # the awaited task is cancelled, which wakes this one
            task = task.data
        queue = core["_task_queue"]
        if hasattr(task.data, "remove"):
            task.data.remove(task)
            queue.push(task)
        elif ticks_diff(task.ph_key, ticks_ms()) > 0:
            queue.remove(task)
            queue.push(task)
        task.data = core["CancelledError"]
        return True
