"""The desk's session with a card, carried by the system control card.

Its steps: the card proves itself (identify), the desk proves itself (authenticate), the desk writes
(update) and reads what the card proves (read_proved). The PC relays challenges and MACs; the keys
stay in the control card.
"""

import os
from collections.abc import Callable

from dianka.card_port import OK, CardError, CardPort, CardRefused, make_command, send
from dianka.cardos import keys
from dianka.cardos.core import WRONG_DATA, WRONG_MAC, WRONG_P1P2
from dianka.cardos.crypto import MAC_BYTES
from dianka.cardos.kinds import make_proof_target

# A control card with a quota enciphers no challenge that looks like a command: 1 in 256 (SM4).
_MOST_CHALLENGES = 8


class NotProved(CardError):
    """The card did not prove what it says. The message says what to do."""


def diversify(control: CardPort, kid: int, serial: bytes) -> None:
    """Make the control card derive the key `kid` for a card's serial; later commands use it."""
    send(control, make_command(f"80FA00{kid:02X}", serial), "derive a key")


class Desk:
    """The session with one card. `public`: the card's keys are of the public set."""

    def __init__(
        self, control: CardPort, card: CardPort, serial: bytes, public: bool = False
    ) -> None:
        self._control = control
        self._card = card
        self._serial = serial
        self._set = keys.PUBLIC if public else 0

    def identify(self, rng: Callable[[int], bytes] = os.urandom) -> None:
        """Make the card prove that it is of this system; raise CardError if it is not.

        This comes before `authenticate`, where a wrong key or a wrong cipher costs the card one of
        its tries.
        """
        challenge = rng(8)
        diversify(self._control, self._set | keys.IDENTITY, self._serial)
        expected = send(self._control, make_command("80FA0000", challenge), "encipher")
        answer = send(
            self._card, make_command(f"008800{keys.IDENTITY:02X}", challenge), "prove itself"
        )
        if answer != expected:
            raise CardError(
                "this card was not issued with this control card: use the one that issued it"
            )

    def authenticate(self) -> None:
        """Prove the desk to the card. After that the control card makes MACs for it."""
        diversify(self._control, self._set | keys.DESK, self._serial)
        send(
            self._card,
            make_command(f"008200{keys.DESK:02X}", self._answer_challenge()),
            "accept this desk",
        )

    def _answer_challenge(self) -> bytes:
        """Return the control card's cipher of a challenge of the card.

        If the control card does not encipher a challenge, the card is asked for another one.
        """
        answer, sw = b"", WRONG_DATA
        for _ in range(_MOST_CHALLENGES):
            challenge = send(self._card, bytes.fromhex("0084000008"), "give a challenge")
            answer, sw = self._control.process(make_command("80FA0000", challenge))
            if sw != WRONG_DATA:
                break
        if sw != OK:
            raise CardRefused("encipher", sw)
        return answer

    def read_proved(self, sfi: int, size: int, rng: Callable[[int], bytes] = os.urandom) -> bytes:
        """Return a whole file of a user card, which the card proves to be its own.

        `authenticate` comes first. A plain read can be forged by a device between card and reader.
        Raise NotProved if the card can't prove it or if the proof is wrong.
        """
        target, r4 = make_proof_target(sfi, size), rng(MAC_BYTES)
        block, sw = self._card.process(make_command(f"04B0{0x80 | sfi:02X}00", r4 + target))
        if sw != OK:
            raise NotProved(
                f"the card can't prove its file {sfi:02X} (status {sw:04X}): put it into its meter "
                "and bring it back, or replace it by a card that can"
            )
        if not self._is_mac(r4, target + block):
            raise NotProved(
                f"file {sfi:02X} is not what the card holds: something between card and reader "
                "changes it, take the card to another reader"
            )
        return block[:size]

    def _is_mac(self, r4: bytes, message_and_mac: bytes) -> bool:
        """Return whether the control card finds the MAC right.

        One of an earlier make has no CHECK; its MAC is then compared here.
        """
        _, sw = self._control.process(make_command("80FA0A00", r4 + message_and_mac))
        if sw == WRONG_P1P2:
            message, mac = message_and_mac[:-MAC_BYTES], message_and_mac[-MAC_BYTES:]
            return mac == send(self._control, make_command("80FA0500", r4 + message), "make a MAC")
        if sw not in (OK, WRONG_MAC):
            raise CardRefused("check a MAC", sw)
        return sw == OK

    def update(self, sfi: int, data: bytes) -> None:
        """Write a whole file."""
        send(self._card, self.make_sealed_update(sfi, data), f"write file {sfi:02X}")

    def make_sealed_update(self, sfi: int, data: bytes) -> bytes:
        """Return the command that writes a whole file.

        It must be the next command that the card gets.
        """
        r4 = send(self._card, bytes.fromhex("0084000004"), "give a challenge")
        message = bytes((0x04, 0xD6, 0x80 | sfi, 0, len(data) + 4)) + data
        mac = send(self._control, make_command("80FA0500", r4 + message), "make a MAC")
        return message + mac
