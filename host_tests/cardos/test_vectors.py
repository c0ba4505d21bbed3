"""Both ciphers against published numbers, each rule against its definition, block by block."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from dianka.cardos.crypto import (
    PROFILES,
    SM4,
    TDES,
    Profile,
    _make_sm4_encryptor,
    _make_tdes_encryptor,
    pad,
)

KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")
MESSAGE = bytes(range(1, 38))
R4 = bytes.fromhex("a1b2c3d4")

# The first of NIST's multi-block messages for two-key 3DES in OFB (CAVS 11.1, TOFBMMT2): key, IV,
# plain, cipher.
NIST_TWO_KEYS = [
    (
        "f2b546fbd6d3dfa4ba2c26ba255e7a3e",
        "d88bb3a7f539d7f1",
        "824cec4211ddc264",
        "c5f4ff499dfa5de8",
    ),
    (
        "378c89d3b09170802af18013c2ef6210",
        "007817d4bbdc69a1",
        "168260d5faed24b9f73aae088a477528",
        "cfd4e0fadf100f3aa5eec0b30084df47",
    ),
    (
        "61866e1c86d57a541301734c5dc86dae",
        "d0ddad02a219226d",
        "d5db2469ae56ecac5164195ed161eccc1720368f2726c060",
        "4821c0ca2de3bb2b982c7bd9cbe6a44a714d5c0a85b44e0f",
    ),
]


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def test_sm4_enciphered_a_million_times_is_that_of_the_standard() -> None:
    # GB/T 32907 appendix A.2.
    block, once = KEY, _make_sm4_encryptor(KEY).update
    for _ in range(1_000_000):
        block = once(block)
    assert block.hex() == "595298c7c6fd271f0402f804c33d3f66"


def test_sm4_blocks_and_chains() -> None:
    # draft-ribose-cfrg-sm4, appendix A.2.1.1 and A.2.2.1.
    plain = b"".join(
        bytes([value]) * 4 for value in (0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0xAA, 0xBB)
    )
    assert (
        SM4._encipher_blocks(KEY, plain).hex()
        == "5ec8143de509cff7b5179f8f474b86192f1d305a7fb17df985f81c8482192304"
    )
    chained = Cipher(algorithms.SM4(KEY), modes.CBC(bytes(range(16)))).encryptor().update(plain)
    assert chained.hex() == "78ebb11cc40b0a48312aaeb2040244cb4cb7016951909226979b0d15dc6a8f6d"


def test_3des_is_that_of_the_standard() -> None:
    # NIST SP 800-20 table A.1, first line; SP 800-67 appendix B.1.
    assert _make_tdes_encryptor(b"\x01" * 24).update(b"\x80" + bytes(7)).hex() == "95f8a5e5dd31d900"
    three = bytes.fromhex("0123456789abcdef23456789abcdef01456789abcdef0123")
    made = _make_tdes_encryptor(three).update(b"The qufck brown fox jump").hex()
    assert made == "a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900"


@pytest.mark.parametrize(("key", "iv", "plain", "cipher"), NIST_TWO_KEYS)
def test_3des_with_two_keys_is_that_of_nist(key: str, iv: str, plain: str, cipher: str) -> None:
    # Output feedback, made of the very operation that cards authenticate with.
    chain, out = bytes.fromhex(iv), b""
    for at in range(0, len(plain) // 2, 8):
        chain = TDES.encipher8(bytes.fromhex(key), chain)
        out += xor(chain, bytes.fromhex(plain)[at : at + 8])
    assert out.hex() == cipher


@pytest.mark.parametrize(
    ("message", "mac"),
    [
        (b"Now is the time for all ", "e9086230ca3be796"),
        (b"Now is the time for it", "5a692ce64f404145"),
    ],
)
def test_3des_mac_is_that_of_iso_9797(message: bytes, mac: str) -> None:
    # ISO/IEC 9797-1, algorithm 3 with padding method 2; cards send the left half.
    assert TDES.compute_mac(KEY, bytes(4), message).hex() == mac[:8]


def test_3des_mac_by_hand_from_random_bytes_on() -> None:
    single = _make_tdes_encryptor(KEY[:8] * 3).update
    chain, padded = R4 + bytes(4), pad(MESSAGE, 8)
    for at in range(0, len(padded) - 8, 8):
        chain = single(xor(chain, padded[at : at + 8]))
    last = _make_tdes_encryptor(KEY + KEY[:8]).update(xor(chain, padded[-8:]))
    assert TDES.compute_mac(KEY, R4, MESSAGE) == last[:4]


def test_3des_key_is_diversified_as_pboc_does() -> None:
    factor = bytes.fromhex("0000123456789012")
    left, right = (
        _make_tdes_encryptor(KEY + KEY[:8]).update(half)
        for half in (factor, xor(factor, b"\xff" * 8))
    )
    assert TDES.derive_key(KEY, factor) == left + right


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_a_mac_depends_on_all_that_goes_into_it(profile: Profile) -> None:
    right = profile.compute_mac(KEY, R4, MESSAGE)
    assert right != profile.compute_mac(
        KEY, R4, MESSAGE + b"\x00"
    )  # padding keeps zeros at the end apart
    assert right != profile.compute_mac(KEY, R4, MESSAGE + b"\x80")
    for bit in range(0, 8 * len(MESSAGE), 13):
        changed = bytearray(MESSAGE)
        changed[bit // 8] ^= 1 << bit % 8
        assert right != profile.compute_mac(KEY, R4, bytes(changed)), bit
    for at in range(4):
        other = bytearray(R4)
        other[at] ^= 1
        assert right != profile.compute_mac(KEY, bytes(other), MESSAGE)


def test_a_key_of_three_parts_or_half_a_key_is_refused() -> None:
    for size in (8, 24):
        with pytest.raises(ValueError):
            TDES.encipher8(bytes(size), bytes(8))
