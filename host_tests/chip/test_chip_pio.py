"""Rung 3: the emulated PIO is on time, whatever the CPU does meanwhile."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from chip_bench import ChipBench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ChipBench]:
    with ChipBench(tmp_path) as made:
        yield made


def test_every_edge_of_a_wave_comes_on_its_cycle_while_the_cpu_sleeps(bench: ChipBench) -> None:
    bench.boot(
        """
        import rp2, time
        from machine import Pin
        @rp2.asm_pio(set_init=rp2.PIO.OUT_LOW)
        def wave():
            set(pins, 1)[4]
            set(pins, 0)[2]
        rp2.StateMachine(0, wave, freq=640_000, set_base=Pin(9)).active(1)
        while True:
            time.sleep_ms(1000)
        """
    )
    bench.runner.run_until(100_000)
    edges_ns: list[int] = []
    emulator = bench.runner.emulator
    assert emulator
    bench.mcu.get_pin(9).listeners.append(lambda level: edges_ns.append(emulator.now_ns))
    bench.runner.run_until(120_000)
    gaps = [later - edge for edge, later in pairwise(edges_ns)]
    assert len(gaps) >= 398
    # 8 steps of 195 5/16 cycles each, and a cycle is 8 ns: an edge is late by less than the one
    # cycle that it has to wait for.
    step_ns = 8 * (195 * 256 + 80) / 256
    periods = [edges_ns[n] - edges_ns[0] - n // 2 * 8 * step_ns for n in range(0, len(edges_ns), 2)]
    assert max(periods) - min(periods) <= 8
    assert {round(gap / step_ns) for gap in gaps} == {3, 5}


def test_a_delay_after_a_wait_counts_from_the_edge(bench: ChipBench) -> None:
    """The emulator's own count stands still in a sleep.

    An edge in the middle of a long one must not be dated back.
    """
    bench.boot(
        """
        import rp2, time
        from machine import Pin
        @rp2.asm_pio(set_init=rp2.PIO.OUT_LOW)
        def echo():
            wait(1, pin, 0)[31]
            set(pins, 1)
            wait(0, pin, 0)[31]
            set(pins, 0)
        rp2.StateMachine(0, echo, freq=125_000, set_base=Pin(9), in_base=Pin(10, Pin.IN)).active(1)
        while True:
            time.sleep_ms(1000)
        """
    )
    bench.mcu.get_pin(10)
    heard_us: list[int] = []
    bench.mcu.get_pin(9).listeners.append(lambda level: heard_us.append(bench.clock.now_us))
    sent_us = [200_000 + n * 1_000 + 13 * n * n % 500 for n in range(20)]
    for n, at_us in enumerate(sent_us):
        bench.clock.call_at(at_us, lambda n=n: bench.mcu.get_pin(10).set(1 - n % 2))
    bench.runner.run_until(250_000)
    assert len(heard_us) == 20, (heard_us, sent_us)
    assert {heard - sent for heard, sent in zip(heard_us[-20:], sent_us, strict=True)} <= {256, 257}


def test_pulses_are_counted_through_collections_and_a_flash_erase(tmp_path: Path) -> None:
    """Pulses begin when the chip begins to collect.

    It says with a pin when it erases, so that each meets pulses for sure.
    """
    with ChipBench(tmp_path, "pulse_counter", "pio_programs") as bench:
        bench.boot(
            """
            import gc, rp2, time
            from machine import Pin
            from pulse_counter import PulseCounter
            counter = PulseCounter(Pin(10, Pin.IN), 4)
            collecting, erasing = Pin(11, Pin.OUT, value=0), Pin(12, Pin.OUT, value=0)
            time.sleep_ms(40)
            print(counter.value())
            collecting(1)
            for _ in range(3):
                gc.collect()
            collecting(0)
            erasing(1)
            rp2.Flash().ioctl(6, 300)
            erasing(0)
            time.sleep_ms(150)
            print(counter.value())
            """
        )
        emulator = bench.runner.emulator
        assert emulator
        pin, count = emulator.chip.gpio[10], 0
        pin.set_input_value(False)
        met: dict[int, list[int]] = {11: [], 12: []}  # edges so far when a pin was set and cleared

        def edge() -> None:
            nonlocal count
            count += 1
            pin.set_input_value(bool(count & 1))
            if count < 2 * 8_000:
                alarm.schedule(5_000)  # 100 kHz

        def told(number: int) -> None:
            level = emulator.chip.gpio[number].output_value
            if level == len(met[number]) % 2:
                return
            met[number].append(count)
            if number == 11 and level:
                alarm.schedule(5_000)

        alarm = emulator.clock.create_alarm(edge)
        for number in met:
            emulator.chip.gpio[number].add_listener(lambda *_, n=number: told(n))
        bench.runner.run_until(500_000)
        assert bench.lines[:2] == ["0", "8000"], bench.runner.story
        (began, collected), (erase_began, erased) = met[11], met[12]
        assert began == 0 and collected >= 100, met
        assert 8_000 <= erased - erase_began < 2 * 8_000 - erase_began, (
            "45 ms of pulses, and pulses after them"
        )
