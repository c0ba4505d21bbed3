"""Asking for a control card's PIN: once per command, never as a word on the command line.

Other users of the machine see a command's words, and shells keep them. So the PIN is typed at a
terminal without echo, or stands in DIANKA_PIN. A new PIN is typed twice; from a pipe it is a line.
"""

import os
import sys
from getpass import getpass

import typer

from dianka.card_port import CardError
from dianka.desk.interrupts import obey_at_once
from dianka.desk.pin import BLOCKED, WithPin, WrongPin
from dianka.desk.quota import read_quota
from dianka.readers.base import Held

VARIABLE = "DIANKA_PIN"
_given: dict[str, str] = {}  # by the control card's place, for the command that runs


def forget_pins() -> None:
    """Forget the PINs that the last command was given."""
    _given.clear()


def unlock(held: Held) -> Held:
    """Return the control card so that it gets its PIN after each power-on, if it has one.

    Raise WrongPin if the PIN is blocked or wrong, CardError if nobody can be asked for it.
    """
    quota = read_quota(held.port)
    if quota is None or not quota.pin_set:
        return held
    if not quota.pin_tries:
        raise WrongPin(BLOCKED)
    port = WithPin(held.port, _given.get(held.name) or _ask_pin(held.name))
    port.power_on()
    return Held(held.name, port, held.close)


def _ask_pin(name: str) -> str:
    pin = os.environ.get(VARIABLE)
    if pin is None:
        if not _is_terminal():
            raise CardError(
                f"{name} has a PIN: run the command at a terminal, or set {VARIABLE} for it"
            )
        pin = _prompt(f"PIN of {name}")
    _given[name] = pin
    return pin


def ask_former_pin(name: str) -> str:
    """Return the PIN that is to be changed; from a pipe it is the next line."""
    if VARIABLE in os.environ or _is_terminal():
        return _ask_pin(name)
    return _read_line()


def ask_new_pin() -> str:
    """Return a new PIN; typed it is typed twice, from a pipe it is the next line."""
    if not _is_terminal():
        return _read_line()
    pin = _prompt("new PIN")
    if pin != _prompt("new PIN once more"):
        raise CardError(
            "the two PINs are not the same: nothing was changed, give the command again"
        )
    return pin


def wait_for_other_card(name: str) -> None:
    """Wait until the other card is in a reader; raise CardError if nobody can be asked for it."""
    if not _is_terminal():
        raise CardError(f"{name} holds one card at a time: name two places, or use a terminal")
    typer.echo(f"put the other part card into {name}, then press Enter", err=True)
    with obey_at_once():
        sys.stdin.readline()


def _is_terminal() -> bool:
    """Return whether somebody sits there: the bench's screen takes the output elsewhere."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _prompt(text: str) -> str:
    try:
        with obey_at_once():
            return getpass(f"{text}: ")
    except EOFError:
        raise CardError("no PIN was typed: give the command again") from None


def _read_line() -> str:
    """Return the next line of a pipe; raise CardError where a question can't be shown."""
    if sys.stdin is None:
        return ""
    if sys.stdin.isatty():
        raise CardError(
            "the question for the PIN can't be shown here: give the command at a terminal of its "
            "own"
        )
    return sys.stdin.readline().rstrip("\r\n")
