"""Rung 2: virtual time and asyncio on the virtual board, under the real MicroPython."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vm_bench import VmBench

HOUR_US = 3_600_000_000


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VmBench]:
    with VmBench(tmp_path) as made:
        yield made


def test_two_hours_of_sleeps_are_exact(bench: VmBench) -> None:
    bench.boot(
        """
        import asyncio, time
        started_us = time.ticks_us()
        async def beat(period_ms, beats):
            for _ in range(beats):
                await asyncio.sleep_ms(period_ms)
            return beats
        async def main():
            print(await asyncio.gather(beat(500, 14400), beat(7000, 1028), beat(7200000, 1)))
            print("over", time.ticks_diff(time.ticks_us(), started_us) & 0x3fffffff, time.time())
        asyncio.run(main())
        """
    )
    assert bench.lives_until(2 * HOUR_US - 1)
    assert bench.lines == []
    assert not bench.lives_until(3 * HOUR_US)
    assert bench.clock.now_us == 2 * HOUR_US
    assert bench.lines == ["[14400, 1028, 1]", f"over {2 * HOUR_US % 2**30} {1_609_459_200 + 7200}"]
    assert bench.runner.ended == "exit 0"


def test_ticks_start_before_the_wrap_and_wrap_at_2_to_the_30(bench: VmBench) -> None:
    bench.boot(
        """
        import time
        a, b = time.ticks_ms(), time.ticks_us()
        print(a - 2**30, b - 2**30)
        time.sleep_ms(30_000)
        print(time.ticks_ms(), time.ticks_us(), time.ticks_diff(time.ticks_ms(), a), \
time.ticks_diff(time.ticks_us(), b))
        time.sleep(0.25); time.sleep_us(7)
        print(time.ticks_ms(), time.ticks_us())
        print(time.ticks_add(2**30 - 1, 2), time.ticks_diff(1, 2**30 - 1), time.ticks_diff(0, 2))
        try:
            time.ticks_add(0, 2**29)
        except OverflowError:
            print("too far")
        print(time.localtime(), time.mktime((2024, 2, 29, 12, 0, 1, 0, 0)), \
time.mktime((2023, 14, 30, 0, 0, 0, 0, 0)))
        """
    )
    bench.runner.run_until(HOUR_US)
    assert bench.lines == [
        "-30000 -30000000",
        "0 0 30000 30000000",
        "250 250007",
        "1 2 -2",
        "too far",
        "(2021, 1, 1, 0, 0, 30, 4, 1) 1709208001 1709251200",
    ]


def test_run_until_stops_at_any_microsecond(bench: VmBench) -> None:
    bench.boot(
        "import time\nwhile True:\n    time.sleep_ms(10)\n"
        "    print(time.ticks_us() - 2**30 + 30_000_000)"
    )
    for when_us in (1, 9_999, 10_000, 10_001, 34_567):
        assert bench.lives_until(when_us)
        assert bench.clock.now_us == when_us
    assert bench.lines == ["10000", "20000", "30000"]


def test_a_wait_for_ever_lets_the_world_go_on(bench: VmBench) -> None:
    bench.boot("import select\nselect.poll().poll()")
    assert bench.lives_until(1000 * HOUR_US)
    assert bench.clock.now_us == 1000 * HOUR_US
    bench.boot("import asyncio\nasyncio.run(asyncio.ThreadSafeFlag().wait())")
    assert bench.lives_until(5000 * HOUR_US)


def test_asyncio_parts(bench: VmBench) -> None:
    bench.boot(
        """
        import asyncio, time
        log = []
        async def hold(lock, name, ms):
            async with lock:
                log.append(name)
                await asyncio.sleep_ms(ms)
        async def set_later(event, flag):
            await asyncio.sleep_ms(20)
            event.set()
            await asyncio.sleep_ms(20)
            flag.set()
        async def nap(ms):
            await asyncio.sleep_ms(ms)
        async def fail():
            await asyncio.sleep_ms(5)
            raise ValueError("five")
        async def main():
            t0 = time.ticks_ms()
            past = lambda: time.ticks_diff(time.ticks_ms(), t0)
            lock, event, flag = asyncio.Lock(), asyncio.Event(), asyncio.ThreadSafeFlag()
            await asyncio.gather(hold(lock, "a", 30), hold(lock, "b", 1), hold(lock, "c", 1))
            print(log, past())
            task = asyncio.create_task(set_later(event, flag))
            await event.wait()
            print("event", past())
            await flag.wait()
            print("flag", past())
            await task
            print(task.done(), await asyncio.wait_for_ms(nap(5), 50), past())
            try:
                await asyncio.wait_for_ms(event_never.wait(), 100)
            except asyncio.TimeoutError:
                print("timeout", past())
            print(await asyncio.gather(fail(), nap(9), return_exceptions=True), past())
            try:
                await asyncio.create_task(fail())
            except ValueError as error:
                print(error, past())
            sleeper = asyncio.create_task(nap(1_000_000))
            await asyncio.sleep_ms(0)
            print(sleeper.cancel(), past())
            try:
                await sleeper
            except asyncio.CancelledError:
                print("cancelled", sleeper.done(), sleeper.cancel(), past())
            order = []
            async def note(n):
                order.append(n)
            await asyncio.gather(*[note(n) for n in range(5)])
            print(order)
        event_never = asyncio.Event()
        asyncio.run(main())
        """
    )
    bench.runner.run_until(HOUR_US)
    assert bench.lines == [
        "['a', 'b', 'c'] 32",
        "event 52",
        "flag 72",
        "True None 77",
        "timeout 177",
        "[ValueError('five',), None] 186",
        "five 191",
        "True 191",
        "cancelled True False 191",
        "[0, 1, 2, 3, 4]",
    ], bench.runner.story
