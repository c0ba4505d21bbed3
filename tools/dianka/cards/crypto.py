"""The cipher profiles that cards and ESAM speak: diversification, authentication, MAC and sealed keys.

Owns the arithmetic of docs/card-protocol.md, section "SM4 profile", and nothing about who holds which key.
SM4 is GB/T 32907: 16-byte key and block. MAC and diversification follow the rules of PBOC 3.0.
"""

import hmac
from functools import lru_cache
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

MAC_BYTES = 4
CHALLENGE_BYTES = 8


class Profile(Protocol):
    """What a chip asks of its cipher. A second profile (3DES) is a second class with these members."""

    name: str
    key_bytes: int
    wrapped_bytes: int

    def div(self, key: bytes, factor8: bytes) -> bytes: ...
    def cipher8(self, key: bytes, data8: bytes) -> bytes: ...
    def mac(self, key: bytes, r4: bytes, message: bytes) -> bytes: ...
    def wrap(self, key: bytes, secret: bytes) -> bytes: ...
    def unwrap(self, key: bytes, block: bytes) -> bytes: ...


def same(left: bytes, right: bytes) -> bool:
    """Equality that takes the same time wherever the first difference is."""
    return hmac.compare_digest(left, right)


def pad(message: bytes, block: int) -> bytes:
    """80H, then zeros to the next whole block; always at least the 80H."""
    return message + b"\x80" + bytes(-(len(message) + 1) % block)


@lru_cache(maxsize=4096)
def _sm4_encryptor(key: bytes) -> CipherContext:
    # ECB carries nothing from block to block, so one context serves a key for ever; building one costs 15 times its use.
    return Cipher(algorithms.SM4(key), modes.ECB()).encryptor()


class Sm4:
    name = "sm4"
    key_bytes = 16
    wrapped_bytes = 32

    def div(self, key: bytes, factor8: bytes) -> bytes:
        if len(factor8) != 8:
            raise ValueError("a diversification factor has 8 bytes")
        return _sm4_encryptor(key).update(factor8 + bytes(value ^ 0xFF for value in factor8))

    def cipher8(self, key: bytes, data8: bytes) -> bytes:
        if len(data8) != 8:
            raise ValueError("8 bytes are enciphered, no more and no fewer")
        return _sm4_encryptor(key).update(pad(data8, 16))[:8]

    def mac(self, key: bytes, r4: bytes, message: bytes) -> bytes:
        if len(r4) != 4:
            raise ValueError("a MAC begins from 4 random bytes")
        cbc = Cipher(algorithms.SM4(key), modes.CBC(r4 + bytes(12))).encryptor()
        return cbc.update(pad(message, 16))[-16:-12]

    def wrap(self, key: bytes, secret: bytes) -> bytes:
        if len(secret) != self.key_bytes:
            raise ValueError("an SM4 key has 16 bytes")
        return _sm4_encryptor(key).update(pad(bytes((len(secret),)) + secret, 16))

    def unwrap(self, key: bytes, block: bytes) -> bytes:
        """The key inside; ValueError if the block was not made by `wrap` under the same key."""
        if len(block) != self.wrapped_bytes:
            raise ValueError("a sealed key has 32 bytes")
        plain = Cipher(algorithms.SM4(key), modes.ECB()).decryptor().update(block)
        secret = plain[1:17]
        if not same(plain, pad(bytes((self.key_bytes,)) + secret, 16)):
            raise ValueError("a sealed key that was not sealed under this key")
        return secret


SM4 = Sm4()
PROFILES: dict[str, Profile] = {SM4.name: SM4}
