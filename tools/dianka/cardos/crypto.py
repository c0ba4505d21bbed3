"""The two cipher profiles of cards and ESAM: diversification, authentication, MAC, sealed blocks.

Owns the arithmetic of docs/cards/protocol.md, section "Ciphers", and nothing about who holds which
key. SM4 is GB/T 32907: key and block of 16 bytes, used by the rules of PBOC 3.0. 3DES is ISO/IEC
18033-3 with two keys of 8 bytes and a block of 8, used by the rules of PBOC 2.0: its MAC is
algorithm 3 of ISO/IEC 9797-1. A system has one profile.
"""

import hmac
from functools import lru_cache

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

MAC_BYTES = 4
CHALLENGE_BYTES = 8
# Bytes of data that a sealed block may carry, so that block and MAC fit one command.
LONGEST_SEALED = 240


def is_same(left: bytes, right: bytes) -> bool:
    """Compare in a time that does not depend on where the first difference is."""
    return hmac.compare_digest(left, right)


def pad(message: bytes, block: int) -> bytes:
    """Append 80H, then zeros up to a whole block; the 80H is always there."""
    return message + b"\x80" + bytes(-(len(message) + 1) % block)


@lru_cache(maxsize=4096)
def _make_sm4_encryptor(key: bytes) -> CipherContext:
    # ECB has no state between blocks, so one context serves a key for ever; building one costs 15
    # times its use.
    return Cipher(algorithms.SM4(key), modes.ECB()).encryptor()


@lru_cache(maxsize=4096)
def _make_tdes_encryptor(key24: bytes) -> CipherContext:
    return Cipher(TripleDES(key24), modes.ECB()).encryptor()


class Profile:
    """One cipher as a chip uses it. The two profiles differ in block, diversification and MAC."""

    name: str
    code: int  # in the control card's file 01 and on part cards
    block_bytes: int
    key_bytes = 16

    def _encipher_blocks(self, key: bytes, blocks: bytes) -> bytes:
        raise NotImplementedError

    def _decipher_blocks(self, key: bytes, blocks: bytes) -> bytes:
        raise NotImplementedError

    def _compute_mac(self, key: bytes, r4: bytes, padded: bytes) -> bytes:
        """Return the first four bytes of the last block."""
        raise NotImplementedError

    def _derive_key(self, key: bytes, factor8: bytes) -> bytes:
        # For 3DES two blocks, for SM4 one: left half from the factor, right half from its
        # complement.
        return self._encipher_blocks(key, factor8 + bytes(value ^ 0xFF for value in factor8))

    @property
    def wrapped_bytes(self) -> int:
        """Return the length of a sealed key: length byte, key, padding."""
        return self.count_sealed_bytes(self.key_bytes)

    def count_sealed_bytes(self, size: int) -> int:
        """Return the length of the block that carries `size` bytes."""
        return len(pad(bytes(1 + size), self.block_bytes))

    def derive_key(self, key: bytes, factor8: bytes) -> bytes:
        """Derive a key with a factor of 8 bytes; raise ValueError for another length."""
        if len(factor8) != 8:
            raise ValueError("a diversification factor has 8 bytes")
        return self._derive_key(key, factor8)

    def encipher8(self, key: bytes, data8: bytes) -> bytes:
        """Encipher 8 bytes for authentication; raise ValueError for another length."""
        if len(data8) != 8:
            raise ValueError("8 bytes are enciphered, no more and no fewer")
        return self._encipher_blocks(
            key, data8 if self.block_bytes == 8 else pad(data8, self.block_bytes)
        )[:8]

    def compute_mac(self, key: bytes, r4: bytes, message: bytes) -> bytes:
        """Return the MAC of a message, starting from 4 random bytes."""
        if len(r4) != 4:
            raise ValueError("a MAC begins from 4 random bytes")
        return self._compute_mac(key, r4, pad(message, self.block_bytes))

    def seal(self, key: bytes, data: bytes) -> bytes:
        """Encipher length byte, data, 80H and zeros, block by block.

        Raise ValueError if the data has not 1 to LONGEST_SEALED bytes.
        """
        if not 0 < len(data) <= LONGEST_SEALED:
            raise ValueError(f"a sealed block carries 1 to {LONGEST_SEALED} bytes")
        return self._encipher_blocks(key, pad(bytes((len(data),)) + data, self.block_bytes))

    def unseal(self, key: bytes, block: bytes) -> bytes:
        """Return the data; raise ValueError if `seal` did not make the block under the same key."""
        if not block or len(block) % self.block_bytes:
            raise ValueError("a sealed block has whole cipher blocks")
        plain = self._decipher_blocks(key, block)
        data = plain[1 : 1 + plain[0]]
        if not is_same(plain, pad(bytes((plain[0],)) + data, self.block_bytes)):
            raise ValueError("a block that was not sealed under this key")
        return data

    def wrap(self, key: bytes, secret: bytes) -> bytes:
        """Seal a key; raise ValueError if its length is not that of a key."""
        if len(secret) != self.key_bytes:
            raise ValueError(f"a key has {self.key_bytes} bytes")
        return self.seal(key, secret)

    def unwrap(self, key: bytes, block: bytes) -> bytes:
        """Return the key; raise ValueError if `wrap` did not make the block under the same key."""
        secret = self.unseal(key, block)
        if len(secret) != self.key_bytes:
            raise ValueError("a sealed block without a key in it")
        return secret


class Sm4(Profile):
    name = "sm4"
    code = 1
    block_bytes = 16

    def _encipher_blocks(self, key: bytes, blocks: bytes) -> bytes:
        return _make_sm4_encryptor(key).update(blocks)

    def _decipher_blocks(self, key: bytes, blocks: bytes) -> bytes:
        return Cipher(algorithms.SM4(key), modes.ECB()).decryptor().update(blocks)

    def _compute_mac(self, key: bytes, r4: bytes, padded: bytes) -> bytes:
        cbc = Cipher(algorithms.SM4(key), modes.CBC(r4 + bytes(12))).encryptor()
        return cbc.update(padded)[-16:-12]


class TripleDes(Profile):
    name = "3des"
    code = 2
    block_bytes = 8

    def _encipher_blocks(self, key: bytes, blocks: bytes) -> bytes:
        return _make_tdes_encryptor(_expand_key(key)).update(blocks)

    def _decipher_blocks(self, key: bytes, blocks: bytes) -> bytes:
        return Cipher(TripleDES(_expand_key(key)), modes.ECB()).decryptor().update(blocks)

    def _compute_mac(self, key: bytes, r4: bytes, padded: bytes) -> bytes:
        chain = r4 + bytes(4)
        if len(padded) > 8:
            # 3DES with the same half three times is single DES.
            chain = (
                Cipher(TripleDES(key[:8] * 3), modes.CBC(chain))
                .encryptor()
                .update(padded[:-8])[-8:]
            )
        return self._encipher_blocks(
            key, bytes(a ^ b for a, b in zip(chain, padded[-8:], strict=True))
        )[:4]


def _expand_key(key: bytes) -> bytes:
    if len(key) != 16:
        raise ValueError("a 3DES key of this profile has 16 bytes")
    return key + key[:8]


SM4 = Sm4()
TDES = TripleDes()
PROFILES: dict[str, Profile] = {profile.name: profile for profile in (SM4, TDES)}


def find_profile(code: int) -> Profile:
    """Return the profile of this code; raise ValueError if there is none."""
    for profile in PROFILES.values():
        if profile.code == code:
            return profile
    raise ValueError(f"unknown cipher profile {code}")
