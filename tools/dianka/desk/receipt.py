"""Check the receipt of a purchase that a resident reads out over the phone.

docs/cards/protocol.md, "The receipt over the phone", has the arithmetic and what it proves.
"""

from dianka.card_port import CardError, CardPort, make_command, send
from dianka.cardos import keys

DIGITS = 10
_MARK = b"RC"


def compute_code(control: CardPort, meter_no: int, count: int) -> str:
    """Return the ten digits that this meter shows once it has taken purchase `count`."""
    factor = _MARK + bytes.fromhex(f"{meter_no:012}")
    data = count.to_bytes(4, "big") + bytes(4)
    found = send(control, make_command(f"80FA00{keys.IDENTITY:02X}", factor + data), "encipher")
    return f"{int.from_bytes(found, 'big') % 10**DIGITS:0{DIGITS}}"


def read_code(words: list[str]) -> str:
    """Return the digits of a code as it was heard; raise CardError if they are not ten."""
    digits = "".join(words).replace("-", "").replace(" ", "")
    if len(digits) != DIGITS or not digits.isascii() or not digits.isdecimal():
        raise CardError(
            "a receipt has ten digits: ask for those behind r1 and then for those behind r2"
        )
    return digits


def check_receipt(control: CardPort, code: str, meter_no: int, count: int) -> None:
    """Raise CardError unless this is the receipt of this meter's purchase `count`."""
    if not 1 <= count < 1 << 32:
        raise CardError("purchases are counted from 1 on: give the number on the last receipt")
    if code != compute_code(control, meter_no, count):
        raise CardError(
            f"this is not the receipt of purchase {count} of meter {meter_no:012}: have the digits "
            "read out again, and the number of purchases on the page bn"
        )
