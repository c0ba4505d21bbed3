"""The data in the PIO's FIFOs, and the pulse counter on every kind of port, without a chip."""

import importlib
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.firmware import FIRMWARE

NAMES = (
    "machine",
    "micropython",
    "rp2",
    "esp32",
    "line",
    "iso7816_pps",
    "iso7816",
    "pio_programs",
    "line_pio",
    "pulse_counter",
)


class StateMachine:
    """A PIO that counts down in x, and has only the three instructions that the counter may use."""

    def __init__(self, number: int, program: object, in_base: object) -> None:
        self.x, self.isr, self.running = 0xDEAD, 0, False
        self.fifo: list[int] = []

    def active(self, value: int) -> None:
        self.running = bool(value)

    def exec(self, instruction: int) -> None:
        if instruction == 0xE020:
            self.x = 0
        elif instruction == 0xA0C1:
            self.isr = self.x
        elif instruction == 0x8000:
            self.fifo.append(self.isr)
        else:
            raise AssertionError(f"instruction {instruction:#06x}")

    def get(self) -> int:
        return self.fifo.pop(0)

    def count(self, pulses: int) -> None:
        assert self.running
        self.x = (self.x - pulses) % (1 << 32)


class Unit:
    """An esp32.PCNT: 16 bits, 0 again at its limit."""

    INCREMENT = 1

    def __init__(
        self, number: int, pin: object, rising: int, max: int, value: int, filter: int
    ) -> None:
        assert rising == self.INCREMENT and 0 < max <= 32767 and 0 <= filter <= 1023
        self.limit, self.counted, self.running = max, value, False

    def start(self) -> None:
        self.running = True

    def value(self) -> int:
        return self.counted

    def count(self, pulses: int) -> None:
        assert self.running
        self.counted = (self.counted + pulses) % self.limit


class Counter:
    """A machine.Counter: never wraps."""

    def __init__(self, number: int, pin: object, *, filter_ns: int = 0) -> None:
        assert 0 <= filter_ns <= 12_787
        self.counted = 0

    def value(self) -> int:
        return self.counted

    def count(self, pulses: int) -> None:
        self.counted += pulses


def load(name: str, **ports: types.ModuleType | None) -> Any:
    """A firmware module with nothing under it but what this port has.

    No trace is left in sys.modules.
    """
    kept = {other: sys.modules.pop(other, None) for other in NAMES}
    micropython: Any = types.ModuleType("micropython")
    micropython.const = lambda value: value
    sys.modules.update(
        {"machine": types.ModuleType("machine"), "micropython": micropython, **ports}
    )
    sys.path.insert(0, str(FIRMWARE))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FIRMWARE))
        for other, module in kept.items():
            sys.modules.pop(other, None)
            if module:
                sys.modules[other] = module


def rp2() -> types.ModuleType:
    module: Any = types.ModuleType("rp2")
    module.PIO = types.SimpleNamespace(IN_LOW=0, SHIFT_RIGHT=1, JOIN_RX=2)
    module.asm_pio = lambda **settings: lambda program: program
    module.StateMachine = StateMachine
    return module


pioline = load("line_pio", rp2=rp2())


@pytest.mark.parametrize("value", range(256))
def test_a_word_pulls_low_for_start_and_zeros_and_makes_parity_even(value: int) -> None:
    word = pioline.encode_character(value)
    levels = [1 - (word >> bit & 1) for bit in range(11)]
    assert levels[0] == 0
    assert sum(level << bit for bit, level in enumerate(levels[1:9])) == value
    assert sum(levels[1:10]) % 2 == 0
    assert levels[10] == 1
    assert word >> 11 == 0


@given(value=st.integers(0, 255), flipped=st.integers(0, 8), rubbish=st.integers(0, 127))
def test_what_the_receiver_gives_is_the_character_or_its_error(
    value: int, flipped: int, rubbish: int
) -> None:
    bits = [value >> bit & 1 for bit in range(8)]
    bits.append(sum(bits) & 1)
    assert pioline.decode_word(parities(bits) << 7) == value
    bits[flipped] ^= 1
    assert pioline.decode_word(parities(bits) << 7 | rubbish) == -1


def parities(bits: list[int]) -> int:
    word = parity = 0
    for place, bit in enumerate(bits):
        parity ^= bit
        word |= parity << place
    return word


def counters() -> Iterator[tuple[str, dict[str, types.ModuleType | None]]]:
    esp32: Any = types.ModuleType("esp32")
    esp32.PCNT = Unit
    machine: Any = types.ModuleType("machine")
    machine.Counter = Counter
    yield "PIO", {"rp2": rp2()}
    yield "machine.Counter", {"machine": machine, "rp2": None}
    yield "esp32.PCNT", {"esp32": esp32, "rp2": None}


@pytest.mark.parametrize(("kind", "ports"), list(counters()))
@given(bursts=st.lists(st.integers(0, 32766), max_size=20))
def test_every_kind_of_counter_counts_every_pulse(
    kind: str, ports: dict[str, types.ModuleType | None], bursts: list[int]
) -> None:
    module = load("pulse_counter", **ports)
    sys.modules["pio_programs"] = types.SimpleNamespace(pulses=None)
    kept = sys.modules.get("esp32")
    sys.modules["esp32"] = ports.get("esp32")
    try:
        counter = module.PulseCounter(object(), 4)
        if kind != "PIO":  # a filter longer than the port has is as long as it has
            module.PulseCounter(object(), 4, 1_000)
    finally:
        del sys.modules["pio_programs"], sys.modules["esp32"]
        if kept:
            sys.modules["esp32"] = kept
    total = 0
    for pulses in bursts:
        counter._counter.count(pulses)
        total += pulses
        assert counter.value() == total


def test_the_counter_goes_on_where_the_register_wraps() -> None:
    module = load("pulse_counter", rp2=rp2())
    sys.modules["pio_programs"] = types.SimpleNamespace(pulses=None)
    try:
        counter = module.PulseCounter(object(), 4)
    finally:
        del sys.modules["pio_programs"]
    for total in range(0xFFFFFFFF, 5 * 0xFFFFFFFF, 0xFFFFFFFF):
        counter._counter.count(0xFFFFFFFF)
        assert counter.value() == total
