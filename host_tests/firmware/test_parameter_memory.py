"""Parameters in slots of both halves: what is in force survives a memory that fails meanwhile."""

from typing import Any

import pytest

from dianka.bench.models.fram import ADDRESS, Mb85rc256v
from parts import Parts

PARTS = Parts()
MAP, MEMORY, FRAM = (PARTS.module(name) for name in ("fram_map", "parameter_memory", "fram"))
AREA = MEMORY.TARIFFS
SETS = [bytes([number]) * AREA[3] for number in range(1, 6)]


class Failing:
    """The memory, of which these calls fail as when the bus hangs for a moment."""

    def __init__(self, chip: Mb85rc256v, fails: set[int]) -> None:
        PARTS.mcu.get_i2c_bus(0).devices[ADDRESS] = chip
        self._fram = FRAM.Fram(PARTS.machine().I2C(0))
        self._fails, self.calls = fails, 0

    def _pass(self, call: Any, *arguments: Any) -> Any:
        self.calls += 1
        if self.calls - 1 in self._fails:
            raise OSError(5)
        return call(*arguments)

    def read(self, address: int, count: int) -> bytes:
        return self._pass(self._fram.read, address, count)

    def write(self, address: int, data: bytes) -> None:
        self._pass(self._fram.write, address, data)


def filled() -> Mb85rc256v:
    chip = Mb85rc256v()
    crcs = tuple(MEMORY.compute_crc(data) for data in SETS[:4])
    for number, data in enumerate(SETS[:4]):
        MEMORY.keep(Failing(chip, set()), AREA, data, crcs[:number])
    return chip


@pytest.mark.parametrize("length", [1, 2, 4, 8])
def test_what_is_in_force_survives_a_memory_silent_for_a_moment(length: int) -> None:
    content = filled().content
    memory = Failing(Mb85rc256v(content), set())
    held = tuple(MEMORY.compute_crc(data) for data in SETS[:3])
    MEMORY.keep(memory, AREA, SETS[4], held)
    for first in range(memory.calls):
        chip = Mb85rc256v(content)
        try:
            MEMORY.keep(Failing(chip, set(range(first, first + length))), AREA, SETS[4], held)
        except MEMORY.JournalError:
            continue
        finally:
            whole = Failing(chip, set())
            for crc, data in zip(held, SETS, strict=False):
                assert MEMORY.find(whole, AREA, crc) == data, first
        assert MEMORY.find(whole, AREA, MEMORY.compute_crc(SETS[4])) == SETS[4]


def test_a_half_that_does_not_answer_is_left_as_it_is() -> None:
    chip = filled()
    held = tuple(MEMORY.compute_crc(data) for data in SETS[:3])
    before = chip.content
    MEMORY.keep(Failing(chip, {AREA[2] - 2}), AREA, SETS[4], held)
    end = MAP.HALVES[0] + 16_384
    assert chip.content[:end] == before[:end]


def test_two_halves_that_do_not_answer_are_an_error() -> None:
    with pytest.raises(MEMORY.JournalError):
        MEMORY.keep(Failing(filled(), set(range(99))), AREA, SETS[4], ())
