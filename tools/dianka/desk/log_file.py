"""A meter's log of events as a file: lines of ASCII that a person can compare and a program proves.

    dianka log 1
    head 000000000042...      LOG_HEAD and the rings, in hexadecimal digits
    0000000126...             an entry of 32 bytes, in the rings' order; "-" is one that was lost
    end 0123456789abcdef      of the SHA-256 of all lines above

The last line shows damage and a file that was shortened, and protects nothing: who changes the file
can compute it anew. What can be proved is in log_check.py.
"""

import hashlib
import os
import re
from pathlib import Path

from dianka.card_port import CardError
from dianka.desk.event_log import ENTRY_BYTES, MOST_ENTRIES, MeterLog, make_log
from dianka.desk.log_check import find_break

_FIRST = "dianka log 1"
_LARGEST = 64 * 1024  # a full log has 16 KiB
_HEAD = re.compile(r"head ((?:[0-9a-f]{2}){1,224})")
_ENTRY = re.compile(rf"[0-9a-f]{{{2 * ENTRY_BYTES}}}|-")
_LOST = "-"


def dump_log(log: MeterLog) -> bytes:
    """Return the content of the file."""
    entries = [entry.hex() if entry else _LOST for entry in log.entries]
    text = "\n".join((_FIRST, f"head {log.head.hex()}", *entries, ""))
    return f"{text}end {_digest(text)}\n".encode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_log(content: bytes) -> tuple[MeterLog, str]:
    """Return the log, and what is wrong with the file itself, "" if nothing.

    ValueError, which says what is wrong, if it is no such file.
    """
    lines = content.decode("ascii").split("\n")
    if lines[0] != _FIRST:
        raise ValueError(f"it does not begin with {_FIRST!r}")
    found = _HEAD.fullmatch(lines[1]) if len(lines) > 1 else None
    if not found:
        raise ValueError("line 2 is no head")
    entries: list[bytes | None] = []
    trouble = "the file is cut short"
    for at, line in enumerate(lines[2:], 3):
        if line.startswith("end "):
            whole = "\n".join(lines[: at - 1]) + "\n"
            same = line == f"end {_digest(whole)}" and lines[at:] == [""]
            trouble = "" if same else "the file was changed after it was written"
            break
        if at == len(lines):
            break  # the rest of a line that was cut
        if not _ENTRY.fullmatch(line):
            raise ValueError(f"line {at} is no entry")
        if len(entries) > MOST_ENTRIES:
            raise ValueError(f"more than {MOST_ENTRIES} entries")
        entries.append(None if line == _LOST else bytes.fromhex(line))
    return make_log(bytes.fromhex(found[1]), tuple(entries)), trouble


def load_log(path: Path) -> tuple[MeterLog, str]:
    """Return the log in a file and what is wrong with it, "" if all of it is proved.

    CardError if it can't be read or is no such file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise CardError(f"{path} can't be read ({error.strerror}): name another file") from None
    if len(content) > _LARGEST:
        raise CardError(f"{path} is no log of events (too large): name another file")
    try:
        log, trouble = parse_log(content)
    except ValueError as error:
        why = "not ASCII" if isinstance(error, UnicodeDecodeError) else error
        raise CardError(f"{path} is no log of events ({why}): name another file") from None
    return log, find_break(log) or trouble


def save_log(path: Path, log: MeterLog) -> None:
    """Write the log to a new file that only its owner can read. CardError if that fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(dump_log(log))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CardError(f"{path} can't be made ({error.strerror}): name another file") from None
