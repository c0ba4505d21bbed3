"""The backup of a system's keys: split in the control card, put together in a new one.

n of m parts give the private roots back; fewer reveal nothing about them. The split is Shamir's
over GF(256) as SLIP-39 specifies it, with its digest that detects parts of different backups
(package shamir-mnemonic, no passphrase; the parts stay bytes and never become words). On the way to
a part card a part is sealed under that card's private desk key. A new control card has no private
key, so on the way back the part is sealed under a key of the public set: whoever has n part cards
has the system, with or without that seal. A control card makes one backup; a second one would be
somebody's private copy.

A blank control card founds a system in two steps, so that a cut leaves a blank card or a system
with a backup. FOUND makes private roots that last until power is lost, long enough to split them
and to load the part cards. KEEP stores them.
"""

from shamir_mnemonic.shamir import EncryptedMasterSecret, ShareGroup, recover_ems, split_ems
from shamir_mnemonic.share import Share
from shamir_mnemonic.utils import MnemonicError

from dianka.card_port import OK
from dianka.cardos import desk_files, keys
from dianka.cardos.core import (
    CONDITIONS,
    NOT_ALLOWED,
    WRONG_DATA,
    WRONG_P1P2,
    Answer,
    Command,
    Context,
    Refused,
)
from dianka.cardos.files import card_files
from dianka.cardos.pin import must_have_pin
from dianka.cardos.quota import change_quota, has_quota, put_parts

MOST_PARTS = 16  # SLIP-39
_PASSPHRASE = b""
_EXTENDABLE = True
_EXPONENT = 0  # of the iterations over the passphrase, which is empty


def make_or_keep_roots(context: Context, command: Command) -> Answer:
    """Execute FOUND or KEEP, by P2."""
    return keep_roots(context, command) if command.p2 else make_roots(context, command)


def split_or_hand_out(context: Context, command: Command) -> Answer:
    """Execute SPLIT or HAND OUT, by P2."""
    return hand_out_part(context, command) if command.p2 else split_roots(context, command)


def make_roots(context: Context, command: Command) -> Answer:
    """Make private roots in a blank card (80 FA 09 00 01 profile).

    They are lost with the power until KEEP stores them.
    """
    _must_be_blank(context, command)
    size, volatile = context.profile.key_bytes, context.volatile
    volatile.roots = {kid: context.rng(size) for kid in keys.ROOT_KIDS}
    volatile.backups, volatile.parts = 1, []
    return b"", OK


def keep_roots(context: Context, command: Command) -> Answer:
    """Store the roots that FOUND made, and the number of backups left (80 FA 09 01 01 profile).

    Refuse without FOUND (6985).
    """
    _must_be_blank(context, command)
    volatile = context.volatile
    if not volatile.roots:
        raise Refused(CONDITIONS)
    state = context.change()
    state.keys |= volatile.roots
    state.files[desk_files.CARD_USES] = volatile.backups.to_bytes(4, "big")
    _store_serials(context)
    volatile.roots, volatile.parts = {}, []
    return b"", OK


def _must_be_blank(context: Context, command: Command) -> None:
    """Refuse a card with private roots (6985) and a card of another cipher (6A80).

    The command's data is the code of the cipher that the system is to have.
    """
    command.expect(1)
    if keys.MASTER in context.state.keys:
        raise Refused(CONDITIONS)
    if command.data[0] != context.profile.code:
        raise Refused(WRONG_DATA)


def _has_roots(context: Context) -> bool:
    return keys.MASTER in context.state.keys or keys.MASTER in context.volatile.roots


def split_roots(context: Context, command: Command) -> Answer:
    """Make the parts, to be handed out until power is lost (80 FA 07 00 02 needed parts).

    Count down the backups that the card may still make.
    """
    command.expect(2)
    must_have_pin(context)
    needed, parts = command.data
    left = int.from_bytes(context.state.files[desk_files.CARD_USES], "big")
    if context.volatile.roots:
        left = context.volatile.backups
    if not 2 <= needed <= parts <= MOST_PARTS:
        raise Refused(WRONG_DATA)
    if not left or not _has_roots(context) or has_quota(context):
        raise Refused(CONDITIONS)
    secret = b"".join(context.find_key(kid) for kid in keys.ROOT_KIDS)
    number = int.from_bytes(context.rng(2), "big") & 0x7FFF
    sealed = EncryptedMasterSecret.from_master_secret(
        secret, _PASSPHRASE, number, _EXTENDABLE, _EXPONENT
    )
    made = split_ems(1, [(needed, parts)], sealed)[0]
    if context.volatile.roots:
        context.volatile.backups = left - 1
    else:
        context.change().files[desk_files.CARD_USES] = (left - 1).to_bytes(4, "big")
    context.volatile.parts = [_pack(share) for share in made]
    context.volatile.part_serials = {}
    return b"", OK


def hand_out_part(context: Context, command: Command) -> Answer:
    """Return one part, sealed for its part card; each part once (80 FA 07 part 0C r4 serial8).

    The block is for the command 04 D6 82 00 of the part card with this serial number.
    """
    command.expect(12)
    parts = context.volatile.parts
    if command.p2 > MOST_PARTS:
        raise Refused(WRONG_P1P2)
    must_have_pin(context)
    if command.p2 > len(parts) or not parts[command.p2 - 1] or not _has_roots(context):
        raise Refused(CONDITIONS)
    if has_quota(context):
        raise Refused(CONDITIONS)
    key = context.profile.derive_key(context.find_key(keys.DESK), command.data[4:])
    block = context.profile.seal(key, parts[command.p2 - 1])
    header = bytes((0x04, 0xD6, 0x80 | keys.PART_FILE, 0x00, len(block) + 4))
    parts[command.p2 - 1] = b""
    context.volatile.part_serials[command.p2] = command.data[4:]
    if not context.volatile.roots:
        _store_serials(context)
    return block + context.make_mac(key, command.data[:4], header + block), OK


def take_in_part(context: Context, command: Command) -> Answer:
    """Take a part and return how many are missing (80 FA 08 00 lc block mac).

    The part is sealed under the process key: kid 87 diversified by the part card's serial number.
    The last part needed stores the roots.
    """
    volatile = context.volatile
    if not volatile.process_key or _has_roots(context):
        raise Refused(CONDITIONS)
    if volatile.process_kid != keys.PUBLIC + keys.DESK:
        raise Refused(NOT_ALLOWED)
    block = context.check_mac(volatile.process_kid, command, volatile.process_key)
    try:
        part = context.profile.unseal(volatile.process_key, block)
        volatile.parts.append(part)
        missing, secret = _put_together(volatile.parts)
        index = card_files.unpack(desk_files.PART, part)["index"]
    except (ValueError, MnemonicError):
        volatile.parts, volatile.part_serials = [], {}
        raise Refused(WRONG_DATA) from None
    # One part card for each part: nobody becomes two people by giving his part twice.
    volatile.part_serials.setdefault(index, volatile.process_factor)
    if not missing:
        _store_restored(context, secret)
    return bytes((missing,)), OK


def _store_restored(context: Context, secret: bytes) -> None:
    """Store the roots of the backup; the card can seal no money and no card before an order."""
    size = context.profile.key_bytes
    roots = {kid: secret[at * size :][:size] for at, kid in enumerate(keys.ROOT_KIDS)}
    context.change().keys |= roots
    context.volatile.parts = []
    if "order" in context.kind.commands:
        change_quota(context, limited=1)
    _store_serials(context)


def _store_serials(context: Context) -> None:
    """Store the serial numbers of the part cards, which may approve orders from now on."""
    if "order" in context.kind.commands:
        put_parts(context, list(context.volatile.part_serials.values()))


def _pack(share: Share) -> bytes:
    fields = {
        "backup": share.identifier,
        "needed": share.member_threshold,
        "index": share.index,
        "value": share.value,
    }
    return card_files.pack(desk_files.PART, fields)


def _put_together(parts: list[bytes]) -> tuple[int, bytes]:
    """Return how many parts are missing, and the secret if none is.

    The same part given twice counts once.
    """
    group = ShareGroup()
    for part in parts:
        fields = card_files.unpack(desk_files.PART, part)
        number, needed = fields["backup"], fields["needed"]
        group.add(
            Share(number, _EXTENDABLE, _EXPONENT, 0, 1, 1, fields["index"], needed, fields["value"])
        )
    missing = group.member_threshold() - len(group)
    return missing, b"" if missing else recover_ems({0: group}).decrypt(_PASSPHRASE)
