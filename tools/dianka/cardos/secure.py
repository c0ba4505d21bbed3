"""Secure messaging: files read for another chip, files and keys written under a MAC.

The reader of a sealed file names the command that the block will be used in, and the chip makes the
MAC as if it sent that command itself [p, marks as in docs/cards/protocol.md]. So the meter's
controller and the desk's PC pass blocks on and hold no key.
"""

from dianka.card_port import OK
from dianka.cardos import access, keys, kinds
from dianka.cardos.access import FileSpec, Right
from dianka.cardos.core import (
    NO_KEY,
    NOT_ALLOWED,
    WRONG_DATA,
    WRONG_LENGTH,
    WRONG_OFFSET,
    WRONG_P1P2,
    Answer,
    Command,
    Context,
    Refused,
)
from dianka.cardos.crypto import MAC_BYTES
from dianka.cardos.files import card_files
from dianka.cardos.state import make_key_info
from dianka.cardos.wallet import find_wallet_offset

_PLAIN_READ = 9  # r4 and target5
_FACTOR_READ = 17  # and factor8


def read_mac(context: Context, command: Command) -> Answer:
    """Return data and the MAC that `target5` needs, in the file's mode.

    The command is 04 B0 80+sfi off lc r4 target5 [factor8].
    """
    sfi, spec = context.find_file(command.p1)
    return _read_sealed(context, command, sfi, spec, command.p2, spec.size), OK


def read_record_mac(context: Context, command: Command) -> Answer:
    """Return a record of the wallet and its MAC, as `read_mac` does.

    The command is 04 B2 rec p2 11 r4 target5 factor8.
    """
    sfi, spec = context.find_record_file(command.p2, access.WALLET)
    at = find_wallet_offset(command.p1)
    return _read_sealed(context, command, sfi, spec, at, at + 4), OK


def _read_sealed(
    context: Context, command: Command, sfi: int, spec: FileSpec, at: int, end: int
) -> bytes:
    command.expect(_FACTOR_READ if context.kind.factor_on_read else _PLAIN_READ)
    r4, target, factor = command.data[:4], command.data[4:9], command.data[9:]
    own = target if any(right.target == target for right in spec.read) else None
    right = context.pick_right(spec.read, sealed=True, target=own)
    if not (own and at == 0) and not _may_target(spec, at, target):
        raise Refused(NOT_ALLOWED)
    if at >= spec.size:
        raise Refused(WRONG_OFFSET)
    if right.mode == access.MAC:
        size = target[4] - MAC_BYTES
        if size < 1 or at + size > end:
            raise Refused(WRONG_LENGTH)
        end = at + size
    key = context.find_key(right.kid)
    if factor:
        key = context.profile.derive_key(key, factor)
    return _seal_for_target(context, right, key, r4, target, context.state.files[sfi][at:end])


def _seal_for_target(
    context: Context, right: Right, key: bytes, r4: bytes, target: bytes, data: bytes
) -> bytes:
    """Return the data as the target command carries it.

    A cipher block does not show how long its content is, so it holds all of the file.
    """
    if right.mode != access.MAC:
        data = context.profile.seal(key, data)
    mac = b"" if right.mode == access.CIPHER else context.make_mac(key, r4, target + data)
    if len(data + mac) != target[4]:
        raise Refused(WRONG_LENGTH)
    return data + mac


def _may_target(spec: FileSpec, offset: int, target: bytes) -> bool:
    if None in spec.targets:
        return target[:3] in spec.targets[None] and target[3] == offset - spec.shift
    return target[:4] in spec.targets.get(offset, ())


def update_mac(context: Context, command: Command) -> Answer:
    """Write to a file with secure messaging (04 D6 80+sfi off lc data mac4).

    Key and mode are those that the present authentication allows.
    """
    sfi, spec = context.find_file(command.p1)
    right = context.pick_right(spec.update, sealed=True)
    context.write(sfi, command.p2, context.receive_data(right, command))
    return b"", OK


def write_key(context: Context, command: Command) -> Answer:
    """Load a wrapped key (84 D4 01 kid lc wrapped mac4).

    Keys wait until the master key (kid 00) comes; then all become valid at once.
    """
    kid = command.p2
    if command.p1 != 1:
        raise Refused(WRONG_P1P2)
    command.expect(context.profile.wrapped_bytes + MAC_BYTES)
    if kid not in context.kind.kids:
        raise Refused(NO_KEY)
    block = context.check_mac(keys.MASTER, command)
    try:
        key = context.profile.unwrap(context.state.keys[keys.MASTER], block)
    except ValueError:
        raise Refused(WRONG_DATA) from None
    state = context.change()
    state.pending[kid] = key
    if kid == keys.MASTER:
        state.keys |= state.pending
        state.pending = {}
        state.tries = {}
        state.mac_tries = {}
        # Authentication and process key rest on keys that are gone.
        context.volatile.auth_kid = None
        context.volatile.process_key = b""
        if context.kind.name == kinds.ESAM:
            now = card_files.KEYS_PUBLIC if context.public else card_files.KEYS_PRIVATE
            state.files[card_files.ESAM_KEY_INFO] = make_key_info(now)
    return b"", OK
