"""Sealed transport: files read for another chip, files and keys written under a MAC.

The reader of a sealed file names the command that the block will be used in, and the chip makes the MAC as if it sent that
command itself [p]. So the meter's controller and the desk's PC relay blocks and hold no key.
"""

from dianka.cards import keys, kinds
from dianka.cards.core import (
    NO_KEY,
    NOT_ALLOWED,
    OK,
    WRONG_DATA,
    WRONG_LENGTH,
    WRONG_OFFSET,
    WRONG_P1P2,
    Answer,
    Command,
    Context,
    Refused,
)
from dianka.cards.crypto import MAC_BYTES
from dianka.cards.files import cardfiles
from dianka.cards.state import key_info

_PLAIN_READ = 9  # r4 and target5
_FACTOR_READ = 17  # and factor8


def read_mac(context: Context, command: Command) -> Answer:
    """04 B0 80+sfi off lc r4 target5 [factor8]: data and the MAC that `target5` needs."""
    sfi, spec = context.file(command.p1)
    command.expect(_FACTOR_READ if context.kind.factor_on_read else _PLAIN_READ)
    r4, target, factor = command.data[:4], command.data[4:9], command.data[9:]
    if spec.mac_kid is None or not _may_target(spec, command.p2, target):
        raise Refused(NOT_ALLOWED)
    size = target[4] - MAC_BYTES
    if command.p2 >= spec.size:
        raise Refused(WRONG_OFFSET)
    if size < 1 or command.p2 + size > spec.size:
        raise Refused(WRONG_LENGTH)
    key = context.key(spec.mac_kid)
    if factor:
        key = context.profile.div(key, factor)
    data = context.state.files[sfi][command.p2 : command.p2 + size]
    return data + context.mac(key, r4, target + data), OK


def _may_target(spec: kinds.FileSpec, offset: int, target: bytes) -> bool:
    if None in spec.targets:
        return target[:3] == spec.targets[None] and target[3] == offset - spec.shift
    return offset in spec.targets and target[:4] == spec.targets[offset]


def update_mac(context: Context, command: Command) -> Answer:
    """04 D6 80+sfi off lc data mac4, under the key that the present authentication allows."""
    sfi, spec = context.file(command.p1)
    auth = context.volatile.auth_kid
    if kinds.BY_CARD in spec.update:
        kid = keys.PARAMETERS
    elif kinds.BY_DESK in spec.update and auth == keys.DESK:
        kid = keys.DESK
    elif kinds.BY_METER in spec.update and auth == keys.EXTERNAL:
        kid = keys.WRITE_BACK
    else:
        raise Refused(NOT_ALLOWED)
    context.write(sfi, command.p2, context.checked(kid, command))
    return b"", OK


def write_key(context: Context, command: Command) -> Answer:
    """84 D4 01 kid 24 wrapped32 mac4. Keys wait until the master key (kid 00) comes, then all become valid at once."""
    kid = command.p2
    if command.p1 != 1:
        raise Refused(WRONG_P1P2)
    command.expect(context.profile.wrapped_bytes + MAC_BYTES)
    if kid not in context.kind.kids:
        raise Refused(NO_KEY)
    block = context.checked(keys.MASTER, command)
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
        if context.kind.name == kinds.ESAM:
            now = cardfiles.KEYS_PUBLIC if context.public else cardfiles.KEYS_PRIVATE
            state.files[cardfiles.ESAM_KEY_INFO] = key_info(now)
    return b"", OK
