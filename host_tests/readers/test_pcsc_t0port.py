"""61xx and 6Cxx followed by the terminal: a chip behind T=0 says the same as the chip itself."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards_kit import control_card, user_card
from dianka.card_port import CardError
from dianka.cardos.chip import Chip
from dianka.cardos.t0 import Tpdu
from dianka.readers.t0port import exchange

CONTROL = control_card()
USER = user_card(CONTROL)


def sender(chip: Chip) -> Callable[[bytes], bytes]:
    tpdu = Tpdu(chip)
    tpdu.reset()

    def send(apdu: bytes) -> bytes:
        data, sw = tpdu.exchange(apdu)
        return data + sw.to_bytes(2, "big")

    return send


def both(chip: Chip, apdus: list[bytes]) -> None:
    """The same commands to a copy of the chip itself and to a copy behind T=0."""
    plain, behind = (Chip(chip.state.copy(), rng=bytes) for _ in range(2))
    plain.power_on()
    send = sender(behind)
    for apdu in apdus:
        data, sw = plain.process(apdu)
        if sw >> 8 == 0x6C:
            data, sw = plain.process(apdu[:4] + bytes((sw & 0xFF,)))
        assert exchange(send, apdu) == (data, sw), apdu.hex()
    assert plain.state == behind.state


def test_the_commands_of_a_sale() -> None:
    both(
        CONTROL,
        [bytes.fromhex("80FA0007080011223344556677"), bytes.fromhex("80FA000008" + "00" * 8)],
    )
    both(
        USER,
        [
            bytes.fromhex(apdu)
            for apdu in (
                "00A4000002DF01",
                "00B0810004",
                "00B0810000",
                "00B08100FF",
                "00B0850031",
                "008400000800"[:10],
                "0084000003",
            )
        ],
    )


def test_a_length_expected_behind_data_is_the_reader_s_affair() -> None:
    USER.power_on()
    assert exchange(sender(USER), bytes.fromhex("00A4000002DF0100")) == (b"", 0x9000)
    assert exchange(sender(USER), bytes.fromhex("00A4"))[1] in (0x6700, 0x6A86, 0x6A82)


HEADERS = st.sampled_from(
    [
        "00A40000",
        "00840000",
        "00B08100",
        "00B08500",
        "00880001",
        "00820007",
        "04D68100",
        "80FA0007",
        "00C00000",
    ]
)


@given(st.lists(st.tuples(HEADERS, st.binary(max_size=40)), max_size=6))
def test_any_commands_with_data(commands: list[tuple[str, bytes]]) -> None:
    apdus = [
        bytes.fromhex(header) + bytes((len(data),)) + data
        for header, data in commands
        if data and header[2:4] not in "B0 84 C0"
    ]
    both(USER, apdus)
    both(CONTROL, apdus)


@given(st.sampled_from(["0084", "00B0"]), st.binary(min_size=2, max_size=2), st.integers(1, 255))
def test_any_commands_that_read(head: str, p1p2: bytes, length: int) -> None:
    both(USER, [bytes.fromhex("00A4000002DF01"), bytes.fromhex(head) + p1p2 + bytes((length,))])


def test_an_answer_in_pieces() -> None:
    pieces = iter([b"\x61\x03", b"abc\x61\x02", b"de\x90\x00"])
    asked: list[bytes] = []

    def send(apdu: bytes) -> bytes:
        asked.append(apdu)
        return next(pieces)

    assert exchange(send, bytes.fromhex("80FA00000100")) == (b"abcde", 0x9000)
    assert [apdu.hex() for apdu in asked] == ["80fa00000100", "00c0000003", "00c0000002"]


@pytest.mark.parametrize("answer", [b"", b"\x90", b"\x61\x00", b"x\x61\x01", b"\x6c\x05"])
def test_nonsense_ends(answer: bytes) -> None:
    with pytest.raises(CardError) as caught:
        exchange(lambda apdu: answer, bytes.fromhex("00B0810004"))
    assert "\n" not in str(caught.value)
