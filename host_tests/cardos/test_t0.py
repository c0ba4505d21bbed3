"""T=0 from the reader's side: every case, every procedure byte, and cards that behave badly."""

import pytest

import cards_kit as kit
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.cardos.core import Faults
from dianka.cardos.t0 import Behaviour, T0Card, Tpdu

ATR = bytes.fromhex("3b690000410011223344556677")
SELECT = bytes.fromhex("00A4000002DF01")


def card(behaviour: Behaviour | None = None, kind: str = kinds.USER) -> T0Card:
    made = T0Card(Chip.new(kind, ATR[-8:], kit.seeded(1)), behaviour)
    made.reset()
    return made


def say(to: T0Card, data: bytes) -> bytes:
    """All characters, whatever comes back in between; the last answer."""
    answer = b""
    for value in data:
        answer = to.receive(value)
    return answer


def talk(to: T0Card, command: bytes) -> tuple[bytes, int]:
    """A reader that follows procedure bytes. Answers data and status word."""
    heard = bytearray(say(to, command[:5]))
    rest, data = bytearray(command[5:]), bytearray()
    incoming = to._tpdu.takes_data(command)
    wanted = command[4] or 256
    while True:
        byte = heard.pop(0)
        if byte == 0x60:
            continue
        if byte >> 4 in (6, 9):
            return bytes(data), byte << 8 | heard.pop(0)
        assert byte in (command[1], command[1] ^ 0xFF)
        count = 1 if byte != command[1] else (len(rest) if incoming else wanted)
        if incoming:
            for _ in range(count):
                heard += to.receive(rest.pop(0))
        else:
            data += heard[:count]
            del heard[:count]


BEHAVIOURS = [
    Behaviour(),
    Behaviour(nulls=1),
    Behaviour(nulls=5),
    Behaviour(one_by_one=True),
    Behaviour(one_by_one=True, nulls=2),
]


def test_atr() -> None:
    assert card().reset() == ATR
    assert T0Card(Chip.new(kinds.USER), Behaviour(atr=b"\x3f\x00")).reset() == b"\x3f\x00"


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_every_case_with_every_procedure_byte(behaviour: Behaviour) -> None:
    to = card(behaviour)
    assert talk(to, bytes.fromhex("00A4000000")) == (b"", 0x6700)  # case 1
    assert talk(to, SELECT) == (b"", 0x9000)  # case 3
    data, sw = talk(to, bytes.fromhex("0084000008"))  # case 2
    assert (len(data), sw) == (8, 0x9000)
    assert talk(to, bytes.fromhex("00B0810000")) == (b"", 0x6C2D)
    assert talk(to, bytes.fromhex("00B081002D")) == (bytes(45), 0x9000)


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_case_4_is_fetched_with_get_response(behaviour: Behaviour) -> None:
    control = card(behaviour, kinds.CONTROL)
    diversify = bytes.fromhex("80FA008108") + bytes(8)
    encipher = bytes.fromhex("80FA000008") + bytes(8)
    assert talk(control, diversify) == (b"", 0x9000)
    assert talk(control, encipher) == (b"", 0x6108)
    assert talk(control, bytes.fromhex("00C0000010")) == (b"", 0x6C08)
    whole, sw = talk(control, bytes.fromhex("00C0000008"))
    assert (len(whole), sw) == (8, 0x9000)
    assert talk(control, bytes.fromhex("00C0000008")) == (b"", 0x6985)
    assert talk(control, encipher) == (b"", 0x6108)
    assert talk(control, bytes.fromhex("00C0000003")) == (whole[:3], 0x6105)
    assert talk(control, bytes.fromhex("00C0000005")) == (whole[3:], 0x9000)


@pytest.mark.parametrize("between", ["0084000004", "0012000000", "FF12000000", "00C0010008"])
def test_any_other_command_drops_the_answer(between: str) -> None:
    control = card(kind=kinds.CONTROL)
    talk(control, bytes.fromhex("80FA008108") + bytes(8))
    assert talk(control, bytes.fromhex("80FA000008") + bytes(8)) == (b"", 0x6108)
    talk(control, bytes.fromhex(between))
    assert talk(control, bytes.fromhex("00C0000008")) == (b"", 0x6985)


def test_unknown_commands_end_at_the_header() -> None:
    to = card()
    assert say(to, bytes.fromhex("0012000010")) == b"\x6d\x00"
    assert say(to, bytes.fromhex("A084000010")) == b"\x6e\x00"
    assert say(to, bytes.fromhex("0060000000")) == b"\x6d\x00"
    assert say(to, bytes.fromhex("009A000000")) == b"\x6d\x00"


def test_procedure_bytes_as_they_stand_on_the_line() -> None:
    to = card(Behaviour(nulls=2))
    assert say(to, SELECT[:5]) == b"\x60\x60\xa4"
    assert to.receive(SELECT[5]) == b""
    assert to.receive(SELECT[6]) == b"\x60\x60\x90\x00"
    to = card(Behaviour(one_by_one=True))
    assert say(to, SELECT[:5]) == b"\x5b"
    assert to.receive(SELECT[5]) == b"\x5b"
    assert to.receive(SELECT[6]) == b"\x90\x00"


def test_a_character_with_a_parity_error_is_heard_when_it_is_repeated() -> None:
    to = card()
    assert say(to, SELECT[:4]) == b""
    assert to.receive(0x13, parity_ok=False) == b""
    assert to.receive(SELECT[4]) == b"\xa4"


def test_bad_cards() -> None:
    mute = T0Card(Chip.new(kinds.USER), Behaviour(mute=True))
    assert mute.reset() == b"" and say(mute, SELECT) == b""
    assert say(card(Behaviour(wrong_procedure=0x33)), SELECT[:5]) == b"\x33"
    assert say(card(Behaviour(lying_sw=0x6982)), SELECT) == b"\x69\x82"
    short = T0Card(Chip.new(kinds.USER), Behaviour(stops_after=15))
    assert len(short.reset()) == 13
    assert len(say(short, bytes.fromhex("0084000004"))) == 2  # of seven
    assert say(short, bytes.fromhex("0084000004")) == b""
    never = card(Behaviour(null_forever=True))
    assert say(never, SELECT[:5]) == b"\x60"
    assert never.get_more() == never.get_more() == b"\x60" and never.receive(0) == b""
    never.behaviour.null_forever = False
    assert never.reset() == ATR and never.get_more() == b""


def test_a_torn_card_is_mute_until_it_is_reset() -> None:
    esam = T0Card(kit.factory_esam())
    esam.reset()
    esam._tpdu.chip.faults = Faults(torn_after=1)
    assert say(esam, bytes.fromhex("00D687000155")) == b""
    assert esam.torn and say(esam, bytes.fromhex("0084000004")) == b""
    assert len(esam.reset()) == 13 and not esam.torn
    assert talk(esam, bytes.fromhex("00B0870001")) == (b"\x55", 0x9000)


def test_tpdu_fills_up_a_command_without_length() -> None:
    tpdu = Tpdu(Chip.new(kinds.USER))
    tpdu.reset()
    assert tpdu.exchange(bytes.fromhex("00A40000")) == (b"", 0x6700)
    assert tpdu.exchange(b"") == (b"", 0x6D00)
