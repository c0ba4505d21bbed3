"""Description of any card in words, as far as it is readable without keys.

show_service.py describes the cards of the service staff.
"""

from typing import Any

from dianka.card_port import CardPort
from dianka.cardos import access, kinds
from dianka.cardos.files import card_files
from dianka.desk.closing_order import Statement, is_closing_card
from dianka.desk.content import CONTENTS, NAMES
from dianka.desk.issue import NEW_PRICE
from dianka.desk.prices import UNFINISHED
from dianka.desk.reading import explain_no_kind, read_kind, read_whole
from dianka.desk.sell import OnCard, read_user_card
from dianka.desk.show_service import SERVICE
from dianka.desk.supply import describe_supply
from dianka.desk.words import (
    Lines,
    describe_limits,
    describe_new_price,
    describe_params,
    describe_silence,
    describe_tariff,
    format_keys_state,
    format_number,
    format_time,
)
from dianka.money import yuan

_TYPES = {
    card_files.OPEN: "open account",
    card_files.PURCHASE: "purchase",
    card_files.REPLACEMENT: "replacement",
}


def show(card: CardPort) -> Lines:
    """Return (label, text) pairs.

    Raise CardError if the card is foreign or its content is damaged.
    """
    kind, serial = read_kind(card)
    if not kind:
        return [("kind", explain_no_kind(card)), ("serial", serial.hex())]
    lines = [("kind", NAMES[kind]), ("serial", serial.hex())]
    ends = kind == kinds.USER and is_closing_card(card)
    if kind == kinds.USER and not ends:
        lines += _describe_user(read_user_card(card))
    try:
        records = _read_records(card, kind)
        if ends:
            return lines + _describe_order(records)
        if kind == kinds.USER:
            return lines + _describe_user_prices(records)
        if kind == kinds.INIT:
            return lines + _describe_init(records)
        if kind == kinds.ESAM:
            return lines + _describe_esam(records)
        return lines + SERVICE[kind](card, records)
    except ValueError as error:
        return [*lines, ("content", f"damaged ({error})")]


def _read_records(card: CardPort, kind: str) -> dict[int, Any]:
    """Return the fields of every readable file that is no log, by short id; None for a blank file.

    Raise ValueError if a file is damaged.
    """
    return {
        sfi: CONTENTS[kind][sfi].unpack(block)
        for sfi, spec in kinds.ALL[kind].files.items()
        if spec.shape != access.LOG and (block := read_whole(card, sfi, spec))
    }


def _describe_order(records: dict[int, Any]) -> Lines:
    """Describe a user card with a closing order, and its meter's statement if that is there."""
    params, back = records[card_files.CARD_INFO], records[card_files.CARD_WRITE_BACK]
    lines = [
        ("meter", format_number(params["meter_no"])),
        ("customer", format_number(params["customer_no"])),
    ]
    if back is None or "debt_fen" not in back:
        count = records[card_files.CARD_ORDER]["count"]
        return [*lines, ("state", f"closing order {count}: waits for its meter")]
    return [
        *lines,
        ("state", "account closed: the statement is to be proved and paid"),
        *Statement(**back).describe()[2:],
    ]


def _describe_user(found: OnCard) -> Lines:
    params, back = found.params, found.write_back
    lines = [
        ("meter", format_number(params["meter_no"])),
        ("customer", format_number(params["customer_no"])),
        ("card type", _TYPES.get(params["card_type"], f"unknown ({params['card_type']})")),
        ("alarm amounts", _format_user_alarms(params)),
        (
            "purchase",
            f"{yuan(found.money_fen)} yuan, number {found.count}" if found.count else "none yet",
        ),
        ("state", _format_user_state(found)),
    ]
    if back is not None:
        lines += [
            ("meter's balance", f"{yuan(back['balance_fen'])} yuan after purchase {back['count']}"),
            ("meter's overdraft", f"{yuan(back['overdraft_fen'])} yuan"),
            ("illegal cards", str(back["illegal_cards"])),
            ("written back", format_time(back["time"])),
        ]
    return lines


def _format_user_alarms(params: dict[str, Any]) -> str:
    """Format the alarm amounts.

    A card that replaces one that nobody could read has none: the meter keeps its own.
    """
    alarms_fen = params["alarm1_fen"], params["alarm2_fen"]
    return (
        f"{yuan(alarms_fen[0])} and {yuan(alarms_fen[1])} yuan"
        if any(alarms_fen)
        else "none on this card"
    )


def _describe_user_prices(records: dict[int, Any]) -> Lines:
    params = records[card_files.CARD_INFO]
    known = describe_tariff(records, card_files.CARD_TARIFF_1)
    lines = known or [("price", "the meter's own, not on this card")]
    if params["update_flag"] & NEW_PRICE == UNFINISHED:
        return [*lines, ("new price", "its sale was broken off: sell with --price and --from")]
    return lines + describe_new_price(params, records, card_files.CARD_TARIFF_2)


def _format_user_state(found: OnCard) -> str:
    back = found.write_back
    if back is None:
        return "waits for its meter" if found.count else "ready for the first sale"
    if found.count == back["count"]:
        return "has been in its meter, ready for a sale"
    if found.count == back["count"] + 1:
        return (
            f"a sale was broken off: keep the money and sell {yuan(found.money_fen)} again to "
            "complete it"
        )
    return "count differs from the meter's: send an inspector"


def _describe_init(records: dict[int, Any]) -> Lines:
    params = records[card_files.CARD_INFO]
    return [
        ("meter", format_number(params["meter_no"])),
        ("alarm amounts", f"{yuan(params['alarm1_fen'])} and {yuan(params['alarm2_fen'])} yuan"),
        *describe_limits(records[card_files.CARD_LIMITS]),
        *describe_silence(params),
        *_describe_supply(records, card_files.CARD_SUPPLY),
        *describe_tariff(records, card_files.CARD_TARIFF_1),
        *([("made at", format_time(params["switch_time"]))] if params["switch_time"] else []),
    ]


def _describe_esam(records: dict[int, Any]) -> Lines:
    wallet = records[card_files.ESAM_WALLET]
    return [
        ("wallet", f"{yuan(wallet['money_fen'])} yuan, purchase {wallet['count']}"),
        *describe_params(records[card_files.ESAM_PARAMS]),
        *describe_limits(records[card_files.ESAM_LIMITS]),
        *_describe_supply(records, card_files.ESAM_SUPPLY),
        ("keys", format_keys_state(records[card_files.ESAM_KEY_INFO])),
        *describe_tariff(records, card_files.ESAM_TARIFF_1),
        *describe_new_price(records[card_files.ESAM_PARAMS], records, card_files.ESAM_TARIFF_2),
    ]


def _describe_supply(records: dict[int, Any], sfi: int) -> Lines:
    """Return the rules of the supply; a chip of an earlier make has no file for them."""
    return describe_supply(records[sfi]) if sfi in records else []
