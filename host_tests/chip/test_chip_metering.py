"""Rung 3: the real MicroPython reads an ATT7022 over its SPI, and counts pulses in its PIO."""

from pathlib import Path

import chip_bench
from dianka.bench.stage.stand import S, Stand

MOST_US = 50_000  # that a task may keep the others waiting
REST_US = 3_000  # without a transfer: a poll is over


def test_an_att7022_is_calibrated_and_polled_within_a_task_s_time(tmp_path: Path) -> None:
    assert chip_bench.ChipRunner
    with Stand(tmp_path, "chip", metering="att7022") as stand:
        bench = stand.rig.bench
        polls: list[list[int]] = []  # the first and the last transfer of each
        end_transfer = bench.chip._end_transfer

        def note(command: int) -> None:
            now_us = bench.clock.now_us
            if polls and now_us - polls[-1][1] < REST_US:
                polls[-1][1] = now_us
            else:
                polls.append([now_us, now_us])
            end_transfer(command)

        bench.chip._end_transfer = note
        stand.switch_mains_on()
        stand.wait(2 * S)
        lasted_us = [last - first for first, last in polls]
        assert len(polls) > 5 and max(lasted_us) == lasted_us[0] < MOST_US
        assert bench.chip.constants[0x1E] == 55 and len(bench.chip.constants) == 0x39
        assert stand.list_violations() == []
        assert any("self-check 00" in line for line in stand.lines)


def test_long_pulses_are_counted_by_the_pio_and_short_ones_are_not(tmp_path: Path) -> None:
    with chip_bench.ChipBench(tmp_path, "pulse_counter", "pio_programs", "pio_filter") as bench:
        wire, clock = bench.mcu.get_pin(2), bench.clock
        for number in range(20):
            for at_us, level in ((0, 1), (8_000, 0), (12_000, 1), (12_300, 0)):
                clock.call_at(
                    1_000_000 + 20_000 * number + at_us, lambda level=level: wire.set(level)
                )
        lines = bench.run(
            """
            import time
            from machine import Pin
            from pio_filter import long_pulses
            from pulse_counter import PulseCounter
            long = PulseCounter(Pin(2, Pin.IN), 4, 1_000, long_pulses)
            every = PulseCounter(Pin(2), 5)
            print("ready")
            while time.ticks_ms() < 1_500:
                pass
            print(long.value(), every.value())
            """,
            1_600_000,
        )
        assert lines == ["ready", "20 40"]
