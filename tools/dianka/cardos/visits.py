"""A meter's side of a card's session, without a meter: blocks relayed between ESAM and card.

As docs/cards/sessions.md describes it step by step. Whoever relays holds no key; what a meter
judges besides count and write-back (numbers, limits, the tariff) is not judged here.
"""

from dianka.card_port import CardError, CardPort, make_command, read_file, send
from dianka.cardos.files import card_files

_WALLET_BYTES = 8


def challenge(chip: CardPort, size: int = 4) -> bytes:
    """Return random bytes of a chip, good for one use."""
    return send(chip, bytes((0, 0x84, 0, 0, size)), "give a challenge")


def open_card(card: CardPort) -> bytes:
    """Reset a card, select its directory, and return its serial."""
    serial = card.power_on()[-8:]
    send(card, make_command("00A40000", b"\xdf\x01"), "open")
    return serial


def identify(esam: CardPort, card: CardPort, serial: bytes) -> bool:
    """Return whether the card proves itself to the ESAM."""
    r8 = challenge(esam, 8)
    send(esam, make_command("80FA0001", serial), "diversify")
    return send(esam, make_command("80FA0000", r8), "encipher") == send(
        card, make_command("00880001", r8), "prove itself"
    )


def prove_meter(esam: CardPort, card: CardPort, serial: bytes) -> None:
    """Prove the ESAM to the card."""
    c8 = challenge(card, 8)
    send(esam, make_command("80FA0002", serial), "diversify")
    send(
        card,
        make_command("00820002", send(esam, make_command("80FA0000", c8), "encipher")),
        "accept the meter",
    )


def carry(esam: CardPort, card: CardPort, where: str, target: str, factor: bytes = b"") -> bytes:
    """Read a sealed block from the card and write it to the ESAM; return the command sent."""
    header = bytes.fromhex(target)
    block = send(card, make_command(where, challenge(esam) + header + factor), "read sealed")
    send(esam, header + block, "take a sealed block")
    return header + block


def credit(esam: CardPort, card: CardPort) -> bytes:
    """Credit the card's purchase; return the command that the ESAM was sent."""
    return carry(esam, card, "04B08200", "8432010C0C")


def write_back(
    esam: CardPort, card: CardPort, serial: bytes, meter_no: int, customer_no: int
) -> None:
    """Write the receipt, the ESAM's wallet and these numbers, to the card's file 05."""
    money_fen, count = wallet(esam)
    record = {
        "meter_no": meter_no,
        "customer_no": customer_no,
        "balance_fen": money_fen,
        "count": count,
    }
    info = card_files.frame(
        card_files.CMD_WRITE_BACK, card_files.pack(card_files.WRITE_BACK, record)
    )
    send(esam, make_command("00D68700", info), "take run info")
    target = bytes.fromhex("04D6850035")
    block = send(esam, make_command("04B08700", challenge(card) + target + serial), "seal run info")
    send(card, target + block, "take the write-back")


def visit(esam: CardPort, card: CardPort, meter_no: int, customer_no: int) -> bool:
    """Run a user card's session, judged by count and write-back; return whether it was credited."""
    serial = open_card(card)
    if not identify(esam, card, serial):
        raise CardError("the card is not of this meter's system: take another card")
    prove_meter(esam, card, serial)
    found = card_files.unpack(
        card_files.WALLET, read_file(card, card_files.CARD_WALLET, _WALLET_BYTES)
    )
    blank = card_files.is_blank(
        read_file(card, card_files.CARD_WRITE_BACK, card_files.WRITE_BACK_SIZE)
    )
    credited = blank and found["count"] == wallet(esam)[1] + 1
    if credited:
        credit(esam, card)
    write_back(esam, card, serial, meter_no, customer_no)
    return credited


def wallet(esam: CardPort) -> tuple[int, int]:
    """Return money in fen and count of an ESAM's wallet."""
    money = send(esam, bytes.fromhex("00B2010C04"), "read")
    return int.from_bytes(money, "big"), int.from_bytes(
        send(esam, bytes.fromhex("00B2030C04"), "read"), "big"
    )
