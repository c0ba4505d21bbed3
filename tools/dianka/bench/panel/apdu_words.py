"""Says in words what an exchange on the card's line is for: the key of a text and its fields.

The texts are in words.py. Commands, files and status words are those of docs/cards/protocol.md and
docs/cards/files.md.
"""

from dianka.bench.panel.tap import RATE, RESET, Exchange
from dianka.cardos.files import card_files
from dianka.cardos.pps import FIRST, decode_rate

Said = tuple[str, dict[str, str]]  # key of a text, and its fields; a field "@key" is a text itself

_OK = 0x9000
_FILES = {
    card_files.CARD_INFO: "@file.info",
    card_files.CARD_WALLET: "@file.wallet",
    card_files.CARD_TARIFF_1: "@file.tariff1",
    card_files.CARD_TARIFF_2: "@file.tariff2",
    card_files.CARD_WRITE_BACK: "@file.receipt",
    card_files.CARD_ORDER: "@file.order",
}
_PLAIN = {
    (0x00, 0x84): "apdu.challenge",
    (0x00, 0x88): "apdu.prove-card",
    (0x00, 0x82): "apdu.prove-meter",
    (0x00, 0xC0): "apdu.fetch",
    (0x80, 0xFA): "apdu.seal-key",
    (0x84, 0xD4): "apdu.write-key",
    (0x80, 0x30): "apdu.debit",
    (0x00, 0xE2): "apdu.append",
    (0x04, 0xE2): "apdu.append",
}
_BY_FILE = {
    (0x00, 0xB0): "apdu.read",
    (0x04, 0xB0): "apdu.read-sealed",
    (0x00, 0xD6): "apdu.write",
    (0x04, 0xD6): "apdu.write-sealed",
}
_STATUS = {
    _OK: "sw.ok",
    0x6982: "sw.forbidden",
    0x6983: "sw.locked",
    0x6985: "sw.no-use",
    0x6988: "sw.wrong-seal",
    0x6A82: "sw.no-file",
    0x6A88: "sw.no-key",
    0x6581: "sw.memory",
    0x9401: "sw.too-little",
}


def describe(exchange: Exchange) -> Said:
    """Return what the meter asks of the card with this exchange."""
    if exchange.kind == RESET:
        return "apdu.reset", {"serial": exchange.answer[-8:].hex().upper()}
    if exchange.kind == RATE:
        return "apdu.rate", {"times": str(_count_times(exchange))}
    if len(exchange.header) < 5:
        return "apdu.broken", {}
    cla, ins, p1, p2, p3 = exchange.header
    if ins == 0xA4:
        return "apdu.select", {"name": exchange.sent.hex().upper() or "?"}
    if (cla, ins) in _BY_FILE:
        return _BY_FILE[cla, ins], {"file": _name_file(p1 & 0x1F), "bytes": str(p3 or 256)}
    if ins == 0xB2:
        return "apdu.read", {"file": _name_file(p2 >> 3), "bytes": str(p3 or 256)}
    return _PLAIN.get((cla, ins), "apdu.other"), {"bytes": str(p3), "ins": f"{ins:02X}"}


def describe_status(exchange: Exchange) -> Said:
    """Return what came of it, by its status word."""
    if exchange.kind != "command":
        return "sw.none", {}
    sw = exchange.sw
    if not sw:
        return "sw.broken", {}
    if sw in _STATUS:
        return _STATUS[sw], {}
    if sw >> 8 == 0x61:
        return "sw.more", {"bytes": str(sw & 0xFF or 256)}
    if sw >> 8 == 0x6C:
        return "sw.length", {"bytes": str(sw & 0xFF or 256)}
    if sw >> 4 == 0x63C:
        return "sw.tries", {"tries": str(sw & 0x0F)}
    return "sw.refused", {"sw": f"{sw:04X}"}


def _name_file(sfi: int) -> str:
    return _FILES.get(sfi, f"{sfi:02X}")


def _count_times(exchange: Exchange) -> int:
    """Return how many times the first rate was agreed to."""
    agreed = bytes(exchange.answer)
    f, d = decode_rate(agreed[2]) if len(agreed) == 4 else FIRST
    return FIRST[0] * d // f if f and d else 1
