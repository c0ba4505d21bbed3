"""The PIN of a system control card: VERIFY, CHANGE REFERENCE DATA, and what waits for VERIFY.

The commands are those of ISO 7816-4 (11.6.6 and 11.6.7). A PIN has 4 to 8 ASCII digits and is
filled up with FF to 8 bytes. A wrong one is counted in the commit that precedes the answer; after
`keys.PIN_TRIES` in a row the PIN is blocked until an order of two people sets a new one
(orders.py). A card whose PIN was never set asks for none.
"""

import re

from dianka.card_port import OK
from dianka.cardos import desk_files, keys
from dianka.cardos.core import (
    CONDITIONS,
    LOCKED,
    NOT_ALLOWED,
    TRIES_LEFT,
    WRONG_DATA,
    WRONG_P1P2,
    Answer,
    Command,
    Context,
    Refused,
)
from dianka.cardos.crypto import is_same
from dianka.cardos.quota import change_quota, read_quota

PIN_BYTES = 8
_REFERENCE = 0x01  # P2: the card's one PIN
_FORM = re.compile(rb"[0-9]{4,8}\xff*")


def verify_pin(context: Context, command: Command) -> Answer:
    """Compare the PIN; it then counts as given until power is lost (00 20 00 01 08 pin8)."""
    if command.p1 or command.p2 != _REFERENCE:
        raise Refused(WRONG_P1P2)
    command.expect(PIN_BYTES)
    return _compare(context, command.data)


def change_pin(context: Context, command: Command) -> Answer:
    """Set the first PIN (00 24 01 01 08 new8), or change it (00 24 00 01 10 old8 new8).

    A wrong former PIN costs a try, as in VERIFY.
    """
    if command.p1 > 1 or command.p2 != _REFERENCE:
        raise Refused(WRONG_P1P2)
    first = command.p1 == 1
    command.expect(PIN_BYTES if first else 2 * PIN_BYTES)
    new = command.data[-PIN_BYTES:]
    if keys.MASTER not in context.state.keys or (first and read_quota(context)["pin_set"]):
        raise Refused(CONDITIONS)
    must_be_pin(new)
    if not first:
        answer = _compare(context, command.data[:PIN_BYTES])
        if answer[1] != OK:
            return answer
    set_pin(context, new)
    return b"", OK


def set_pin(context: Context, pin: bytes) -> None:
    """Store a new PIN with all its tries. It counts as given until power is lost."""
    change_quota(context, pin_set=1, pin_failures=0)
    context.change().files[desk_files.CONTROL_PIN] = pin
    context.volatile.pin_given = True


def must_be_pin(pin: bytes) -> None:
    """Refuse what is no PIN (6A80)."""
    if len(pin) != PIN_BYTES or not _FORM.fullmatch(pin):
        raise Refused(WRONG_DATA)


def must_have_pin(context: Context) -> None:
    """Refuse a control card with a PIN that was not given since power-up (6982).

    Other kinds have no PIN.
    """
    if "pin" not in context.kind.commands or context.volatile.pin_given:
        return
    if read_quota(context)["pin_set"]:
        raise Refused(NOT_ALLOWED)


def _compare(context: Context, given: bytes) -> Answer:
    quota = read_quota(context)
    if not quota["pin_set"]:
        raise Refused(CONDITIONS)
    must_be_pin(given)
    context.volatile.pin_given = False
    context.volatile.process_key = b""
    left = keys.PIN_TRIES - quota["pin_failures"]
    if left <= 0:
        raise Refused(LOCKED)
    if not is_same(given, context.state.files[desk_files.CONTROL_PIN]):
        change_quota(context, pin_failures=quota["pin_failures"] + 1)
        return b"", TRIES_LEFT | left - 1
    if quota["pin_failures"]:
        change_quota(context, pin_failures=0)
    context.volatile.pin_given = True
    return b"", OK
