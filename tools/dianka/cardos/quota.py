"""The quota of a system control card: how much it may still seal, and for how many cards.

A card with a quota is worth to a thief who has its PIN and its PC what is left of it. So everything
that leads to credit is counted here, in the commit that precedes the answer, and what can't be
counted is refused (docs/cards/protocol.md, "PIN and quota", has the reasons):

- a MAC under a private desk key, by the data alone: a message's header proves nothing, as PBOC's
  rule lets r4 cancel it;
- ENCIPHER under a private desk key, where its answer would be such a MAC, or half of an approval
  key (orders.py);
- SEAL KEY, by whose keys are sealed, or whose master key they are sealed under; no root is sealed.

What was counted last is free again, so that a sale or a card that was broken off can be repeated.
"""

from typing import Any

from dianka.cardos import desk_files, keys
from dianka.cardos.core import (
    BALANCE_SHORT,
    CONDITIONS,
    NOT_ALLOWED,
    WRONG_DATA,
    Context,
    Refused,
)
from dianka.cardos.crypto import MAC_BYTES, Profile, pad
from dianka.cardos.files import card_files

_HEADER = 5
_WALLET = card_files.size_of(card_files.WALLET)
_ENDED = b"\xff" * 8  # in place of a number that an issue has not taken
_BY_METER = (keys.PARAMETERS, keys.PURCHASE)


def read_quota(context: Context) -> dict[str, Any]:
    """Return the fields of the control card's file QUOTA."""
    return card_files.unpack(desk_files.QUOTA, context.state.files[desk_files.CONTROL_QUOTA])


def change_quota(context: Context, **fields: int) -> None:
    """Change these fields of the file QUOTA."""
    packed = card_files.pack(desk_files.QUOTA, read_quota(context) | fields)
    context.change().files[desk_files.CONTROL_QUOTA] = packed


def has_quota(context: Context) -> bool:
    """Return whether this is a control card with a quota."""
    return "pin" in context.kind.commands and bool(read_quota(context)["limited"])


def charge_message(context: Context, message: bytes) -> None:
    """Take what a MAC over this message can be worth from the quota.

    Refuse if the quota holds less (9401). Eight bytes of data are a wallet. Fewer could be part of
    one, such as its count alone, which would make the same money good once more: they are refused
    (6982). More fit no wallet.
    """
    if context.volatile.process_kid != keys.DESK or not has_quota(context):
        return
    data = message[_HEADER:]
    if len(data) < _WALLET or message[_HEADER - 1] != len(data) + MAC_BYTES:
        raise Refused(NOT_ALLOWED)
    money_fen = int.from_bytes(data[:4], "big")
    if len(data) > _WALLET or not money_fen:
        return
    sale = {"sale_serial": context.volatile.process_factor, "sale_wallet": data}
    if sale.items() <= _read_last(context).items():
        return
    left_fen = read_quota(context)["quota_fen"] - money_fen
    if left_fen < 0:
        raise Refused(BALANCE_SHORT)
    change_quota(context, quota_fen=left_fen)
    _change_last(context, sale)


def must_be_challenge(context: Context, data8: bytes) -> None:
    """Refuse 8 bytes to encipher that no desk needs enciphered (6A80).

    Under a private desk key their cipher could be the MAC of a write, or half of an approval key.
    A card's challenge looks so once in 256 (SM4) or 65,000 (3DES) times; the desk then asks for
    another one.
    """
    if context.volatile.process_kid != keys.DESK or not has_quota(context):
        return
    if is_message(context.profile, data8) or data8 in keys.APPROVAL_HALVES:
        raise Refused(WRONG_DATA)


def is_message(profile: Profile, data8: bytes) -> bool:
    """Return whether the cipher of these 8 bytes is the MAC of some command with data.

    A MAC over one block is that block's cipher (docs/cards/protocol.md, "Ciphers"), and r4 makes
    the first four bytes any header.
    """
    block = data8 if profile.block_bytes == len(data8) else pad(data8, profile.block_bytes)
    stripped = block.rstrip(b"\0")
    message = stripped[:-1]
    ended = stripped.endswith(b"\x80") and len(message) > _HEADER
    return ended and message[_HEADER - 1] == len(message) - _HEADER + MAC_BYTES


def count_key(context: Context, kid: int, factor: bytes | None) -> None:
    """Count a private key that SEAL KEY is asked for; `factor` None stands for a root.

    One issue lets the keys of one serial number and of one meter number go. Refuse a root, no
    number, and the keys of a part card (6982), and a further issue if none is left (6985).
    """
    if not has_quota(context):
        return
    if factor in (None, keys.NO_FACTOR, _ENDED) or factor in list_parts(context):
        raise Refused(NOT_ALLOWED)
    last = _read_last(context)
    own, other = "issue_serial", "issue_meter"
    if kid in _BY_METER:
        own, other = other, own
    if last[own] == factor:
        return
    begun = any(last[other]) and not any(last[own])
    if not begun:
        left = read_quota(context)["issues"]
        if not left:
            raise Refused(CONDITIONS)
        change_quota(context, issues=left - 1)
        last[other] = keys.NO_FACTOR
    _change_last(context, {own: factor, other: last[other]})


def end_issue(context: Context) -> None:
    """Let the present issue take no further number, as its card gets its master key, the last one.

    Else an inspection card, which has no meter's keys, would leave a meter to a thief.
    """
    if has_quota(context):
        last = _read_last(context)
        names = ("issue_serial", "issue_meter")
        if missing := {name: _ENDED for name in names if not any(last[name])}:
            _change_last(context, missing)


def list_parts(context: Context) -> list[bytes]:
    """Return the serial numbers of the part cards that this control card knows."""
    block = context.state.files[desk_files.CONTROL_PARTS]
    return [serial for at in range(0, len(block), 8) if any(serial := block[at : at + 8])]


def put_parts(context: Context, serials: list[bytes]) -> None:
    """Store the serial numbers of the part cards."""
    size = card_files.size_of(desk_files.PART_SERIALS)
    context.change().files[desk_files.CONTROL_PARTS] = b"".join(serials).ljust(size, b"\0")


def _read_last(context: Context) -> dict[str, Any]:
    return card_files.unpack(desk_files.LAST, context.state.files[desk_files.CONTROL_LAST])


def _change_last(context: Context, fields: dict[str, bytes]) -> None:
    packed = card_files.pack(desk_files.LAST, _read_last(context) | fields)
    context.change().files[desk_files.CONTROL_LAST] = packed
