"""What a version answers to flashing: nothing but the answer, whatever it finds in its memory."""

import types
from typing import Any

import pytest

from dianka.bench.models.ds3231 import ADDRESS as CLOCK
from dianka.bench.models.ds3231 import Ds3231
from dianka.bench.models.fram import ADDRESS, Mb85rc256v
from parts import Parts

NOW_S = 825_000_000


def board(content: bytes | None = None) -> Parts:
    """A virtual board with memory and clock, and no meter running on it."""
    parts = Parts()
    devices = parts.mcu.get_i2c_bus(0).devices
    devices[ADDRESS] = Mb85rc256v(content)
    devices[ADDRESS].power_on()
    devices[CLOCK] = Ds3231(parts.clock, None)
    return parts


def kept(energy_pj: int) -> bytes:
    """What a memory holds after three commits of this energy."""
    parts = board()
    store = parts.module("state_store").StateStore(
        parts.module("board").memory(), parts.lines.append
    )
    store.state.energy_pj = energy_pj
    for _ in range(3):
        store.commit()
    return bytes(parts.mcu.get_i2c_bus(0).devices[ADDRESS].content)


@pytest.mark.parametrize("lost", ["nothing", "one half", "all"])
def test_the_totals_are_all_that_is_said(lost: str) -> None:
    """Flashing reads what the board prints: a note about the memory once spoilt the answer."""
    content = bytearray(kept(77))
    if lost != "nothing":
        content[: len(content) // 2] = bytes(len(content) // 2)
    if lost == "all":
        content[:] = bytes(len(content))
    parts = board(bytes(content))
    found = parts.module("answers").totals(None)
    assert found == (None if lost == "all" else [77, 0, 0, 0, 0])
    assert parts.lines == []


@pytest.mark.parametrize("meter", [None, types.SimpleNamespace(store=None)], ids=["none", "0.1"])
def test_the_clock_is_set_without_a_meter_that_could(meter: Any) -> None:
    """A meter of 0.1 that was running has no `set_clock`, and its board module no `clock`."""
    parts = board()
    del vars(parts.module("board"))["clock"]
    former, done = parts.module("answers").set_clock(meter, NOW_S, False)
    assert (former, done) == (None, True)
    assert parts.module("ds3231").Ds3231(parts.module("board").i2c()).read_seconds() == NOW_S
