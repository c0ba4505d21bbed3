"""Files that are read by record: the wallet, counters that can only fall, and logs.

In a full log the oldest record gives way to the newest. P2 names the file as short id * 8 + 4 [p:
0C, 14, 24; marks as in docs/cards/protocol.md]. The file's table says who may write, as for any
other file.
"""

from dianka.card_port import OK
from dianka.cardos import access
from dianka.cardos.access import FileSpec
from dianka.cardos.core import (
    BALANCE_SHORT,
    NO_RECORD,
    WRONG_DATA,
    WRONG_LE,
    WRONG_LENGTH,
    WRONG_P1P2,
    Answer,
    Command,
    Context,
    Refused,
)
from dianka.cardos.files import card_files
from dianka.cardos.wallet import debit_wallet, find_wallet_offset

_AMOUNT_BYTES = 8  # four, and their inverse


def read_record(context: Context, command: Command) -> Answer:
    """Return one whole record (00 B2 rec p2 le).

    Record 00 of the wallet is all of it and its inverse: plain numbers have no other check.
    """
    sfi, spec = context.find_record_file(command.p2, access.WALLET, access.COUNTER, access.LOG)
    context.pick_right(spec.read, sealed=False)
    content = context.state.files[sfi]
    if spec.shape == access.WALLET and not command.p1:
        found = card_files.with_inverse(content)
    else:
        at, size = _find_record(spec, command.p1)
        found = content[at : at + size]
    if command.le != len(found):
        raise Refused(WRONG_LE | len(found))
    return found, OK


def append_record(context: Context, command: Command) -> Answer:
    """Put a record in front of a log: 00 E2 00 p2 lc record, or 04 E2 with secure messaging."""
    sfi, spec = context.find_record_file(command.p2, access.LOG)
    if command.p1:
        raise Refused(WRONG_P1P2)
    right = context.pick_right(spec.update, sealed=bool(command.cla & 4))
    record = context.receive_data(right, command) if command.cla & 4 else command.data
    if len(record) != spec.record_bytes:
        raise Refused(WRONG_LENGTH)
    state = context.change()
    state.files[sfi] = record + state.files[sfi][: -spec.record_bytes]
    return b"", OK


def debit(context: Context, command: Command) -> Answer:
    """Take an amount from the wallet or from a counter (80 30 00 p2 08 amount4 inverse4).

    The table must allow it for a counter. Two flipped bits in a character keep its parity, and no
    MAC protects the amount: therefore its inverse has to agree, else the command is refused (6A80).
    """
    sfi, spec = context.find_record_file(command.p2, access.WALLET, access.COUNTER)
    if command.p1:
        raise Refused(WRONG_P1P2)
    command.expect(_AMOUNT_BYTES)
    if spec.shape == access.WALLET:
        debit_wallet(context, _parse_amount(command))
        return b"", OK
    context.pick_right(spec.fall, sealed=False)
    amount = _parse_amount(command)
    left = int.from_bytes(context.state.files[sfi], "big") - amount
    if left < 0:
        raise Refused(BALANCE_SHORT)
    context.change().files[sfi] = left.to_bytes(access.COUNTER_BYTES, "big")
    return b"", OK


def _parse_amount(command: Command) -> int:
    number = command.data[: _AMOUNT_BYTES // 2]
    if command.data != card_files.with_inverse(number):
        raise Refused(WRONG_DATA)
    return int.from_bytes(number, "big")


def _find_record(spec: FileSpec, record: int) -> tuple[int, int]:
    """Return where a record begins and how long it is."""
    if spec.shape == access.WALLET:
        return find_wallet_offset(record), 4
    size = spec.record_bytes or spec.size
    if not 1 <= record <= spec.size // size:
        raise Refused(NO_RECORD)
    return (record - 1) * size, size
