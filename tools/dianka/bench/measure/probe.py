"""A MicroPython program that starts the unmodified meter on the chip and watches it.

It takes main.py's place on the chip, and is never in firmware/.

It replaces asyncio's task queue by one that records how late each task runs and how long. The bench
controls it through two pins that no board uses: a rising edge at REPORT_PIN asks for a report; a
high level at WATCH_PIN times the calls of take_pj, debit, commit and the display's update from then
on. A report is one line: "probe", then pairs of name and value. Lateness is in ms, as asyncio
counts. The watching itself is part of the figures: about 0.1 ms for each step of a task.
"""

REPORT_PIN = 23
WATCH_PIN = 24

SOURCE = """
import gc
import time
import versions

versions.enter()
import asyncio
import machine

ENTERED_US = time.ticks_us()
import board
import account
import meter as module
from metering import Metering

IMPORTED_US = time.ticks_us()
core = asyncio.core


class Watch:
    def __init__(self, queue):
        self.push, self.remove = queue.push, queue.remove
        self._peek, self._pop = queue.peek, queue.pop
        self._ran = None
        self.clear()

    def clear(self):
        self.late_ms = self.step_us = self.steps = 0
        self.late = self.slow = self.before = None

    def peek(self):
        if self._ran:
            us = time.ticks_diff(time.ticks_us(), self._began_us)
            if us > self.step_us:
                self.step_us, self.slow = us, self._ran
            self.before, self._ran = self._ran, None
        return self._peek()

    def pop(self):
        task = self._pop()
        late_ms = time.ticks_diff(time.ticks_ms(), task.ph_key)
        if late_ms > self.late_ms:
            self.late_ms, self.late = late_ms, task
        self.steps += 1
        self._ran, self._began_us = task, time.ticks_us()
        return task


calls = []


def timed(name, holder, attribute):
    action = getattr(holder, attribute)
    seen = [name, 0, 0, 0]
    calls.append(seen)

    def call(*arguments):
        began_us = time.ticks_us()
        try:
            return action(*arguments)
        finally:
            us = time.ticks_diff(time.ticks_us(), began_us)
            seen[1] += 1
            seen[2] += us
            seen[3] = max(seen[3], us)

    setattr(holder, attribute, call)


def name(task):
    return str(task.coro).split("'")[1] if task else "none"


def report():
    watch = core._task_queue
    words = ["steps", watch.steps, "late_ms", watch.late_ms, "late", name(watch.late)]
    words += ["step_us", watch.step_us, "slow", name(watch.slow), "free", gc.mem_free()]
    began_us = time.ticks_us()
    gc.collect()
    words += ["gc_us", time.ticks_diff(time.ticks_us(), began_us), "left", gc.mem_free()]
    for seen in calls:
        words += [seen[0] + "_n", seen[1], seen[0] + "_us", seen[2] // max(seen[1], 1), \
seen[0] + "_worst_us", seen[3]]
    print("probe", *words)


async def probe(meter):
    ask = machine.Pin(REPORT_PIN, machine.Pin.IN)
    start = machine.Pin(WATCH_PIN, machine.Pin.IN)
    while not ask.value():
        await asyncio.sleep_ms(100)
    print("probe entered_us", ENTERED_US, "imported_us", IMPORTED_US, "built_us", BUILT_US, \
"counted_us", counted_us)
    asked = 1
    while True:
        if start.value() and not calls:
            timed("frame", meter.metering, "take_pj")
            timed("debit", account, "debit")
            timed("commit", meter.store, "commit")
            timed("display", meter.display, "update")
        if ask.value() and not asked:
            core._task_queue._ran = None
            report()
            await asyncio.sleep_ms(200)
            core._task_queue.clear()
        asked = ask.value()
        await asyncio.sleep_ms(100)


counted_us = 0


def first(take_pj):
    def call(metering):
        global counted_us
        energy_pj = take_pj(metering)
        if energy_pj:
            counted_us = time.ticks_us()
            Metering.take_pj = take_pj
        return energy_pj

    return call


Metering.take_pj = first(Metering.take_pj)
meter = module.Meter(board)
BUILT_US = time.ticks_us()


async def main():
    core._task_queue = Watch(core._task_queue)
    asyncio.create_task(probe(meter))
    await meter.run()


asyncio.run(main())
"""


def make_main_py() -> bytes:
    return (
        SOURCE.replace("REPORT_PIN", str(REPORT_PIN)).replace("WATCH_PIN", str(WATCH_PIN)).encode()
    )


def parse_line(line: str) -> dict[str, int | str]:
    """Return the names and values in a line of the probe; empty if it is another line."""
    words = line.split()
    if not words or words[0] != "probe":
        return {}
    pairs = zip(words[1::2], words[2::2], strict=True)
    return {name: int(value) if value.lstrip("-").isdigit() else value for name, value in pairs}


def get_number(told: dict[str, int | str], name: str) -> int:
    value = told[name]
    assert isinstance(value, int), f"{name} {value}"
    return value
