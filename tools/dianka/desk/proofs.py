"""Proofs between a card and a system control card, for `dianka card verify`: whose card is it?

The chip proves its keys to the control card, then the control card proves the desk key to it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dianka.card_port import OK, CardError, CardPort, CardRefused, command, send
from dianka.cardos import keys, kinds
from dianka.cardos.files import card_files
from dianka.desk.control import profile_of
from dianka.desk.session import Desk

Rng = Callable[[int], bytes]

# docs/cards/protocol.md, "Who holds which key": cards for meters with public keys prove themselves
# with a public key.
_PUBLIC_IDENTITY = frozenset({kinds.INIT, kinds.KEYS, kinds.TEST, kinds.TEST_CREDIT})
_PUBLIC_DESK = _PUBLIC_IDENTITY - {kinds.KEYS}


@dataclass(frozen=True)
class Finding:
    """One result of a check: whether it is good, and one line of text."""

    good: bool
    text: str


def card_proofs(
    card: CardPort, kind: str, serial: bytes, control: CardPort, rng: Rng
) -> Iterator[Finding]:
    """Check the identity keys of a card whose directory is selected, and then its desk key.

    The desk key is checked only if all identity keys are right: a wrong try costs the card one of
    its tries.
    """
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
            f"desk key {keys.DESK:02X}: not accepted (status {refused.sw:04X}), "
            f"{_whose(False, public)}",
        )
        return
    yield Finding(True, f"desk key {keys.DESK:02X}: {_whose(True, public)}")


def esam_proofs(esam: CardPort, private: bool, control: CardPort, rng: Rng) -> Iterator[Finding]:
    """Check the identity key and the external key of an ESAM."""
    for kid, name in ((keys.IDENTITY, "identity"), (keys.EXTERNAL, "external")):
        challenge, factor = rng(8), rng(8)
        good = _enciphered(esam, kid, factor, challenge) == _enciphered(
            control, _root(kid, not private), factor, challenge
        )
        yield Finding(good, f"{name} key {kid:02X}: {_whose(good, not private)}")


def control_proofs(card: CardPort, control: CardPort | None, rng: Rng) -> Iterator[Finding]:
    """Check the public key set of a control card and, given a second one, the private keys.

    The public keys must be the published ones. The private keys must be those of the second control
    card.
    """
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
    """Return whether an ESAM reports private keys."""
    block, _ = esam.process(bytes((0x00, 0xB0, 0x80 | card_files.ESAM_KEY_INFO, 0x04, 1)))
    return block == bytes((card_files.KEYS_PRIVATE,))


def _enciphered(sam: CardPort, kid: int, factor: bytes, challenge: bytes) -> bytes:
    """Return the challenge enciphered by a SAM under this key, empty if it has no such key."""
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
