"""Amounts in Chinese capitals, as receipts carry them beside the digits.

By the rules for filling in bills and settlement documents (People's Bank of China, 支付结算办法,
annex 1): zeros in a row are one 零, 整 stands behind 元 and 角, 分 has none.
"""

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿")
HIGHEST_FEN = 10**14 - 1


def write_capitals(fen: int) -> str:
    """Return an amount in fen in capitals, such as 壹佰零贰元伍角整."""
    if not 0 <= fen <= HIGHEST_FEN:
        raise ValueError(f"{fen} fen can't be written in capitals")
    yuan, jiao, rest = fen // 100, fen // 10 % 10, fen % 10
    whole = _write_whole(yuan) + "元" if yuan else ""
    if not jiao and not rest:
        return (whole or "零元") + "整"
    # 零 keeps the places apart where one is empty.
    gap = "零" if whole and (not jiao or not yuan % 10) else ""
    parts = _DIGITS[jiao] + "角" if jiao else ""
    return whole + gap + parts + (_DIGITS[rest] + "分" if rest else "整")


def _write_whole(number: int) -> str:
    text, missing = "", False
    for group in reversed(range(len(_GROUPS))):
        four = number // 10 ** (4 * group) % 10_000
        if not four:
            missing = bool(text)
            continue
        if text and (missing or four < 1000):
            text += "零"
        text += _write_four(four) + _GROUPS[group]
        missing = False
    return text


def _write_four(four: int) -> str:
    """Return a number from 1 to 9999."""
    text, missing = "", False
    for place in reversed(range(4)):
        digit = four // 10**place % 10
        if digit:
            text += ("零" if missing and text else "") + _DIGITS[digit] + _PLACES[place]
        missing = not digit
    return text
