"""Files, rights and secure messaging on a card that has one file for each case.

Four modes, tries, counters, logs.
"""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cards_kit as kit
from dianka.card_port import send
from dianka.cardos import access, keys, kinds
from dianka.cardos.access import COUNTER, LOG, FileSpec, Kind, Right, parse_targets
from dianka.cardos.chip import Chip
from dianka.cardos.crypto import PROFILES, Profile

NAME, KID, OTHER = "sampler", keys.PARAMETERS, keys.PURCHASE
MODES = (access.PLAIN, access.MAC, access.CIPHER, access.CIPHER_MAC)
SFI = {mode: sfi for sfi, mode in enumerate(MODES, 1)}
USES, TRACE, SEALED_TRACE, AFTER_AUTH = 5, 6, 7, 8
TARGET = {sfi: bytes((0x04, 0xD6, 0x80 | sfi, 0x00)) for sfi in SFI.values()}
DATA = bytes.fromhex("00112233445566778899AA")


def _file(mode: str) -> FileSpec:
    rights = (Right(mode, KID),)
    return FileSpec(len(DATA), rights, rights, {0: parse_targets(TARGET[SFI[mode]].hex())})


SAMPLER = Kind(
    NAME,
    kinds.DF_CARD,
    {
        **{SFI[mode]: _file(mode) for mode in MODES},
        USES: FileSpec(4, (Right(access.MAC, KID),), shape=COUNTER, fall=(Right(auth=OTHER),)),
        TRACE: FileSpec(12, (Right(),), shape=LOG, record_bytes=4),
        SEALED_TRACE: FileSpec(12, (Right(access.CIPHER_MAC, KID),), shape=LOG, record_bytes=4),
        AFTER_AUTH: FileSpec(4, (Right(auth=OTHER),), (Right(auth=OTHER),)),
    },
    frozenset(keys.ROOT_KIDS),
    kinds.ALL[kinds.TEST].commands | {"read_mac"},
    auth_kids=frozenset({OTHER}),
)
KEY, OTHER_KEY = bytes(range(16)), bytes(range(16, 32))


@pytest.fixture(autouse=True)
def sampler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(kinds.ALL, NAME, SAMPLER)
    yield


def made(profile: Profile) -> Chip:
    chip = Chip.new(NAME, bytes(8), kit.seeded(1), profile.name)
    chip.state.keys |= {KID: KEY, OTHER: OTHER_KEY}
    kit.open_card(chip)
    return chip


@pytest.fixture(params=list(PROFILES))
def cipher(request: pytest.FixtureRequest) -> Profile:
    return PROFILES[request.param]


@pytest.fixture
def card(cipher: Profile) -> Chip:
    return made(cipher)


def sealed(chip: Chip, mode: str, header: bytes, data: bytes, key: bytes = KEY) -> bytes:
    """The whole command that carries `data` in this mode, for the card's next challenge."""
    profile = PROFILES[chip.state.profile]
    block = profile.seal(key, data) if mode in (access.CIPHER, access.CIPHER_MAC) else data
    tail = 4 if mode in (access.MAC, access.CIPHER_MAC) else 0
    message = header + bytes((len(block) + tail,)) + block
    return message + profile.compute_mac(key, kit.challenge(chip), message) if tail else message


def write(chip: Chip, mode: str, data: bytes, key: bytes = KEY) -> int:
    cla = 0x00 if mode == access.PLAIN else 0x04
    return kit.sw_of(chip, sealed(chip, mode, bytes((cla, 0xD6, 0x80 | SFI[mode], 0)), data, key))


def test_each_mode_carries_data_in_and_out(card: Chip, cipher: Profile) -> None:
    for mode in MODES:
        sfi = SFI[mode]
        assert write(card, mode, DATA) == 0x9000, mode
        assert card.state.files[sfi] == DATA
        if mode == access.PLAIN:
            assert send(card, bytes((0, 0xB0, 0x80 | sfi, 0, len(DATA))), "read") == DATA
            continue
        size = len(sealed(card, mode, TARGET[sfi], DATA)) - 5
        r4 = bytes.fromhex("01020304")
        order = r4 + TARGET[sfi] + bytes((size,))
        answer = send(card, bytes((4, 0xB0, 0x80 | sfi, 0, len(order))) + order, "read sealed")
        body = answer if mode == access.CIPHER else answer[:-4]
        assert (body if mode == access.MAC else cipher.unseal(KEY, body)) == DATA
        if mode != access.CIPHER:
            assert answer[-4:] == cipher.compute_mac(KEY, r4, order[4:] + body)
        if mode != access.MAC:
            assert DATA not in answer


def test_no_file_takes_or_gives_in_another_mode_than_its_own(card: Chip) -> None:
    before = kit.snapshot(card)
    for mode in MODES:
        plain = bytes((0, 0xD6, 0x80 | SFI[mode], 0, len(DATA))) + DATA
        masked = sealed(card, access.MAC, bytes((4, 0xD6, 0x80 | SFI[mode], 0)), DATA)
        if mode == access.PLAIN:
            assert kit.sw_of(card, masked) == 0x6982
            continue
        assert kit.sw_of(card, plain) == 0x6982
        assert kit.sw_of(card, bytes((0, 0xB0, 0x80 | SFI[mode], 0, 4))) == 0x6982
        if mode == access.CIPHER_MAC:
            assert kit.sw_of(card, masked) == 0x6A80  # a right MAC over what was not enciphered
        if mode == access.CIPHER:
            assert kit.sw_of(card, masked) == 0x6A80
    assert card.state.files == before.files


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(PROFILES)), st.sampled_from(MODES[1:]), st.integers(0, 2000))
def test_a_changed_bit_writes_nothing(profile: str, mode: str, bit: int) -> None:
    card = made(PROFILES[profile])
    before = card.state.files[SFI[mode]]
    apdu = bytearray(sealed(card, mode, bytes((4, 0xD6, 0x80 | SFI[mode], 0)), DATA))
    at = 5 + bit // 8 % (len(apdu) - 5)
    apdu[at] ^= 1 << bit % 8
    sw = kit.sw_of(card, bytes(apdu))
    if mode == access.CIPHER:
        # Without a MAC nothing but the padding vouches for it: a changed block of pure data goes in
        # as rubbish.
        assert sw in (0x6A80, 0x9000) and card.state.files[SFI[mode]] != DATA
        return
    assert sw == 0x6988
    assert card.state.files[SFI[mode]] == before


def test_a_sealed_write_is_good_for_its_key_challenge_and_place_alone(card: Chip) -> None:
    for mode in (access.MAC, access.CIPHER_MAC):
        header = bytes((4, 0xD6, 0x80 | SFI[mode], 0))
        good = sealed(card, mode, header, DATA)
        assert kit.sw_of(card, good) == 0x9000
        assert kit.sw_of(card, good) == 0x6987  # no challenge left
        kit.challenge(card)
        assert kit.sw_of(card, good) == 0x6988
        assert write(card, mode, DATA, OTHER_KEY) == 0x6988
        moved = bytearray(sealed(card, mode, header, DATA[:4]))
        moved[3] = 4
        assert kit.sw_of(card, bytes(moved)) == 0x6988


def test_wrong_macs_in_a_row_lock_the_key_and_a_right_one_gives_the_tries_back(card: Chip) -> None:
    for _ in range(keys.MAC_TRIES - 1):
        assert write(card, access.MAC, DATA, OTHER_KEY) == 0x6988
    assert write(card, access.MAC, DATA) == 0x9000
    assert not card.state.mac_tries
    for turn in range(keys.MAC_TRIES):
        assert write(card, access.MAC, DATA, OTHER_KEY) == 0x6988, turn
        if turn % 30 == 0:
            kit.open_card(card)  # a reset gives no try back
    assert write(card, access.MAC, DATA) == 0x6983
    assert write(card, access.CIPHER, DATA) == 0x6983
    assert write(card, access.PLAIN, DATA) == 0x9000


def authenticate(card: Chip, cipher: Profile) -> int:
    proof = cipher.encipher8(OTHER_KEY, kit.challenge(card, 8))
    return kit.sw_of(card, bytes((0, 0x82, 0, OTHER, 8)) + proof)


def test_a_counter_only_falls(card: Chip, cipher: Profile) -> None:
    p2 = USES * 8 + 4
    header = bytes((4, 0xD6, 0x80 | USES, 0))
    fall = bytes((0x80, 0x30, 0, p2, 8)) + bytes.fromhex("00000001 FFFFFFFE")
    assert kit.sw_of(card, sealed(card, access.MAC, header, (3).to_bytes(4, "big"))) == 0x9000
    assert kit.sw_of(card, sealed(card, access.MAC, header, (4).to_bytes(4, "big"))) == 0x6985
    assert kit.sw_of(card, fall) == 0x6982  # whoever has not proved himself
    assert authenticate(card, cipher) == 0x9000
    for left in (2, 1, 0):
        assert kit.sw_of(card, fall) == 0x9000
        assert send(card, bytes((0, 0xB2, 1, p2, 4)), "read the counter") == left.to_bytes(4, "big")
    assert kit.sw_of(card, fall) == 0x9401
    assert kit.sw_of(card, bytes((0, 0xB2, 2, p2, 4))) == 0x6A83
    assert card.state.files[USES] == bytes(4)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, (1 << 32) - 1), max_size=8))
def test_whatever_is_written_a_counter_never_rises(values: list[int]) -> None:
    card = made(PROFILES["sm4"])
    lowest = (1 << 32) - 1
    for value in values:
        sw = kit.sw_of(
            card,
            sealed(card, access.MAC, bytes((4, 0xD6, 0x80 | USES, 0)), value.to_bytes(4, "big")),
        )
        assert sw == (0x9000 if value <= lowest else 0x6985)
        lowest = min(lowest, value)
        assert int.from_bytes(card.state.files[USES], "big") == lowest


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.binary(min_size=4, max_size=4), max_size=7), st.sampled_from((TRACE, SEALED_TRACE))
)
def test_a_log_keeps_the_newest_records_in_order(records: list[bytes], sfi: int) -> None:
    card = made(PROFILES["3des"])
    p2 = sfi * 8 + 4
    for record in records:
        cla, mode = (4, access.CIPHER_MAC) if sfi == SEALED_TRACE else (0, access.PLAIN)
        assert kit.sw_of(card, sealed(card, mode, bytes((cla, 0xE2, 0, p2)), record)) == 0x9000
    found = [send(card, bytes((0, 0xB2, number, p2, 4)), "read") for number in (1, 2, 3)]
    assert found == ([*records[::-1], bytes(4), bytes(4), bytes(4)])[:3]
    assert kit.sw_of(card, bytes((0, 0xE2, 0, p2, 3)) + bytes(3)) in (0x6700, 0x6982)
    assert kit.sw_of(card, bytes((0, 0xB0, 0x80 | sfi, 0, 4))) == 0x6981


def test_a_file_behind_a_proof_is_shut_before_and_after(card: Chip, cipher: Profile) -> None:
    write_it, read_it = (
        bytes((0, 0xD6, 0x80 | AFTER_AUTH, 0, 4)) + DATA[:4],
        bytes((0, 0xB0, 0x80 | AFTER_AUTH, 0, 4)),
    )
    for apdu in (write_it, read_it):
        assert kit.sw_of(card, apdu) == 0x6982
    assert authenticate(card, cipher) == 0x9000
    assert kit.sw_of(card, write_it) == 0x9000 and send(card, read_it, "read") == DATA[:4]
    kit.open_card(card)
    assert kit.sw_of(card, read_it) == 0x6982


def test_new_keys_end_what_was_proved_with_the_old_ones(card: Chip, cipher: Profile) -> None:
    assert authenticate(card, cipher) == 0x9000
    block = cipher.wrap(card.state.keys[0], bytes(16))
    message = bytes((0x84, 0xD4, 1, 0, len(block) + 4)) + block
    mac = cipher.compute_mac(card.state.keys[0], kit.challenge(card), message)
    assert kit.sw_of(card, message + mac) == 0x9000
    assert kit.sw_of(card, bytes((0, 0xB0, 0x80 | AFTER_AUTH, 0, 4))) == 0x6982


def test_wrong_ciphers_cost_tries_and_a_right_one_gives_them_back(card: Chip) -> None:
    assert write(card, access.CIPHER, DATA, OTHER_KEY) == 0x6A80
    assert card.state.mac_tries == {KID: keys.MAC_TRIES - 1}
    assert write(card, access.CIPHER, DATA) == 0x9000
    assert not card.state.mac_tries


def test_a_sealed_block_is_as_long_as_its_command_says(card: Chip) -> None:
    for mode in (access.CIPHER, access.CIPHER_MAC):
        size = len(sealed(card, mode, TARGET[SFI[mode]], DATA)) - 5
        for wrong in (size - 4, size + 4, size, 0):
            order = bytes(4) + TARGET[SFI[mode]] + bytes((wrong,))
            sw = kit.sw_of(card, bytes((4, 0xB0, 0x80 | SFI[mode], 0, len(order))) + order)
            assert sw == (0x9000 if wrong == size else 0x6700)
