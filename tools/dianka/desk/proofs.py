"""Whose card is it: what a chip proves to a system control card, and the control card to it, for
`dianka card verify`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dianka.card_port import OK, CardError, CardPort, CardRefused, command, send
from dianka.cardos import keys, kinds
from dianka.cardos.files import card_files
from dianka.desk.control import profile_of
from dianka.desk.session import Desk

Rng = Callable[[int], bytes]

# Docs, "Who holds which key": cards that go to meters with public keys prove themselves with one.
_PUBLIC_IDENTITY = frozenset({kinds.INIT, kinds.KEYS, kinds.TEST, kinds.TEST_CREDIT})
_PUBLIC_DESK = _PUBLIC_IDENTITY - {kinds.KEYS}


@dataclass(frozen=True)
class Finding:
    good: bool
    text: str


def card_proofs(
    card: CardPort, kind: str, serial: bytes, control: CardPort, rng: Rng
) -> Iterator[Finding]:
    """A card in whose directory we are: its identity keys, and if they are right its desk key."""
    known = True
    for kid in sorted(kinds.ALL[kind].identity_kids):
        public = bool(kid & keys.BESIDE) or kind in _PUBLIC_IDENTITY
        challenge = rng(8)
        answer, sw = card.process(command(f"008800{kid:02X}", challenge))
        good = sw == OK and answer == _enciphered(
            control, _root(keys.IDENTITY, public), serial, challenge
        )
        known = known and good
        yield Finding(good, f"identity key {kid:02X}: {_whose(good, public)}")
    if not known:
        return
    public = kind in _PUBLIC_DESK
    try:
        Desk(control, card, serial, public).authenticate()
    except CardRefused as refused:
        yield Finding(
            False,
            f"desk key {keys.DESK:02X}: not accepted (status {refused.sw:04X}), {_whose(False, public)}",
        )
        return
    yield Finding(True, f"desk key {keys.DESK:02X}: {_whose(True, public)}")


def esam_proofs(esam: CardPort, private: bool, control: CardPort, rng: Rng) -> Iterator[Finding]:
    for kid, name in ((keys.IDENTITY, "identity"), (keys.EXTERNAL, "external")):
        challenge, factor = rng(8), rng(8)
        good = _enciphered(esam, kid, factor, challenge) == _enciphered(
            control, _root(kid, not private), factor, challenge
        )
        yield Finding(good, f"{name} key {kid:02X}: {_whose(good, not private)}")


def control_proofs(card: CardPort, control: CardPort | None, rng: Rng) -> Iterator[Finding]:
    """A control card: the published set is in it, and, beside another one, the same private keys."""
    try:
        profile = profile_of(card)
    except CardError as error:
        yield Finding(False, str(error))
        return
    for kid in (keys.IDENTITY, keys.EXTERNAL, keys.DESK):
        challenge, factor = rng(8), rng(8)
        expected = profile.cipher8(profile.div(keys.PUBLIC_ROOTS[kid], factor), challenge)
        good = _enciphered(card, keys.PUBLIC | kid, factor, challenge) == expected
        yield Finding(
            good, f"public key {kid:02X}: {'as published' if good else 'not the published one'}"
        )
        if control:
            good = _enciphered(card, kid, factor, challenge) == _enciphered(
                control, kid, factor, challenge
            )
            yield Finding(good, f"private key {kid:02X}: {_whose(good, public=False)}")


def is_private(esam: CardPort) -> bool:
    """The key state that an ESAM reports."""
    block, _ = esam.process(bytes((0x00, 0xB0, 0x80 | card_files.ESAM_KEY_INFO, 0x04, 1)))
    return block == bytes((card_files.KEYS_PRIVATE,))


def _enciphered(sam: CardPort, kid: int, factor: bytes, challenge: bytes) -> bytes:
    """What a SAM makes of a challenge under this key; empty if it has none."""
    try:
        send(sam, command(f"80FA00{kid:02X}", factor), "derive a key")
        return send(sam, command("80FA0000", challenge), "encipher")
    except CardRefused:
        return b""


def _root(kid: int, public: bool) -> int:
    return keys.PUBLIC | kid if public else kid


def _whose(good: bool, public: bool) -> str:
    if public:
        return "the public one" if good else "not the public one"
    return "of this system" if good else "not of this system, or of another cipher"
