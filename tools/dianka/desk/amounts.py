"""Amounts as people write them, in the smallest unit; and the rules that amounts keep together."""

import re

from dianka.card_port import CardError
from dianka.money import HIGHEST_FEN, yuan


def parse_decimal(text: str, places: int, what: str) -> int:
    """Convert a decimal number to its smallest unit: '12.34' with two places is 1234.

    Digits are moved, nothing is rounded. Raise CardError if the text is no such number.
    """
    match = re.fullmatch(rf"([0-9]{{1,9}})(?:\.([0-9]{{1,{places}}}))?", text.strip())
    if not match:
        raise CardError(f"{text!r} is no {what}: write it as 12 or 12.{'34567890'[:places]}")
    return int(match[1] + (match[2] or "").ljust(places, "0"))


def parse_fen(text: str) -> int:
    """Convert an amount in yuan to fen; raise CardError if it is more than a card can hold."""
    value = parse_decimal(text, 2, "amount in yuan")
    if value > HIGHEST_FEN:
        raise CardError(f"{text} yuan is more than a card can say: give up to {yuan(HIGHEST_FEN)}")
    return value


def check_alarms(first_fen: int, second_fen: int) -> None:
    """Raise CardError if the alarm that opens the relay comes before the one that lights a lamp.

    A second alarm of 0 is off.
    """
    if second_fen and first_fen < second_fen:
        raise CardError(
            f"alarm 1 ({yuan(first_fen)}) is below alarm 2 ({yuan(second_fen)}): the supply would "
            f"be cut before the lamp warns; give alarm 1 of at least {yuan(second_fen)}"
        )


def check_balances(hoard_fen: int, close_above_fen: int) -> None:
    """Raise CardError if no purchase up to the highest balance could close the relay.

    A highest balance of 0 is the largest that there is.
    """
    highest = hoard_fen or HIGHEST_FEN
    if close_above_fen >= highest:
        raise CardError(
            f"the relay closes above {yuan(close_above_fen)} yuan, and no balance is above "
            f"{yuan(highest)}: give a smaller --close-above or a higher --hoard"
        )
