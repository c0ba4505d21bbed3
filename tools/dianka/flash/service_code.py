"""MicroPython code of the service console, for a meter on the bench: nothing of it is in firmware/.

`dianka flash --console` compiles SERVICE, puts it into the board's folder lib beside aiorepl, and
writes a main.py whose last step is CALL. A board that is flashed without it gets the firmware's own
main.py back.
"""

NAME = "service_console"
RUN = "    asyncio.run(meter.run())\n"  # the firmware's main.py has this line
CALL = f"""\
    try:
        from {NAME} import run
    except ImportError:
        run = None
    if run:
        run(meter)
    else:
        asyncio.run(meter.run())
"""

SERVICE = '''
"""Let a technician look into a running meter (dianka console), as long as it has no customer."""

import asyncio
import gc
import json
import sys
import time

import event_chain
import state
import versions

TASKS = ("_count", "_switch", "_show", "_keep", "_rescue", "_guard")
LOOK_MS = 20


class Timed:
    """A task's coroutine, whose longest step is noted: for so long no other task can run.

    asyncio wants no more of a coroutine than this. Its queue of tasks is the port's own, in C,
    which takes no other in its place.
    """

    def __init__(self, coroutine, name, steps):
        self._coroutine = coroutine
        self._name = name
        self._steps = steps

    def send(self, value):
        began_us = time.ticks_us()
        try:
            return self._coroutine.send(value)
        finally:
            us = time.ticks_diff(time.ticks_us(), began_us)
            self._steps[self._name] = max(self._steps.get(self._name, 0), us)

    def throw(self, *error):
        return self._coroutine.throw(*error)

    def close(self):
        self._coroutine.close()


class Waits:
    """How late the tasks run: the longest step of each, and how late one was that is always due."""

    def __init__(self, meter):
        self.steps = {}
        self.late_ms = 0
        for name in TASKS:
            self._follow(meter, name, name[1:])
        self._follow(getattr(meter, "card_slot", None), "run", "slot")

    def _follow(self, part, name, called):
        begin = getattr(part, name, None)
        if begin:
            setattr(part, name, lambda *given: Timed(begin(*given), called, self.steps))

    async def watch(self):
        while True:
            due_ms = time.ticks_add(time.ticks_ms(), LOOK_MS)
            await asyncio.sleep_ms(LOOK_MS)
            self.late_ms = max(self.late_ms, time.ticks_diff(time.ticks_ms(), due_ms))


class Service:
    """What `dianka console` asks for. It reads and changes nothing; each answer is short."""

    def __init__(self, meter, waits):
        self._meter = meter
        self._waits = waits

    def pages(self):
        return self._meter.pages.compose_texts()

    def heap(self):
        return gc.mem_free(), gc.mem_alloc()

    def waits(self):
        """Return ms that a task was late and each one's longest step in us, since the last time."""
        waits = self._waits
        found = waits.late_ms, dict(waits.steps)
        waits.steps.clear()
        waits.late_ms = 0
        return found

    def head(self):
        meter = self._meter
        minute = meter.clock.read_local_minute()
        return meter.store.state.meter_no, minute, versions.version()

    def ring(self, kind):
        """Return number of the first entry, how many there are, and what the first one follows."""
        events = self._meter.events
        first = events.oldest_number(kind)
        anchor = events.read(kind, first - 1) if first > 1 else None
        before = anchor[-event_chain.HASH:] if anchor else event_chain.START
        return first, events.newest_number(kind) - first + 1, before.hex()

    def entry(self, kind, number):
        found = self._meter.events.read(kind, number)
        return found.hex() if found else None


def reply(value):
    sys.stdout.write("\\x1e" + json.dumps(value) + "\\x1f\\n")


def _is_sealed(meter):
    return bool(meter.store.state.flags & state.OPENED)


async def _talk(meter, waits):
    import aiorepl

    await aiorepl.task({"meter": meter, "service": Service(meter, waits), "reply": reply})
    raise KeyboardInterrupt  # control-D: as control-C does without a console


async def _serve(meter, waits):
    while meter.store.unread:
        await asyncio.sleep_ms(1000)
    if _is_sealed(meter):
        meter.log("no service console: this meter has a customer")
        return
    tasks = [asyncio.create_task(_talk(meter, waits)), asyncio.create_task(waits.watch())]
    while not _is_sealed(meter):
        await asyncio.sleep_ms(1000)
    for task in tasks:
        task.cancel()
    meter.log("service console closed: this meter has a customer now")


async def _both(meter, waits):
    await asyncio.gather(meter.run(), _serve(meter, waits))


def run(meter):
    """Run the meter, with its console where that is allowed."""
    waits = None if _is_sealed(meter) else Waits(meter)
    asyncio.run(_both(meter, waits))
'''
