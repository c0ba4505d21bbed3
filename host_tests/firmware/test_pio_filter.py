"""The PIO program that counts long pulses only, instruction by instruction, without a chip."""

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.firmware import FIRMWARE

CYCLES = 64


def assemble() -> list[tuple]:
    """The program as a list of instructions, with labels as addresses."""
    program: list[tuple] = []
    labels: dict[str, int] = {}
    names: dict[str, Any] = {
        "label": lambda name: labels.__setitem__(name, len(program)),
        "set": lambda where, value: program.append(("set", where, value)),
        "jmp": lambda *to: program.append(("jmp", *to)),
        "x": "x", "y": "y", "pin": "pin", "x_dec": "x_dec", "y_dec": "y_dec",
    }  # fmt: skip
    collect: list[Callable[[], None]] = []
    rp2: Any = types.ModuleType("rp2")
    rp2.asm_pio = lambda: collect.append
    kept, sys.modules["rp2"] = sys.modules.get("rp2"), rp2
    try:
        exec((FIRMWARE / "pio_filter.py").read_text(encoding="utf-8"), names)
        collect[0]()
    finally:
        del sys.modules["rp2"]
        if kept:
            sys.modules["rp2"] = kept
    return [(*each[:-1], labels[each[-1]]) if each[0] == "jmp" else each for each in program]


PROGRAM = assemble()


def count(levels: Iterator[int]) -> int:
    """Run the program, one cycle for each level; return how far x has fallen."""
    registers, at = {"x": 0, "y": 0}, 0
    for level in levels:
        kind, *rest = PROGRAM[at]
        at = (at + 1) % len(PROGRAM)
        if kind == "set":
            registers[rest[0]] = rest[1]
            continue
        condition, target = rest if len(rest) == 2 else ("", rest[0])
        if condition in ("x_dec", "y_dec"):
            name = condition[0]
            taken = registers[name] != 0
            registers[name] = (registers[name] - 1) % (1 << 32)
        else:
            taken = level == 1 if condition == "pin" else True
        if taken:
            at = target
    return -registers["x"] % (1 << 32)


def wave(*lasts: int) -> Iterator[int]:
    """Levels low, high, low ... that last so many cycles each, then low for long."""
    for number, cycles in enumerate(lasts):
        yield from [number % 2] * cycles
    yield from [0] * 4 * CYCLES


@given(st.lists(st.integers(CYCLES + 5, 400), min_size=1, max_size=40))
def test_pulses_that_last_are_counted(lasts: list[int]) -> None:
    assert count(wave(*lasts)) == len(lasts) // 2


@given(st.lists(st.integers(3, CYCLES - 4), max_size=40))
def test_pulses_that_do_not_last_are_not_counted(lasts: list[int]) -> None:
    assert count(wave(300, *lasts)) == 0


@pytest.mark.parametrize("gap", [3, 7, CYCLES - 4])
def test_a_pulse_with_gaps_is_one_and_a_bounce_at_either_end_too(gap: int) -> None:
    assert count(wave(200, 300, gap, 300, 200)) == 1
    assert count(wave(200, 3, gap, 2, gap, 300, gap, 3, gap, 2, 200)) == 1


def test_it_fits_into_the_pio() -> None:
    assert len(PROGRAM) <= 32
