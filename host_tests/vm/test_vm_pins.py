"""Rung 2: pins and their interrupts on the virtual board, under the real MicroPython."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vm_bench import VmBench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VmBench]:
    with VmBench(tmp_path) as made:
        yield made


def test_an_input_shows_what_the_last_write_caused(bench: VmBench) -> None:
    clock_pin, answer = bench.mcu.get_pin(2), bench.mcu.get_pin(3)
    clock_pin.listeners.append(lambda level: answer.set(1 - level))
    lines = bench.run(
        """
        import machine
        from machine import Pin
        clock, answer = Pin(2, Pin.OUT, value=1), Pin("GP3", Pin.IN, Pin.PULL_UP)
        print(clock.value(), answer.value())
        clock.low()
        print(clock(), answer(), answer is Pin(3))
        lamp = machine.Signal(clock, invert=True)
        lamp.off()
        print(clock.value(), lamp.value(), answer.value())
        Pin(4, Pin.OPEN_DRAIN)
        print(Pin(4).value())
        Pin(4).off()
        print(Pin(4).value(), Pin(9).value())
        """
    )
    assert lines == ["1 0", "0 1 True", "1 0 0", "1", "0 0"]


def test_hard_handler_runs_at_the_edge_and_must_not_allocate(bench: VmBench) -> None:
    for at_us, level in ((1_234, 1), (2_000, 0), (5_001, 1), (6_000, 0), (7_777, 1)):
        bench.clock.call_at(at_us, lambda level=level: bench.mcu.get_pin(5).set(level))
    lines = bench.run(
        """
        import time
        from array import array
        from machine import Pin
        t0 = time.ticks_us()
        out, other = Pin(6, Pin.OUT), Pin(7, Pin.IN)
        stamps = array("i", [0] * 8)
        count = 0
        def good(pin):
            global count
            stamps[count] = time.ticks_diff(time.ticks_us(), t0)
            count += 1
            out.value(1)
            out.value(0)
            other.value()
            if count == 2:
                pin.irq(bad, Pin.IRQ_RISING, hard=True) if False else None
        def bad(pin):
            return [pin]
        pin = Pin(5, Pin.IN)
        pin.irq(good, Pin.IRQ_RISING, hard=True)
        time.sleep_us(6_500)
        print(count, list(stamps), time.ticks_diff(time.ticks_us(), t0))
        pin.irq(bad, Pin.IRQ_RISING, hard=True)
        time.sleep_ms(10)
        print(pin.irq().handler)
        """
    )
    assert lines[0] == "2 [1234, 5001, 0, 0, 0, 0, 0, 0] 6500"
    assert lines[1] == "Uncaught exception in IRQ callback handler"
    assert lines[-2:] == ["MemoryError: memory allocation failed, heap is locked", "None"]


def test_soft_handlers_wait_until_the_hard_one_is_done(bench: VmBench) -> None:
    bench.clock.call_at(1_000, lambda: (bench.mcu.get_pin(5).set(1), bench.mcu.get_pin(6).set(1)))
    lines = bench.run(
        """
        import micropython, time
        from machine import Pin
        log = []
        hard_runs = bytearray(1)
        def later(n):
            log.append([n, time.ticks_us() - 2**30 + 30_000_000])
        def hard(pin):
            micropython.schedule(later, 1)
            for n in range(20):
                hard_runs[0] = n
        def soft(pin):
            log.append([str(pin), pin.irq().flags()])
        Pin(5).irq(hard, hard=True)
        Pin(6).irq(soft, Pin.IRQ_RISING)
        time.sleep_ms(2)
        print(log)
        """
    )
    assert lines == ["[[1, 1000], ['Pin(GPIO6)', 8]]"]


def test_hard_handler_interrupts_a_soft_one_that_waits(bench: VmBench) -> None:
    for at_us in (1_000, 1_500, 2_000):
        bench.clock.call_at(at_us, lambda: bench.mcu.get_pin(5).set(1 - bench.mcu.get_pin(5).level))
    lines = bench.run(
        """
        import time
        from machine import Pin, disable_irq, enable_irq
        hits = bytearray(8)
        def hard(pin):
            hits[0] += 1
        def soft(pin):
            pin.irq(hard, hard=True)
            time.sleep_us(700)
            hits[1] = hits[0]
        Pin(5).irq(soft)
        time.sleep_us(1_900)
        state = disable_irq()
        time.sleep_us(500)
        hits[2] = hits[0]
        enable_irq(state)
        print(list(hits[:3]), hits[0])
        """
    )
    assert lines == ["[2, 1, 1] 2"]


def test_flag_set_by_a_handler_wakes_asyncio_at_the_edge(bench: VmBench) -> None:
    bench.clock.call_at(123_456, lambda: bench.mcu.get_pin(5).set(1))
    lines = bench.run(
        """
        import asyncio, time
        from machine import Pin
        async def other():
            while True:
                await asyncio.sleep_ms(1000)
        async def main():
            flag = asyncio.ThreadSafeFlag()
            Pin(5, Pin.IN).irq(lambda pin: flag.set(), Pin.IRQ_RISING, hard=True)
            asyncio.create_task(other())
            await flag.wait()
            print(time.ticks_us() - 2**30 + 30_000_000)
        asyncio.run(main())
        """
    )
    assert lines == ["123456"]


def test_an_edge_that_the_firmware_itself_causes_is_not_lost(bench: VmBench) -> None:
    bench.mcu.get_pin(2).listeners.append(lambda level: bench.mcu.get_pin(3).set(level))
    lines = bench.run(
        """
        import time
        from machine import Pin
        seen = bytearray(2)
        def hear(pin):
            seen[0] += 1
            seen[1] = time.ticks_us() - 2**30 + 30_000_000
        Pin(3, Pin.IN).irq(hear, Pin.IRQ_FALLING, hard=True)
        out = Pin(2, Pin.OUT, value=1)
        time.sleep_us(50)
        out.off()
        time.sleep_us(50)
        print(list(seen))
        """
    )
    assert lines == ["[1, 50]"]
