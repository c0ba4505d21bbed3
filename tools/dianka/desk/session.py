"""The desk's session with a card, carried by the system control card.

Its steps: the card proves itself (identify), the desk proves itself (authenticate), the desk writes
(update). The PC relays challenges and MACs; the keys stay in the control card.
"""

import os
from collections.abc import Callable

from dianka.card_port import CardError, CardPort, make_command, send
from dianka.cardos import keys


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
        challenge = send(self._card, bytes.fromhex("0084000008"), "give a challenge")
        answer = send(self._control, make_command("80FA0000", challenge), "encipher")
        send(self._card, make_command(f"008200{keys.DESK:02X}", answer), "accept this desk")

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
