"""80 FA: operations with root keys for a party that may not see them.

These are DIVERSIFY, ENCIPHER, MAC, CHECK and SEAL KEY. The ESAM has the first two (for the meter),
the control card all of them (for the desk), the backup of its keys (backup.py) and orders
(orders.py), a master-key change or restore card the last, a part card the approval of orders. The
use of each key is limited on purpose: a process key of kid 05 with MAC would let any desk create
credit.
"""

from collections.abc import Callable

from dianka.card_port import OK
from dianka.cardos import backup, desk_files, keys, orders
from dianka.cardos.core import (
    CONDITIONS,
    NO_KEY,
    NOT_ALLOWED,
    WRONG_DATA,
    WRONG_LENGTH,
    WRONG_MAC,
    WRONG_P1P2,
    Answer,
    Command,
    Context,
    Refused,
)
from dianka.cardos.crypto import CHALLENGE_BYTES, MAC_BYTES, is_same
from dianka.cardos.pin import must_have_pin
from dianka.cardos.quota import charge_message, count_key, end_issue, must_be_challenge

Operation = Callable[[Context, Command], Answer]
_SEAL_BYTES = 30
_FACTOR = 8


def execute_sam(context: Context, command: Command) -> Answer:
    """Execute the operation that P1 and P2 select; refuse one that this kind lacks (6A86)."""
    name, most_p2, operate = _OPERATIONS.get(command.p1, _NONE)
    if name not in context.kind.commands or command.p2 > most_p2:
        raise Refused(WRONG_P1P2)
    return operate(context, command)


def _diversify_or_encipher(context: Context, command: Command) -> Answer:
    return _diversify(context, command) if command.p2 else _encipher(context, command)


def _diversify(context: Context, command: Command) -> Answer:
    """Derive the process key (80 FA 00 kid 08 factor8).

    With 10 factor8 data8 also return ENCIPHER of data8, which saves a command on the line.
    """
    factor, data = command.data[:_FACTOR], command.data[_FACTOR:]
    if len(factor) != _FACTOR or len(data) not in (0, CHALLENGE_BYTES):
        raise Refused(WRONG_LENGTH)
    if command.p2 not in context.kind.process_kids:
        raise Refused(NOT_ALLOWED)
    if not command.p2 & keys.PUBLIC:
        must_have_pin(context)
    context.volatile.process_key = context.profile.derive_key(context.find_key(command.p2), factor)
    context.volatile.process_kid = command.p2
    context.volatile.process_factor = factor
    return (_encipher_challenge(context, data) if data else b""), OK


def _encipher(context: Context, command: Command) -> Answer:
    command.expect(CHALLENGE_BYTES)
    if not context.volatile.process_key:
        raise Refused(CONDITIONS)
    return _encipher_challenge(context, command.data), OK


def _encipher_challenge(context: Context, data8: bytes) -> bytes:
    must_be_challenge(context, data8)
    return context.profile.encipher8(context.volatile.process_key, data8)


def _compute_mac(context: Context, command: Command) -> Answer:
    """Return the MAC of a message, and take from the quota what it is worth (80 FA 05 00)."""
    _must_be_desk_key(context, command, 5)
    r4, message = command.data[:4], command.data[4:]
    charge_message(context, message)
    return context.make_mac(context.volatile.process_key, r4, message), OK


def _check_mac(context: Context, command: Command) -> Answer:
    """Say whether a MAC is right, and never what it is (80 FA 0A 00 lc r4 message mac4).

    A wrong one costs the key a try, stored in the commit that precedes the answer.
    """
    _must_be_desk_key(context, command, 5 + MAC_BYTES)
    volatile, kid = context.volatile, context.volatile.process_kid
    context.refuse_if_locked(kid)
    r4, message, mac = command.data[:4], command.data[4:-MAC_BYTES], command.data[-MAC_BYTES:]
    if not is_same(mac, context.profile.compute_mac(volatile.process_key, r4, message)):
        raise context.make_refusal(kid, WRONG_MAC)
    if kid in context.state.mac_tries:
        del context.change().mac_tries[kid]
    return b"", OK


def _must_be_desk_key(context: Context, command: Command, least: int) -> None:
    """Refuse fewer bytes of data, a card without its PIN, and a process key that makes no MACs."""
    if len(command.data) < least:
        raise Refused(WRONG_LENGTH)
    must_have_pin(context)
    if not context.volatile.process_key:
        raise Refused(CONDITIONS)
    if context.volatile.process_kid & ~keys.PUBLIC != keys.DESK:
        raise Refused(NOT_ALLOWED)


def _seal(context: Context, command: Command) -> Answer:
    """Return a key wrapped and with its MAC, ready for WRITE KEY.

    The command is 80 FA 06 kid 1E set master_kind master_factor8 key_kind key_factor8 r4 target_set
    00...
    """
    command.expect(_SEAL_BYTES)
    must_have_pin(context)
    data = command.data
    key_set, master_kind, master_factor = data[0], data[1], data[2:10]
    key_kind, key_factor, r4, target_set = data[10], data[11:19], data[19:23], data[23]
    if any(data[24:]) or max(key_set, master_kind, key_kind, target_set) > 1:
        raise Refused(WRONG_DATA)
    if (key_set, target_set) not in context.kind.sealing:
        raise Refused(NO_KEY)
    # Everybody can open a block sealed under the public master key: no private roots go there but
    # those that the ESAM can't do without.
    bare = key_set == keys.PRIVATE_SET and key_kind == keys.ROOT and target_set == keys.PUBLIC_SET
    if bare and command.p2 not in keys.FOR_ESAM:
        raise Refused(NOT_ALLOWED)
    key = _pick_key(context, key_set, command.p2 & ~keys.BESIDE, key_kind, key_factor)
    master = _pick_key(context, target_set, keys.MASTER, master_kind, master_factor)
    if target_set == keys.PRIVATE_SET:
        count_key(context, keys.MASTER, master_factor if master_kind else None)
    if key_set == keys.PRIVATE_SET:
        count_key(context, command.p2 & ~keys.BESIDE, key_factor if key_kind else None)
        if command.p2 == keys.MASTER:
            end_issue(context)
    if context.kind.hands_on:
        _count_down(
            context, command.p2, master_factor + key_factor if key_kind == keys.DIVERSIFIED else b""
        )
    wrapped = context.profile.wrap(master, key)
    header = bytes((0x84, 0xD4, 0x01, command.p2, len(wrapped) + 4))
    return wrapped + context.make_mac(master, r4, header + wrapped), OK


def _pick_key(context: Context, key_set: int, kid: int, kind: int, factor: bytes) -> bytes:
    if kid not in keys.ROOT_KIDS:
        raise Refused(NO_KEY)
    if key_set == keys.PUBLIC_SET:
        root = keys.PUBLIC_ROOTS[kid]
    else:
        root = context.find_key(keys.BESIDE + kid if context.kind.hands_on else kid)
    return context.profile.derive_key(root, factor) if kind == keys.DIVERSIFIED else root


def _count_down(context: Context, kid: int, meter: bytes) -> None:
    """Count one use down for each meter, however many of its keys are sealed.

    Otherwise one card would open all meters uncounted. `meter` is both factors of a diversified
    key, empty for a root. The meter served last costs nothing when it is served again, so that a
    change that was interrupted after the count can be repeated. Roots go with a meter: they are
    free while uses are left, or after a key of the meter served last. The master key as a root
    always costs a use. Refuse if no use is left (6985).
    """
    files, volatile = context.state.files, context.volatile
    again = any(meter) and meter == files[desk_files.CARD_SERVED]
    volatile.serving = volatile.serving or again
    if again or (volatile.serving and not meter and kid != keys.MASTER):
        return
    left = int.from_bytes(files[desk_files.CARD_USES], "big")
    if not left:
        raise Refused(CONDITIONS)
    if meter or kid == keys.MASTER:
        changed = context.change().files
        changed[desk_files.CARD_USES] = (left - 1).to_bytes(4, "big")
        changed[desk_files.CARD_SERVED] = meter.ljust(len(files[desk_files.CARD_SERVED]), b"\0")
        volatile.serving = any(meter)


# By P1: the operation's name in the kinds' tables, its highest P2, and its function.
_OPERATIONS: dict[int, tuple[str, int, Operation]] = {
    0x00: ("diversify", 0xFF, _diversify_or_encipher),
    0x05: ("mac", 0, _compute_mac),
    0x06: ("seal_key", 0xFF, _seal),
    0x07: ("backup", 0xFF, backup.split_or_hand_out),
    0x08: ("backup", 0, backup.take_in_part),
    0x09: ("backup", 1, backup.make_or_keep_roots),
    0x0A: ("check", 0, _check_mac),
    0x0B: ("approve", 0, orders.approve_order),
    0x0C: ("order", 0, orders.carry_out_order),
}
_NONE = ("", 0, _encipher)  # no kind has an operation without a name
