"""Carry out the virtual board's operations on PIO and DMA.

Their bytes are in the table of link.py.
"""

import struct
from collections.abc import Callable

from dianka.bench.models.pio import PioBlocks
from dianka.bench.models.pio_machine import Setting

Row = tuple[str, bool, Callable[..., object]]

DRAINED = 6  # the event
NONE = -1
_SETTING = struct.Struct("<I15B")
_PINS = struct.Struct("<BBII")


def make_rows(pio: PioBlocks, say: Callable[..., None]) -> dict[int, Row]:
    """Return the rows of these operations: the form of the fields, whether data follow, the action.

    `say(status, data)` answers.
    """

    def set_up(number: int, data: bytes) -> None:
        setting = Setting(*_SETTING.unpack_from(data))
        pio.set_up(number, setting)
        for at in range(_SETTING.size, len(data), _PINS.size):
            pio.take_pins(*_PINS.unpack_from(data, at))

    def get(number: int, _: bytes) -> None:
        word = pio.get(number)
        say(NONE if word is None else 0, struct.pack("<I", word or 0))

    def put(number: int, data: bytes) -> None:
        say(0 if pio.put(number, int.from_bytes(data, "little")) else NONE)

    def say_levels(number: int, _: bytes) -> None:
        machine = pio.machines[number]
        say(0, bytes((len(machine.rx), len(machine.tx))))

    def say_left(channel: int, _: bytes) -> None:
        transfer = pio.transfers.get(channel)
        say(0, struct.pack("<I", transfer.left if transfer else 0))

    return {
        18: ("<BBH", True, lambda block, at, data: pio.load(block, at, _read_words(data, "H"))),
        19: ("<BH", True, set_up),
        20: ("<BB", False, lambda number, on: pio.activate(number, bool(on))),
        21: ("<BB", False, lambda number, _: pio.restart(number)),
        22: ("<BH", False, pio.execute),
        23: ("<BH", True, put),
        24: ("<BH", True, get),
        25: ("<BH", True, say_levels),
        26: ("<BBH", True, lambda channel, sm, data: pio.feed(channel, sm, _read_words(data, "I"))),
        27: ("<BBI", False, pio.drain),
        28: ("<BB", False, lambda channel, _: pio.stop(channel)),
        29: ("<BH", True, say_left),
    }


def _read_words(data: bytes, form: str) -> list[int]:
    return list(struct.unpack(f"<{len(data) // struct.calcsize(form)}{form}", data))


def pack_drained(pio: PioBlocks, events: bytearray) -> None:
    """Append what DMA channels have read since the last answer."""
    for channel, words in pio.take_drained():
        events += struct.pack("<BBH", DRAINED, channel, len(words) * 4)
        events += struct.pack(f"<{len(words)}I", *words)
