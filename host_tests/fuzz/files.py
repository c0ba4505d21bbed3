"""Targets that read files: frames, records, tariffs of cards and ESAM, logs of events.

What is accepted is written back as it was.
"""

from dianka.cardos import desk_files
from dianka.cardos.files import card_files as FILES
from dianka.cardos.files import pack_tariff
from dianka.desk.log_check import find_break
from dianka.desk.log_file import dump_log, parse_log
from dianka.desk.log_words import describe_log
from dianka.firmware import load_shared


def tables() -> dict[str, tuple]:
    """Every field table of both modules, found by its shape."""
    found = {}
    for module in (FILES, desk_files):
        for name, value in sorted(vars(module).items()):
            if (
                name.isupper()
                and isinstance(value, tuple)
                and value
                and isinstance(value[0], tuple)
                and len(value[0]) == 3
            ):
                found[name] = value
    assert len(found) > 8
    return found


TABLES = tables()
NAMES = sorted(TABLES)


def frame(text: bytes) -> None:
    try:
        command, data = FILES.unframe(text)
    except ValueError:
        return
    assert 0 <= command <= 255 and isinstance(data, bytes)
    assert FILES.frame(command, data) == text[: len(data) + FILES.FRAME_OVERHEAD], (
        "a frame is not written as it was read"
    )


def record(text: bytes) -> None:
    """First byte: of which table.

    The rest is the record, cut or filled up to its length unless that byte is high.
    """
    if not text:
        return
    fields, data = TABLES[NAMES[text[0] % len(NAMES)]], text[1:]
    size = FILES.size_of(fields)
    if text[0] < 128:
        data = data[:size].ljust(size, b"\0")
    try:
        found = FILES.unpack(fields, data)
    except ValueError:
        assert len(data) != size or not _digits(fields, data), "a good record is refused"
        return
    assert len(data) == size and list(found) == [name for name, _, _ in fields]
    assert FILES.pack(fields, found) == data, "a record is not written as it was read"
    for name, bytes_, coding in fields:
        if coding == FILES.BCD:
            assert 0 <= found[name] < 100**bytes_
        elif coding == FILES.BIN:
            assert 0 <= found[name] < 256**bytes_


def _digits(fields: tuple, data: bytes) -> bool:
    """Whether every BCD field holds decimal digits."""
    at = 0
    for _, size, coding in fields:
        if coding == FILES.BCD and not data[at : at + size].hex().isdecimal():
            return False
        at += size
    return True


def tariff(text: bytes) -> None:
    """First byte: as it is if high, else filled up to a tariff's length."""
    if not text:
        return
    data = (
        text[1:]
        if text[0] >= 128
        else text[1 : 1 + FILES.TARIFF_SIZE].ljust(FILES.TARIFF_SIZE, b"\0")
    )
    try:
        found = FILES.unpack_tariff(data)
    except ValueError:
        return
    assert len(data) == FILES.TARIFF_SIZE and len(found["rates_e4"]) == 12
    for name, (numbers, size) in FILES.TARIFF:
        assert len(found[name]) == numbers and all(0 <= each < 100**size for each in found[name])
    rates = found["rates_e4"]
    assert pack_tariff(rates, found) == data
    try:
        table = load_shared("tariff_table").Table(found, load_shared("ds3231"))
    except ValueError:
        return
    for at_s in (0, 820_540_800, 3_155_759_999):
        rate, until_s = table.find_rate(at_s)
        assert 1 <= rate <= 4 and at_s < until_s <= at_s + 86_400
        begin_s, end_s = table.find_period(at_s)
        assert begin_s <= at_s < end_s


def log(text: bytes) -> None:
    """A log of events as a file: what is taken is proved or named, and written as it was read."""
    try:
        found, trouble = parse_log(text)
    except ValueError as error:
        assert "\n" not in str(error)
        return
    assert trouble or dump_log(found) == text, "a log is not written as it was read"
    said = find_break(found)
    assert said or len(found.entries) == found.promised
    for words in (said, *(word for line in describe_log(found, True) for word in line)):
        assert words.isprintable()


def money(text: bytes) -> None:
    """Eight bytes as a number: BCD keeps what fits and refuses what does not, and never rounds."""
    value, size = int.from_bytes(text[:8], "big"), len(text) % 8
    try:
        coded = FILES.to_bcd(value, size)
    except ValueError:
        assert value >= 100**size
        return
    assert (
        len(coded) == size and FILES.from_bcd(coded) == value and int(coded.hex() or "0") == value
    )
