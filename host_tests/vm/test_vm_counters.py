"""Rung 2: the ESP32's pulse counter units, and the firmware's counter on them.

A unit has 16 bits and begins again at its limit; its rounds are counted by an interrupt.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.firmware import FIRMWARE
from vm_bench import VmBench

PIN = 19


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VmBench]:
    (tmp_path / "pulse_counter.py").write_bytes((FIRMWARE / "pulse_counter.py").read_bytes())
    with VmBench(tmp_path, "ESP32") as made:
        yield made


def send_pulses(bench: VmBench, count: int, at_us: int, high_us: int = 10, low_us: int = 10) -> int:
    """Put pulses on the pin from then on; return when the last has passed."""
    wire = bench.mcu.get_pin(PIN)
    left = count

    def rise() -> None:
        nonlocal left
        left -= 1
        wire.set(1)
        bench.clock.call_after(high_us, fall)

    def fall() -> None:
        wire.set(0)
        if left:
            bench.clock.call_after(low_us, rise)

    if count:
        bench.clock.call_at(at_us, rise)
    return at_us + count * (high_us + low_us)


COUNT = """
import time
import machine
if {hidden}:
    del machine.Counter
from machine import Pin
from pulse_counter import PulseCounter
counter = PulseCounter(Pin({pin}, Pin.IN), 0)
for _ in range({looks}):
    time.sleep_ms({every_ms})
    print(counter.value())
"""


@pytest.mark.parametrize("hidden", [False, True], ids=["machine.Counter", "esp32.PCNT"])
def test_no_pulse_is_lost_over_many_rounds(bench: VmBench, hidden: bool) -> None:
    """110,000 pulses are 3.4 rounds of 32000 and 3.3 of 32767."""
    ends_us = send_pulses(bench, 110_000, 5_000)
    source = COUNT.format(hidden=hidden, pin=PIN, looks=5, every_ms=ends_us // 5000 + 20)
    lines = [int(line) for line in bench.run(source, ends_us + 1_000_000)]
    assert lines[-1] == 110_000
    assert lines == sorted(lines)


def test_machine_counter_counts_its_rounds_while_nobody_asks(bench: VmBench) -> None:
    """But only those whose interrupt is handled before the next one: a task may not hold it up.

    An ESP32 at 1.4 kHz, the HLW8032's most, comes round in 22 s.
    """
    ends_us = send_pulses(bench, 110_000, 5_000)
    source = COUNT.format(hidden=False, pin=PIN, looks=1, every_ms=ends_us // 1000 + 20)
    assert bench.run(source, ends_us + 1_000_000) == ["110000"]


def test_esp32_pcnt_must_be_read_within_a_round(bench: VmBench) -> None:
    """Two rounds of 32767 without a look are not there: that is why `value` says so."""
    ends_us = send_pulses(bench, 70_000, 5_000)
    source = COUNT.format(hidden=True, pin=PIN, looks=1, every_ms=ends_us // 1000 + 20)
    assert bench.run(source, ends_us + 1_000_000) == [str(70_000 - 2 * 32_767)]


def test_a_round_whose_interrupt_waits_belongs_to_the_value(bench: VmBench) -> None:
    """The unit begins again at 0 before Python knows: `value` handles that first."""
    send_pulses(bench, 32_001, 5_000)
    lines = bench.run(
        f"""
        import time
        import machine, micropython
        counter = machine.Counter(0, machine.Pin({PIN}, machine.Pin.IN))
        def look(_):
            time.sleep_ms(700)  # nothing else that is scheduled runs meanwhile
            print(counter._rounds, counter.value(), counter._rounds)
        micropython.schedule(look, None)
        time.sleep_ms(1)
        """,
        2_000_000,
    )
    assert lines == ["0 32001 1"]


def test_two_rounds_behind_one_interrupt_are_one(bench: VmBench) -> None:
    """So long may nothing hold up the scheduler: 32000 pulses, 3.2 s even at 10 kHz."""
    send_pulses(bench, 64_001, 5_000)
    lines = bench.run(
        f"""
        import time
        import machine, micropython
        counter = machine.Counter(0, machine.Pin({PIN}, machine.Pin.IN))
        def look(_):
            time.sleep_ms(1500)
            print(counter.value())
        micropython.schedule(look, None)
        time.sleep_ms(1)
        """,
        3_000_000,
    )
    assert lines == ["32001"]


@pytest.mark.parametrize("seed", range(4))
def test_the_filter_drops_what_does_not_last(bench: VmBench, seed: int) -> None:
    """1016 cycles of 80 MHz, 12.7 us, for pulses and for the pauses between them."""
    rng = random.Random(seed)
    wire = bench.mcu.get_pin(PIN)
    at_us, level, believed, expected = 10_000, 0, 0, 0
    for _ in range(400):
        level ^= 1
        bench.clock.call_at(at_us, lambda level=level: wire.set(level))
        lasts_us = rng.choice((1, 5, 12, 13, 20, 300))
        if lasts_us > 12 and level != believed:
            believed = level
            expected += level
        at_us += lasts_us
    lines = bench.run(
        f"""
        import time
        from machine import Pin
        from pulse_counter import PulseCounter
        every, long = PulseCounter(Pin({PIN}), 0), PulseCounter(Pin({PIN}), 1, 1000)
        time.sleep_ms({at_us // 1000 + 20})
        print(every.value(), long.value())
        """
    )
    assert lines == [f"200 {expected}"]


def test_what_else_a_counter_can(bench: VmBench) -> None:
    send_pulses(bench, 100, 5_000)
    send_pulses(bench, 100, 105_000)
    lines = bench.run(
        f"""
        import time, esp32
        from machine import Counter, Pin
        pin = Pin({PIN}, Pin.IN)
        up = Counter(0, pin)
        down = Counter(1, pin, edge=Counter.FALLING, direction=Counter.DOWN)
        both = Counter(2, pin, edge=Counter.RISING | Counter.FALLING)
        unit = esp32.PCNT(3, pin=pin, rising=esp32.PCNT.INCREMENT, max=30, value=0)
        time.sleep_ms(50)
        print(up.value(), down.value(), both.value(), unit.value())
        unit.start()
        print(up.value(1000), up.value(), Counter(0) is up, Counter(0).value())
        down.deinit()
        time.sleep_ms(100)
        print(up.value(), both.value(), unit.value())
        unit.stop()
        print(unit.value(0), unit.value())
        down.value()
        """
    )
    assert lines.pop() == "RuntimeError: not initialised"
    assert lines[:4] == ["100 -100 200 0", "100 1000 True 1000", "1100 400 10", "10 0"]
