"""The ESAM's wallet: money and purchase count in one file of 8 bytes.

Both are changed together or not at all. Marks [p] are as in docs/cards/protocol.md.
"""

from dianka.card_port import OK
from dianka.cardos import keys
from dianka.cardos.core import (
    BALANCE_SHORT,
    CONDITIONS,
    NO_RECORD,
    NOT_ALLOWED,
    WRONG_P1P2,
    Answer,
    Command,
    Context,
    Refused,
)
from dianka.cardos.files import card_files

_P2 = 0x0C  # the wallet among the ESAM's record files [p]
_RECORDS = {0x01: 0, 0x03: 4}  # record number to offset [p: 01 money, 03 count]
_LIMIT = 1 << 32


def init_wallet(context: Context, command: Command) -> Answer:
    """Set money or count while the keys are public (04 DC rec 0C 08 value4 mac4)."""
    at = _find_record_offset(command)
    command.expect(8)
    if context.state.files[card_files.ESAM_KEY_INFO][4] != card_files.KEYS_PUBLIC:
        raise Refused(NOT_ALLOWED)
    value = context.check_mac(keys.PURCHASE, command)
    old = _get_wallet(context)
    context.change().files[card_files.ESAM_WALLET] = old[:at] + value + old[at + 4 :]
    return b"", OK


def credit(context: Context, command: Command) -> Answer:
    """Credit a purchase (84 32 01 0C 0C money4 count4 mac4).

    The count must be the wallet's + 1, else 6985: a purchase is credited once, whatever happens to
    the card.
    """
    if (command.p1, command.p2) != (0x01, _P2):
        raise Refused(WRONG_P1P2)
    command.expect(12)
    data = context.check_mac(keys.PURCHASE, command)
    wallet = card_files.unpack(card_files.WALLET, _get_wallet(context))
    bought = card_files.unpack(card_files.WALLET, data)
    money_fen = wallet["money_fen"] + bought["money_fen"]
    if bought["count"] != wallet["count"] + 1 or money_fen >= _LIMIT:
        raise Refused(CONDITIONS)
    _put_wallet(context, money_fen, bought["count"])
    return b"", OK


def refund(context: Context, command: Command) -> Answer:
    """Take money out (84 30 02 0C 0C money4 count4 mac4).

    The count must be the wallet's + 1, as for CREDIT: one order takes money out once.
    """
    if (command.p1, command.p2) != (0x02, _P2):
        raise Refused(WRONG_P1P2)
    command.expect(12)
    data = context.check_mac(keys.PURCHASE, command)
    wallet = card_files.unpack(card_files.WALLET, _get_wallet(context))
    order = card_files.unpack(card_files.WALLET, data)
    money_fen = wallet["money_fen"] - order["money_fen"]
    if order["count"] != wallet["count"] + 1:
        raise Refused(CONDITIONS)
    if money_fen < 0:
        raise Refused(BALANCE_SHORT)
    _put_wallet(context, money_fen, order["count"])
    return b"", OK


def find_wallet_offset(record: int) -> int:
    """Return where this record of the wallet begins; refuse an unknown record (6A83)."""
    if record not in _RECORDS:
        raise Refused(NO_RECORD)
    return _RECORDS[record]


def _find_record_offset(command: Command) -> int:
    if command.p2 != _P2:
        raise Refused(WRONG_P1P2)
    return find_wallet_offset(command.p1)


def debit_wallet(context: Context, amount: int) -> None:
    """Take an amount in fen from the wallet; refuse if it holds less (9401)."""
    wallet = card_files.unpack(card_files.WALLET, _get_wallet(context))
    if wallet["money_fen"] < amount:
        raise Refused(BALANCE_SHORT)
    _put_wallet(context, wallet["money_fen"] - amount, wallet["count"])


def _get_wallet(context: Context) -> bytes:
    return context.state.files[card_files.ESAM_WALLET]


def _put_wallet(context: Context, money_fen: int, count: int) -> None:
    wallet = card_files.pack(card_files.WALLET, {"money_fen": money_fen, "count": count})
    context.change().files[card_files.ESAM_WALLET] = wallet
