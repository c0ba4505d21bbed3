"""The PIN of a system control card at the desk: given after each power-on, set, changed.

`WithPin` is a control card's port that gives the PIN by itself each time the card is powered on, so
that no session needs to know of it. A PIN stands on no command line (cli/pins.py asks for it).
"""

import re

from dianka.card_port import OK, CardError, CardPort, make_command, send
from dianka.cardos.core import LOCKED, TRIES_LEFT
from dianka.cardos.pin import PIN_BYTES

SHORTEST, LONGEST = 6, 8  # of a new PIN; the card itself takes four digits
BLOCKED = (
    "the control card's PIN is blocked: `dianka keys pin` sets a new one with two people's part "
    "cards (--part twice)"
)


class WrongPin(CardError):
    """The control card did not take the PIN."""


class WithPin:
    """A control card's port that gives the PIN after each power-on."""

    def __init__(self, port: CardPort, pin: str) -> None:
        self._port = port
        self._pin = pin

    def power_on(self) -> bytes:
        """Reset the card and give the PIN; raise WrongPin if the card does not take it."""
        atr = self._port.power_on()
        give_pin(self._port, self._pin)
        return atr

    def process(self, apdu: bytes) -> tuple[bytes, int]:
        return self._port.process(apdu)


def give_pin(control: CardPort, pin: str) -> None:
    """Give the PIN (VERIFY); raise WrongPin, which says how many tries are left."""
    _, sw = control.process(make_command("00200001", encode_pin(pin)))
    if sw != OK:
        raise _make_error(sw)


def change_pin(control: CardPort, former: str | None, new: str) -> None:
    """Set a new PIN; `former` is None if none is set."""
    must_be_new_pin(new)
    if former is None:
        send(control, make_command("00240101", encode_pin(new)), "set a PIN")
        return
    _, sw = control.process(make_command("00240001", encode_pin(former) + encode_pin(new)))
    if sw != OK:
        raise _make_error(sw)


def must_be_new_pin(pin: str) -> None:
    """Raise CardError unless this can be a new PIN."""
    if not re.fullmatch(rf"[0-9]{{{SHORTEST},{LONGEST}}}", pin):
        raise CardError(f"a PIN has {SHORTEST} to {LONGEST} digits: choose another one")


def encode_pin(pin: str) -> bytes:
    """Return a PIN as the card takes it; raise CardError if it is none."""
    if not re.fullmatch(rf"[0-9]{{4,{LONGEST}}}", pin):
        raise CardError(f"a PIN has up to {LONGEST} digits and nothing else: type it again")
    return pin.encode().ljust(PIN_BYTES, b"\xff")


def _make_error(sw: int) -> CardError:
    left = sw - TRIES_LEFT
    if sw == LOCKED or left == 0:
        return WrongPin(BLOCKED)
    if 0 < left < 16:
        tries = f"{left} {'try' if left == 1 else 'tries'}"
        return WrongPin(f"this is not the control card's PIN: {tries} left, look it up first")
    return CardError(f"the control card does not take the PIN (status {sw:04X}): try again")
