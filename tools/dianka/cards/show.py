"""Any card in words, as far as it can be read without keys."""

from dianka.cards import keys
from dianka.cards.files import cardfiles
from dianka.cards.port import CardPort, command, read_file, select_card, serial_of
from dianka.cards.sell import OnCard, read_user_card, yuan

Lines = list[tuple[str, str]]

_TYPES = {cardfiles.OPEN: "open account", cardfiles.PURCHASE: "purchase", cardfiles.REPLACEMENT: "replacement"}


def show(card: CardPort) -> Lines:
    """(label, text) pairs. CardError if the card is foreign or its content is damaged."""
    serial = serial_of(card.power_on())
    _, sw = card.process(command("00A40000", b"\xdf\x01"))
    if sw != 0x9000:
        return _without_directory(card, serial)
    select_card(card)
    head, sw = card.process(bytes.fromhex("00B0810004"))
    if sw != 0x9000 or head[0] != cardfiles.HEAD:
        return [("kind", "not issued yet"), ("serial", serial.hex())]
    if head[1] == cardfiles.CMD_USER:
        return _user(read_user_card(card))
    if head[1] == cardfiles.CMD_KEYS:
        left = int.from_bytes(read_file(card, cardfiles.CARD_WALLET, 4), "big")
        return [("kind", "master-key change card"), ("serial", serial.hex()), ("uses left", str(left))]
    if head[1] == cardfiles.CMD_INIT:
        return _init(card, serial)
    return [("kind", f"card with command {head[1]:02X}"), ("serial", serial.hex())]


def _user(found: OnCard) -> Lines:
    params, back = found.params, found.write_back
    lines = [
        ("kind", "user card"),
        ("serial", found.serial.hex()),
        ("meter", _number(params["meter_no"])),
        ("customer", _number(params["customer_no"])),
        ("card type", _TYPES.get(params["card_type"], f"unknown ({params['card_type']})")),
        ("alarm amounts", f"{yuan(params['alarm1_fen'])} and {yuan(params['alarm2_fen'])} yuan"),
        ("purchase", f"{yuan(found.money_fen)} yuan, number {found.count}" if found.count else "none yet"),
        ("state", _user_state(found)),
    ]
    if back is not None:
        lines += [
            ("meter's balance", f"{yuan(back['balance_fen'])} yuan after purchase {back['count']}"),
            ("meter's overdraft", f"{yuan(back['overdraft_fen'])} yuan"),
            ("illegal cards", str(back["illegal_cards"])),
            ("written back", _time(back["time"])),
        ]
    return lines


def _user_state(found: OnCard) -> str:
    back = found.write_back
    if back is None:
        return "waits for its meter" if found.count else "ready for the first sale"
    if found.count == back["count"]:
        return "has been in its meter, ready for a sale"
    if found.count == back["count"] + 1:
        return "a sale was broken off: sell again"
    return "count differs from the meter's: send an inspector"


def _init(card: CardPort, serial: bytes) -> Lines:
    size = cardfiles.size_of(cardfiles.INIT_PARAMS)
    block = read_file(card, cardfiles.CARD_INFO, size + cardfiles.FRAME_OVERHEAD)
    limits_size = cardfiles.size_of(cardfiles.LIMITS)
    limits_block = read_file(card, cardfiles.CARD_LIMITS, limits_size + cardfiles.FRAME_OVERHEAD)
    lines = [("kind", "meter initialisation card"), ("serial", serial.hex())]
    try:
        params = cardfiles.unpack(cardfiles.INIT_PARAMS, cardfiles.unframe(block)[1])
        limits = cardfiles.unpack(cardfiles.LIMITS, cardfiles.unframe(limits_block)[1])
    except ValueError as error:
        return [*lines, ("content", f"damaged ({error})")]
    return [
        *lines,
        ("meter", _number(params["meter_no"])),
        ("alarm amounts", f"{yuan(params['alarm1_fen'])} and {yuan(params['alarm2_fen'])} yuan"),
        ("overdraft limit", f"{yuan(limits['overdraft_limit_fen'])} yuan"),
        ("hoard limit", f"{yuan(limits['hoard_limit_fen'])} yuan"),
        ("closes above", f"{yuan(limits['close_above_fen'])} yuan"),
    ]


def _without_directory(card: CardPort, serial: bytes) -> Lines:
    money, sw = card.process(bytes.fromhex("00B2010C04"))
    if sw == 0x9000:
        return _esam(card, serial, int.from_bytes(money, "big"))
    # Only a control card derives from the public set for whoever asks.
    _, sw = card.process(command(f"80FA00{keys.PUBLIC | keys.IDENTITY:02X}", keys.NO_FACTOR))
    kind = "system control card" if sw == 0x9000 else "unknown"
    return [("kind", kind), ("serial", serial.hex())]


def _esam(card: CardPort, serial: bytes, money_fen: int) -> Lines:
    count = int.from_bytes(card.process(bytes.fromhex("00B2030C04"))[0], "big")
    lines = [("kind", "ESAM"), ("serial", serial.hex()), ("wallet", f"{yuan(money_fen)} yuan, purchase {count}")]
    size = cardfiles.size_of(cardfiles.PARAMS)
    try:
        params = cardfiles.unpack(cardfiles.PARAMS, read_file(card, cardfiles.ESAM_PARAMS, size))
        info = cardfiles.unframe(read_file(card, cardfiles.ESAM_KEY_INFO, 10))[1]
    except ValueError as error:
        return [*lines, ("content", f"damaged ({error})")]
    return [
        *lines,
        ("meter", _number(params["meter_no"])),
        ("customer", _number(params["customer_no"])),
        ("keys", "private" if info[0] == cardfiles.KEYS_PRIVATE else "public"),
    ]


def _number(number: int) -> str:
    return f"{number:012d}"


def _time(stamp: int) -> str:
    digits = f"{stamp:010d}"
    return f"20{digits[:2]}-{digits[2:4]}-{digits[4:6]} {digits[6:8]}:{digits[8:]}"
