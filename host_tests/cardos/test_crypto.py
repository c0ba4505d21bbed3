"""The cipher against published numbers, and what must not open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.cardos.crypto import SM4, _make_sm4_encryptor, pad
from dianka.cardos.keys import PUBLIC_ROOTS, is_public_master

KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")
block16 = st.binary(min_size=16, max_size=16)


def test_sm4_is_that_of_the_standard() -> None:
    # GB/T 32907 appendix A.1: key and plain text are the same block.
    assert _make_sm4_encryptor(KEY).update(KEY).hex() == "681edf34d206965e86b3e94f536e4246"


def test_diversified_key_is_the_factor_and_its_complement_enciphered() -> None:
    factor = bytes.fromhex("0000123456789012")
    assert SM4.derive_key(KEY, factor) == _make_sm4_encryptor(KEY).update(
        factor + bytes.fromhex("ffffedcba9876fed")
    )


def test_mac_is_the_last_cbc_block_by_hand() -> None:
    r4, message = b"\x01\x02\x03\x04", bytes(range(20))
    chain = r4 + bytes(12)
    padded = message + b"\x80" + bytes(11)
    for at in (0, 16):
        chain = _make_sm4_encryptor(KEY).update(
            bytes(a ^ b for a, b in zip(chain, padded[at : at + 16], strict=True))
        )
    assert SM4.compute_mac(KEY, r4, message) == chain[:4]


def test_padding_is_always_there() -> None:
    assert pad(b"", 16) == b"\x80" + bytes(15)
    assert pad(bytes(16), 16) == bytes(16) + b"\x80" + bytes(15)


@given(block16, block16)
def test_a_sealed_key_opens_under_its_master(master: bytes, secret: bytes) -> None:
    assert SM4.unwrap(master, SM4.wrap(master, secret)) == secret


@given(st.integers(0, 255))
def test_a_sealed_key_with_a_changed_bit_does_not_open_as_it_was(bit: int) -> None:
    block = bytearray(SM4.wrap(KEY, bytes(16)))
    block[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError):
        SM4.unwrap(KEY, bytes(block))


def test_wrong_sizes_are_refused() -> None:
    for call in (
        lambda: SM4.derive_key(KEY, bytes(7)),
        lambda: SM4.encipher8(KEY, bytes(9)),
        lambda: SM4.compute_mac(KEY, bytes(8), b""),
        lambda: SM4.wrap(KEY, bytes(8)),
        lambda: SM4.unwrap(KEY, bytes(16)),
    ):
        with pytest.raises(ValueError):
            call()


def test_public_master_is_known_by_its_factors_alone() -> None:
    factor = bytes(8)
    assert is_public_master(SM4, PUBLIC_ROOTS[0], ())
    assert is_public_master(SM4, SM4.derive_key(PUBLIC_ROOTS[0], factor), (factor,))
    assert not is_public_master(SM4, SM4.derive_key(PUBLIC_ROOTS[0], b"otherone"), (factor,))
