"""The fuzz targets on their seeds, on any bytes, and on engines with a fault planted in them.

`make fuzz` runs the same targets guided by coverage. What it finds becomes a test here.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

import characters
import chips
import files
import seeds
from targets import TARGETS

from dianka.cardos.chip import Chip

NAMES = list(TARGETS)


@pytest.fixture(scope="module")
def heard() -> seeds.Sessions:
    return seeds.Sessions()


@pytest.mark.parametrize("name", NAMES)
def test_real_cards_and_sessions(name: str, heard: seeds.Sessions) -> None:
    texts = list(seeds.of(name, heard))
    assert len(texts) >= (100 if name == "atr" else 9)
    for text in texts:
        TARGETS[name][0](text)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150)
@given(st.data())
def test_anything_at_all(name: str, data: st.DataObject) -> None:
    run, _, longest = TARGETS[name]
    run(data.draw(st.binary(max_size=longest)))


def _fails(name: str, texts: list[bytes]) -> bool:
    try:
        for text in texts:
            TARGETS[name][0](text)
    except AssertionError:
        return True
    return False


class _NoCheck(characters.ISO.AtrReader):
    """Takes any TCK."""

    def _finish(self) -> None:
        self._tck, tck = False, self._tck
        super()._finish()
        self._tck = tck


class _Deaf(characters.ISO.Exchange):
    """Takes the first byte of a status word for the second, too."""

    def _take_status(self, sw: int) -> None:
        super()._take_status(sw & 0xFF00 | sw >> 8)


class _Endless(characters.ISO.Exchange):
    """Forgets how often it has asked for a response."""

    def _take_status(self, sw: int) -> None:
        self._rounds = 0
        super()._take_status(sw)


class _Yielding(characters.PPS.Pps):
    """Believes in a rate, whatever was answered."""

    def _fail(self, why: str) -> None:
        self._end()


def _sumless(block: bytes) -> tuple[int, bytes]:
    if len(block) < 6 or block[0] != 0x68:
        raise ValueError
    length = block[2] << 8 | block[3]
    if len(block) < length + 6 or block[length + 5] != 0x16:
        raise ValueError
    return block[1], bytes(block[4 : length + 4])


def _hexadecimal(data: bytes) -> int:
    return int.from_bytes(data, "big")


_ATR = bytearray.fromhex("3BF81300008131FE454A434F5076323431B7")
_ATR[-1] ^= 1
_FRAME = bytearray(files.FILES.frame(1, bytes(5)))
_FRAME[-2] ^= 1


@pytest.mark.parametrize(
    ("name", "module", "part", "wrong", "text"),
    [
        ("atr", characters.ISO, "AtrReader", _NoCheck, bytes(_ATR)),
        ("exchange", characters.ISO, "Exchange", _Deaf, b"\x00\x02\xb0\x01\x02\x90\x00"),
        ("exchange", characters.ISO, "Exchange", _Endless,
         b"\x00\x01" + b"\x61\x01" * 12 + b"\x90\x00"),
        ("pps", characters.PPS, "Pps", _Yielding, b"\x00\xff\x10\x13\xfc"),
        ("frame", files.FILES, "unframe", _sumless, bytes(_FRAME)),
        ("record", files.FILES, "from_bcd", _hexadecimal,
         bytes((files.NAMES.index("LIMITS"),)) + bytes(11) + b"\x1f"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(
    name: str,
    module: object,
    part: str,
    wrong: object,
    text: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not _fails(name, [text])
    monkeypatch.setattr(module, part, wrong)
    assert _fails(name, [text])


def test_money_out_of_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    process: Callable[[Chip, bytes], tuple[bytes, int]] = Chip.process

    def generous(chip: Chip, apdu: bytes) -> tuple[bytes, int]:
        if apdu[:2] == b"\x84\x32":
            state = chip.state.copy()
            state.files[1] = b"\0\0\xff\xff" + state.files[1][4:]
            chip.state = state
        return process(chip, apdu)

    credit = bytes.fromhex("843201 0C 0C") + bytes(12)
    text = bytes((7, len(credit))) + credit
    assert chips.CHIPS[7].kind == "esam" and not _fails("commands", [text])
    monkeypatch.setattr(Chip, "process", generous)
    assert _fails("commands", [text])
