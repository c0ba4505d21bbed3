"""Orders to a control card that take two people's part cards, as text that can travel.

An order is written at the desk (`write_order`), approved by two part cards wherever they are
(`approve`), and brought to the control card (`carry_out`). Its text is hexadecimal: the serial
number of the control card, the order, what the part cards have approved so far, and two bytes that
show a slip of the pen. docs/cards/protocol.md has the bytes.
"""

import binascii
from dataclasses import dataclass, replace

from dianka.card_port import CardError, CardPort, CardRefused, make_command, send, serial_of
from dianka.cardos import desk_files
from dianka.cardos.core import UNKNOWN_INS, WRONG_MAC, WRONG_P1P2
from dianka.cardos.files import card_files
from dianka.cardos.orders import APPROVALS, LIFT, NEW_PIN, ORDER_BYTES, REFILL
from dianka.cardos.pin import PIN_BYTES
from dianka.desk.parts import read_part
from dianka.desk.pin import encode_pin, must_be_new_pin
from dianka.desk.quota import FORMER_MAKE, read_parts, read_quota
from dianka.money import yuan

MOST_ISSUES = (1 << 24) - 1
MOST_FEN = (1 << 32) - 1
_SERIAL, _SUM = 8, 2
_APPROVAL = 16  # serial number and cipher
_CARRY_OUT = "80FA0C00"


@dataclass(frozen=True)
class Order:
    """One order, and the approvals that it has: serial number and cipher of a part card each."""

    control: bytes
    purpose: int
    number: int
    quota_fen: int = 0
    issues: int = 0
    approvals: tuple[bytes, ...] = ()

    def list_serials(self) -> list[bytes]:
        """Return the serial numbers of the part cards that have approved it."""
        return [given[:_SERIAL] for given in self.approvals]

    def pack(self) -> bytes:
        """Return the order as the cards take it."""
        fields = {name: getattr(self, name) for name, _, _ in desk_files.ORDER}
        return card_files.pack(desk_files.ORDER, fields)

    def format(self) -> str:
        """Return the order as text."""
        block = self.control + self.pack() + b"".join(self.approvals)
        return (block + _compute_sum(block)).hex().upper()

    def describe(self) -> list[tuple[str, str]]:
        """Return what the order says, as (label, text) pairs."""
        what = {
            REFILL: f"may seal {yuan(self.quota_fen)} yuan and make {self.issues} cards from now",
            LIFT: "has no quota from now: it seals any money, any card and the root keys",
            NEW_PIN: "takes a new PIN",
        }
        return [
            ("control card", self.control.hex()),
            ("number", str(self.number)),
            ("the card", what[self.purpose]),
            ("approved by", ", ".join(part.hex() for part in self.list_serials()) or "nobody"),
        ]


def write_order(control: CardPort, purpose: int, quota_fen: int = 0, issues: int = 0) -> Order:
    """Return the next order to this control card, not approved yet.

    Raise CardError if the card takes none or the numbers do not fit.
    """
    if not (0 <= quota_fen <= MOST_FEN and 0 <= issues <= MOST_ISSUES):
        raise CardError(
            f"a quota has up to {yuan(MOST_FEN)} yuan and {MOST_ISSUES} cards: give other numbers"
        )
    serial = serial_of(control.power_on())
    quota = read_quota(control)
    if quota is None:
        raise CardError(FORMER_MAKE)
    if len(read_parts(control)) < APPROVALS:
        raise CardError(
            "this control card knows no part cards of its backup, so nobody can approve: found the "
            "system with `dianka keys init`"
        )
    return Order(serial, purpose, quota.orders + 1, quota_fen, issues)


def parse_order(text: str) -> Order:
    """Return the order in a text; raise CardError if it is none, or not as it was written."""
    try:
        whole = bytes.fromhex(text)
    except ValueError:
        raise CardError(f"{text[:20]!r} is no order: copy all of it, digits and letters") from None
    block, total = whole[:-_SUM], whole[-_SUM:]
    head = _SERIAL + ORDER_BYTES
    approvals, odd = divmod(len(block) - head, _APPROVAL)
    if len(block) < head or odd or approvals > APPROVALS or total != _compute_sum(block):
        raise CardError("this order is not whole: copy it again, from the first digit to the last")
    fields = card_files.unpack(desk_files.ORDER, block[_SERIAL:head])
    if fields["purpose"] not in (REFILL, LIFT, NEW_PIN):
        raise CardError("this order is of a newer version of dianka: approve it with that one")
    given = tuple(block[at : at + _APPROVAL] for at in range(head, len(block), _APPROVAL))
    return Order(block[:_SERIAL], **fields, approvals=given)


def approve(order: Order, part: CardPort) -> Order:
    """Return the order with this part card's approval; raise CardError if it can't give one."""
    info = read_part(part)
    if len(order.approvals) == APPROVALS:
        raise CardError("two part cards have approved this order already: bring it to its card")
    if info.serial in order.list_serials():
        raise CardError(
            f"part card {info.serial.hex()} has approved this order already: take another person's"
        )
    message = make_command("80FA0B00", order.control + order.pack())
    try:
        cipher = send(part, message, "approve an order")
    except CardRefused as refused:
        if refused.sw in (UNKNOWN_INS, WRONG_P1P2):
            raise CardError(
                f"part card {info.serial.hex()} is of an earlier make and approves nothing: take "
                "another one"
            ) from None
        raise
    return replace(order, approvals=(*order.approvals, info.serial + cipher))


def carry_out(control: CardPort, order: Order, new_pin: str | None = None) -> None:
    """Bring an approved order to its control card, with the new PIN if it is for that.

    Raise CardError that says why the card does not take it.
    """
    check_order(control, order)
    block = order.pack() + b"".join(order.approvals)
    if order.purpose == NEW_PIN:
        must_be_new_pin(new_pin or "")
        block += encode_pin(new_pin or "")[:PIN_BYTES]
    try:
        send(control, make_command(_CARRY_OUT, block), "carry out the order")
    except CardRefused as refused:
        if refused.sw != WRONG_MAC:
            raise
        raise CardError(
            "the control card does not take this order (status 6988): an approval is not of its "
            "system, write the order again and approve it with other part cards"
        ) from None


def check_order(control: CardPort, order: Order) -> None:
    """Raise CardError unless this control card can take this order now."""
    serial = serial_of(control.power_on())
    quota = read_quota(control)
    if quota is None:
        raise CardError(FORMER_MAKE)
    if order.control != serial:
        raise CardError(
            f"this order is for control card {order.control.hex()}, this one is {serial.hex()}: "
            "take the right one"
        )
    if order.number != quota.orders + 1:
        raise CardError(
            f"this is order {order.number}, the card takes {quota.orders + 1}: an order is carried "
            "out once, write the next one"
        )
    if len(order.approvals) < APPROVALS:
        raise CardError(
            f"{len(order.approvals)} of {APPROVALS} part cards have approved this order: bring it "
            "to the others first (`dianka keys approve`)"
        )
    parts = read_parts(control)
    unknown = [serial for serial in order.list_serials() if serial not in parts]
    if unknown:
        raise CardError(
            f"this control card does not know part card {unknown[0].hex()}: approve with those of "
            "its own backup, or those that it was restored from"
        )


def _compute_sum(block: bytes) -> bytes:
    return binascii.crc_hqx(block, 0xFFFF).to_bytes(_SUM, "big")
