"""Orders that take two people: refill the quota, lift it, set a new PIN.

An order names a control card, a number and what is to be done. Two part cards of the control card's
backup approve it, each with a cipher that only this part card and a control card of the system can
make; the block can be made anywhere and travels as text. The approval covers every byte of the
order under a secret key: a digest under a public key could be made equal for a small amount and a
large one by a desk that chooses both.

The approval key comes of the part card's desk key in one more step, with a factor that no other
command derives with. Nothing that a control card does for a desk makes it: quota.py sees to that.
"""

from dianka.card_port import OK
from dianka.cardos import desk_files, keys, pin
from dianka.cardos.core import (
    CONDITIONS,
    NOT_ALLOWED,
    WRONG_DATA,
    WRONG_LENGTH,
    WRONG_MAC,
    Answer,
    Command,
    Context,
    Refused,
)
from dianka.cardos.crypto import Profile, is_same
from dianka.cardos.files import card_files
from dianka.cardos.quota import change_quota, list_parts, read_quota

REFILL, LIFT, NEW_PIN = 1, 2, 3  # purposes
APPROVALS = 2
ORDER_BYTES = card_files.size_of(desk_files.ORDER)
_SERIAL = 8
_APPROVAL = 8


def approve_order(context: Context, command: Command) -> Answer:
    """Return this part card's approval of an order (80 FA 0B 00 14 control8 order12)."""
    command.expect(_SERIAL + ORDER_BYTES)
    key = context.find_key(keys.DESK)
    control, order = command.data[:_SERIAL], command.data[_SERIAL:]
    return compute_approval(context.profile, key, control, order), OK


def compute_approval(profile: Profile, key: bytes, control: bytes, order: bytes) -> bytes:
    """Return the approval of an order for this control card, under a part card's desk key."""
    for factor in (keys.APPROVAL, control, order[:8]):
        key = profile.derive_key(key, factor)
    return profile.encipher8(key, order[8:].ljust(8, b"\0"))


def carry_out_order(context: Context, command: Command) -> Answer:
    """Carry out an order that two different part cards approve.

    The command is 80 FA 0C 00 2C order12 (serial8 approval8) twice; with a new PIN 34 and pin8
    behind. Refuse a part card that is unknown or there twice (6982), a wrong approval (6988) and
    another number than the next (6985). Whatever it does, the number goes up in the same commit.
    """
    body = command.data[ORDER_BYTES:]
    approvals, new_pin = body[: APPROVALS * (_SERIAL + _APPROVAL)], body[32:]
    order = command.data[:ORDER_BYTES]
    if len(approvals) != APPROVALS * (_SERIAL + _APPROVAL):
        raise Refused(WRONG_LENGTH)
    fields = card_files.unpack(desk_files.ORDER, order)
    if len(new_pin) != (pin.PIN_BYTES if fields["purpose"] == NEW_PIN else 0):
        raise Refused(WRONG_LENGTH)
    _check_approvals(context, order, approvals)
    _carry_out(context, fields, new_pin)
    return b"", OK


def _check_approvals(context: Context, order: bytes, approvals: bytes) -> None:
    pieces = [approvals[at : at + _SERIAL] for at in range(0, len(approvals), _SERIAL)]
    serials, given = pieces[::2], pieces[1::2]
    if len(set(serials)) < APPROVALS or not set(serials) <= set(list_parts(context)):
        raise Refused(NOT_ALLOWED)
    root, control = context.find_key(keys.DESK), context.state.serial
    expected = b"".join(
        compute_approval(context.profile, context.profile.derive_key(root, serial), control, order)
        for serial in serials
    )
    if not is_same(expected, b"".join(given)):
        raise Refused(WRONG_MAC)


def _carry_out(context: Context, order: dict[str, int], new_pin: bytes) -> None:
    number = read_quota(context)["orders"] + 1
    if order["number"] != number:
        raise Refused(CONDITIONS)
    if order["purpose"] == REFILL:
        change_quota(context, limited=1, quota_fen=order["quota_fen"], issues=order["issues"])
    elif order["purpose"] == LIFT:
        change_quota(context, limited=0, quota_fen=0, issues=0)
    elif order["purpose"] == NEW_PIN:
        pin.must_be_pin(new_pin)
        pin.set_pin(context, new_pin)
    else:
        raise Refused(WRONG_DATA)
    change_quota(context, orders=number)
    context.change().mac_tries.clear()
