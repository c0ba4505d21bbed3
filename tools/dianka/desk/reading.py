"""Reading of a card by its tables: its kind, and every file that is readable without keys.

A chip in this process answers 6Cxx to a wrong length, where a reader repeats the command by itself.
So every length is asked for exactly.
"""

from collections.abc import Iterator

from dianka.card_port import OK, CardPort, make_command, serial_of
from dianka.cardos import access, kinds
from dianka.cardos.access import FileSpec, Kind
from dianka.cardos.core import NO_FILE
from dianka.cardos.files import card_files
from dianka.desk.content import BY_COMMAND

_HEAD = bytes.fromhex("00 B0 81 00 04")
NOT_ISSUED = "not issued yet"
_WALLET_RECORDS = (1, 3)


def read_kind(card: CardPort) -> tuple[str, bytes]:
    """Return the kind that the card says it is, and its serial. Leave its directory selected.

    The kind is empty for a card that is not issued or is none of ours.
    """
    serial = serial_of(card.power_on())
    if card.process(make_command("00A40000", kinds.DF_CARD.to_bytes(2, "big")))[1] == OK:
        head, sw = card.process(_HEAD)
        if sw != OK or head[:1] != bytes((card_files.HEAD,)):
            return "", serial
        return BY_COMMAND.get(head[1], ""), serial
    if card.process(bytes.fromhex("00B2010C04"))[1] == OK:
        return kinds.ESAM, serial
    head, sw = card.process(_HEAD)
    return (
        kinds.CONTROL if sw == OK and head[:1] == bytes((card_files.HEAD,)) and not head[1] else ""
    ), serial


def find_make(card: CardPort, kind: str) -> Kind:
    """Return the kind as this chip was made: chips of an earlier make have fewer files.

    The card's directory must be selected.
    """
    files = set(kinds.ALL[kind].files)
    always = files.intersection(*(make.files for make in kinds.FORMER.get(kind, ())))
    lacking = {
        sfi
        for sfi in files - always
        if card.process(bytes((0x00, 0xB0, 0x80 | sfi, 0, 1)))[1] == NO_FILE
    }
    return kinds.find_make(kind, files - lacking)


def explain_no_kind(card: CardPort) -> str:
    """Return why read_kind found no kind. The card's directory must still be selected."""
    head, _ = card.process(_HEAD)
    if head[:1] == bytes((card_files.HEAD,)):
        return f"unknown card with command {head[1]:02X}"
    return "damaged: file 01 is not as any desk writes it" if any(head) else NOT_ISSUED


def read_blocks(card: CardPort, sfi: int, spec: FileSpec) -> Iterator[tuple[bytes, int]]:
    """Yield content and status word of the file, record by record for a log.

    The card's directory must be selected.
    """
    if spec.shape == access.WALLET:
        pieces = [
            card.process(bytes((0x00, 0xB2, record, sfi << 3 | 4, 4))) for record in _WALLET_RECORDS
        ]
        yield b"".join(data for data, _ in pieces), max(sw for _, sw in pieces)
    elif spec.shape == access.LOG:
        for record in range(1, spec.size // spec.record_bytes + 1):
            yield card.process(bytes((0x00, 0xB2, record, sfi << 3 | 4, spec.record_bytes)))
    else:
        yield card.process(bytes((0x00, 0xB0, 0x80 | sfi, 0x00, spec.size)))


def read_whole(card: CardPort, sfi: int, spec: FileSpec) -> bytes:
    """Return the content of a file that is no log, empty if the card refuses to give it."""
    data, sw = next(read_blocks(card, sfi, spec))
    return data if sw == OK else b""


def read_beyond(card: CardPort, sfi: int, spec: FileSpec) -> int:
    """Return the status word of a read just behind the file's end.

    It is other than 9000 if the file has this size.
    """
    if spec.shape == access.WALLET:
        return card.process(bytes((0x00, 0xB2, 0x05, sfi << 3 | 4, 4)))[1]
    if spec.shape == access.LOG:
        record = spec.size // spec.record_bytes + 1
        return card.process(bytes((0x00, 0xB2, record, sfi << 3 | 4, spec.record_bytes)))[1]
    return card.process(bytes((0x00, 0xB0, 0x80 | sfi, spec.size, 1)))[1]


def is_free_to_read(spec: FileSpec) -> bool:
    """Return whether anybody may read the file in plain."""
    return any(right.mode == access.PLAIN and right.auth is None for right in spec.read)
