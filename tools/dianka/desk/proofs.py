"""Proofs between a card and a system control card, for `dianka card verify`: whose card is it?

The chip proves its keys to the control card, then the control card proves the desk key to it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dianka.card_port import OK, CardError, CardPort, CardRefused, make_command, send
from dianka.cardos import keys, kinds
from dianka.cardos.files import card_files
from dianka.desk.control import read_profile
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


def check_card_keys(
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
        answer, sw = card.process(make_command(f"008800{kid:02X}", challenge))
        good = sw == OK and answer == _encipher_by(
            control, _pick_root(keys.IDENTITY, public), serial, challenge
        )
        known = known and good
        yield Finding(good, f"identity key {kid:02X}: {_say_whose(good, public)}")
    if not known:
        return
    public = kind in _PUBLIC_DESK
    try:
        Desk(control, card, serial, public).authenticate()
    except CardRefused as refused:
        yield Finding(
            False,
            f"desk key {keys.DESK:02X}: not accepted (status {refused.sw:04X}), "
            f"{_say_whose(False, public)}",
        )
        return
    yield Finding(True, f"desk key {keys.DESK:02X}: {_say_whose(True, public)}")


def check_esam_keys(
    esam: CardPort, private: bool, control: CardPort, rng: Rng
) -> Iterator[Finding]:
    """Check the identity key and the external key of an ESAM."""
    for kid, name in ((keys.IDENTITY, "identity"), (keys.EXTERNAL, "external")):
        challenge, factor = rng(8), rng(8)
        good = _encipher_by(esam, kid, factor, challenge) == _encipher_by(
            control, _pick_root(kid, not private), factor, challenge
        )
        yield Finding(good, f"{name} key {kid:02X}: {_say_whose(good, not private)}")


def check_control_keys(card: CardPort, control: CardPort | None, rng: Rng) -> Iterator[Finding]:
    """Check the public key set of a control card and, given a second one, the private keys.

    The public keys must be the published ones. The private keys must be those of the second control
    card.
    """
    try:
        profile = read_profile(card)
    except CardError as error:
        yield Finding(False, str(error))
        return
    for kid in (keys.IDENTITY, keys.EXTERNAL, keys.DESK):
        # The zero keeps it from looking like a command, which a card with a quota won't encipher.
        challenge, factor = rng(4) + b"\0" + rng(3), rng(8)
        expected = profile.encipher8(profile.derive_key(keys.PUBLIC_ROOTS[kid], factor), challenge)
        good = _encipher_by(card, keys.PUBLIC | kid, factor, challenge) == expected
        yield Finding(
            good, f"public key {kid:02X}: {'as published' if good else 'not the published one'}"
        )
        if control:
            good = _encipher_by(card, kid, factor, challenge) == _encipher_by(
                control, kid, factor, challenge
            )
            yield Finding(good, f"private key {kid:02X}: {_say_whose(good, public=False)}")


def is_private(esam: CardPort) -> bool:
    """Return whether an ESAM reports private keys."""
    block, _ = esam.process(bytes((0x00, 0xB0, 0x80 | card_files.ESAM_KEY_INFO, 0x04, 1)))
    return block == bytes((card_files.KEYS_PRIVATE,))


def _encipher_by(sam: CardPort, kid: int, factor: bytes, challenge: bytes) -> bytes:
    """Return the challenge enciphered by a SAM under this key, empty if it has no such key."""
    try:
        send(sam, make_command(f"80FA00{kid:02X}", factor), "derive a key")
        return send(sam, make_command("80FA0000", challenge), "encipher")
    except CardRefused:
        return b""


def _pick_root(kid: int, public: bool) -> int:
    return keys.PUBLIC | kid if public else kid


def _say_whose(good: bool, public: bool) -> str:
    if public:
        return "the public one" if good else "not the public one"
    return "of this system" if good else "not of this system, or of another cipher"
