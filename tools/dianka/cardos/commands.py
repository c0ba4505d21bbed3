"""Commands without secure messaging: select, challenge, plain read and write, authentication."""

from dianka.card_port import OK
from dianka.cardos import keys, kinds
from dianka.cardos.core import (
    CONDITIONS,
    LOCKED,
    NO_FILE,
    NOT_ALLOWED,
    TRIES_LEFT,
    WRONG_LE,
    WRONG_OFFSET,
    WRONG_P1P2,
    Answer,
    Command,
    Context,
    Refused,
)
from dianka.cardos.crypto import CHALLENGE_BYTES, is_same


def select(context: Context, command: Command) -> Answer:
    """Select a directory, which ends an authentication (00 A4 00 00 02 fid)."""
    if command.p1 or command.p2:
        raise Refused(WRONG_P1P2)
    command.expect(2)
    directory = int.from_bytes(command.data, "big")
    if directory not in (kinds.MF, context.kind.directory):
        raise Refused(NO_FILE)
    context.volatile.directory = directory
    context.volatile.auth_kid = None
    return b"", OK


def give_challenge(context: Context, command: Command) -> Answer:
    """Return random bytes, good for one use (00 84 00 00 04 or 08)."""
    if command.p1 or command.p2:
        raise Refused(WRONG_P1P2)
    if command.le not in (4, CHALLENGE_BYTES):
        raise Refused(WRONG_LE | CHALLENGE_BYTES)
    context.volatile.challenge = context.rng(command.le)
    return context.volatile.challenge, OK


def read(context: Context, command: Command) -> Answer:
    """Return plain bytes of a file (00 B0 80+sfi off le)."""
    sfi, spec = context.find_file(command.p1)
    context.pick_right(spec.read, sealed=False)
    if command.p2 >= spec.size:
        raise Refused(WRONG_OFFSET)
    left = spec.size - command.p2
    if command.le > left:
        raise Refused(WRONG_LE | left)
    return context.state.files[sfi][command.p2 : command.p2 + command.le], OK


def update(context: Context, command: Command) -> Answer:
    """Write plain bytes to a file (00 D6 80+sfi off lc data).

    The file's table says whether anybody may write, or only who has authenticated.
    """
    sfi, spec = context.find_file(command.p1)
    context.pick_right(spec.update, sealed=False)
    context.write(sfi, command.p2, command.data)
    return b"", OK


def authenticate_internally(context: Context, command: Command) -> Answer:
    """Prove the card's identity: return cipher8 of the data (00 88 00 kid 08 data8).

    Only identity keys are accepted: with any other key this command would be an oracle for ciphers
    that authenticate or seal.
    """
    if command.p1:
        raise Refused(WRONG_P1P2)
    command.expect(CHALLENGE_BYTES)
    if command.p2 not in context.kind.identity_kids:
        raise Refused(NOT_ALLOWED)
    return context.profile.encipher8(context.find_key(command.p2), command.data), OK


def authenticate_externally(context: Context, command: Command) -> Answer:
    """Check the other side's cipher of the newest challenge (00 82 00 kid 08 cipher8).

    A failure costs a try, stored in the commit that precedes the answer.
    """
    kid = command.p2
    if command.p1:
        raise Refused(WRONG_P1P2)
    command.expect(CHALLENGE_BYTES)
    if kid not in context.kind.auth_kids:
        raise Refused(NOT_ALLOWED)
    context.volatile.auth_kid = None
    key = context.find_key(kid)
    left = context.state.tries.get(kid, keys.TRIES)
    if not left:
        raise Refused(LOCKED)
    if len(context.volatile.challenge) != CHALLENGE_BYTES:
        raise Refused(CONDITIONS)
    expected = context.profile.encipher8(key, context.take_challenge(CHALLENGE_BYTES))
    if not is_same(expected, command.data):
        context.change().tries[kid] = left - 1
        return b"", TRIES_LEFT | left - 1
    if left != keys.TRIES:
        del context.change().tries[kid]
    context.volatile.auth_kid = kid
    return b"", OK
