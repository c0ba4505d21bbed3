"""Rung 3: rung 4's programs for the test jig, on the emulated Pico with the jig's wires alone."""

import ast
from pathlib import Path
from typing import Any

import pytest
from rp2040py.gpio_pin import GPIOPinState

import jig_code
from chip_bench import ChipBench

LINES = """
def made(io, power, reset, clock, sm):
    clock = PWM(Pin(clock), freq=3_571_428, duty_u16=0)
    return line_pio.PioLine(Pin(io), Pin(power, Pin.OUT, value=0), Pin(reset, Pin.OUT, value=0), \
clock, sm)

card, esam = made(5, 6, 7, 12, 0), made(9, 10, 11, 14, 2)
"""
EDGE_NS = 5_000  # 100 kHz


def said(bench: ChipBench, until_us: int) -> list[Any]:
    bench.runner.run_until(until_us)
    return [ast.literal_eval(line) for line in bench.lines if line.startswith("(")]


def wire(bench: ChipBench, *pins: int) -> None:
    """One wire between these pins of the chip, pulled up: low while one of them drives it low."""
    assert bench.runner.emulator
    ends = [bench.runner.emulator.chip.gpio[pin] for pin in pins]

    def changed(*_: object) -> None:
        level = all(end.value != GPIOPinState.LOW for end in ends)
        for end in ends:
            if end.input_value != level:
                end.set_input_value(level)

    for end in ends:
        end.set_input_value(True)
        end.add_listener(changed)


def test_two_lines_understand_each_other_over_the_jigs_wire(tmp_path: Path) -> None:
    with ChipBench(tmp_path, "line", "iso7816_pps", "line_pio", "pio_programs", "iso7816") as bench:
        runs = "\n".join(f"asyncio.run(at_rate(card, esam, {factor}))" for factor in (1, 2, 4, 8))
        source = (
            f"from machine import PWM, Pin\n{jig_code.TALK}{LINES}{runs}\n"
            "asyncio.run(refused(card, esam))\noff(card, esam)\n"
        )
        bench.boot(source)
        wire(bench, 5, 9)
        *rates, refusal = said(bench, 3_000_000)
        assert rates == [(True, True, 0, 0)] * 4, bench.runner.story
        assert refusal == ("chip refuses a character", 4, b"", 4, True)


@pytest.mark.parametrize("meanwhile", ["erase", "collect"])
def test_pulses_over_the_jigs_wire_are_counted(tmp_path: Path, meanwhile: str) -> None:
    with ChipBench(tmp_path, "pulse_counter", "pio_programs") as bench:
        counter = (
            "from pulse_counter import PulseCounter\ncounter = PulseCounter(Pin(2, Pin.IN), 4)\n"
            "time.sleep_ms(20)\n"
        )
        bench.boot(
            f"_feed = lambda: None\n{jig_code.COUNT}{counter}count(counter, 12, {meanwhile})\n"
            "time.sleep(9)\n"
        )
        emulator = bench.runner.emulator
        assert emulator
        pulse, high = emulator.chip.gpio[2], False
        pulse.set_input_value(False)

        def edge() -> None:
            nonlocal high
            _, duty = bench.mcu.pwm.get(12, (0, 0))
            high = bool(duty) and not high
            pulse.set_input_value(high)
            if duty:
                alarm.schedule(EDGE_NS)

        def switched(pin: int, frequency: int) -> None:
            if frequency:
                assert (pin, frequency) == (12, 100_000)
                alarm.schedule(EDGE_NS)

        alarm = emulator.clock.create_alarm(edge)
        bench.mcu.on_pwm = switched
        ((counted, took_us),) = said(bench, 2_500_000)
        assert abs(counted - took_us // 10) <= 10
        assert took_us > 300_000, (
            "eight erases of 45 ms, or twenty collections with 20 ms each between"
        )
