"""Look into a running meter over its console: the command `dianka console`.

The meter runs on. Its service console (service.py) answers single questions between its tasks' own
lines; an answer stands between 1EH and 1FH, so a line of the log in between does not matter.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dianka.cardos import desk_files
from dianka.cardos.files import card_files
from dianka.desk.event_log import KINDS, MeterLog, make_log
from dianka.desk.log_check import find_break
from dianka.desk.log_file import save_log
from dianka.flash.build import FlashError
from dianka.flash.link import open_port

_RAW = b"\x01"
_LEAVE = b"\x02"
_RUN = b"\x04"
_HEADING = b"CTRL-B to exit"
_ANSWER = re.compile(rb"\x1e([^\x1e\x1f]*)\x1f")
_LINE = re.compile(rb"(\[\d+\] [^\r\n]*)\r?\n")
_ATTACH_S = 3.0
_ANSWER_S = 10.0
_READ_S = 0.1
_MOST = 64 * 1024  # bytes between two answers
_VERSION_BYTES = 13
_NO_CONSOLE = (
    "no service console answers at {port}: bring one onto a meter without a customer with "
    "make flash CONSOLE=1, or look whether the meter runs"
)


class Console:
    """The console of a running meter; `on_line` gets each line of the meter's own log."""

    def __init__(self, port: str, on_line: Callable[[str], None] = lambda line: None) -> None:
        self._port = port
        self._on_line = on_line
        self._buffer = b""
        # mpremote's way to open it: it leaves the lines alone that would reset an ESP32.
        self._serial: Any = open_port(port).serial
        self._serial.timeout = _READ_S
        try:
            self._attach()
        except BaseException:
            self._serial.close()
            raise

    def ask(self, question: str) -> Any:
        """Return the value of an expression of `service` on the meter."""
        self._write(f"reply(service.{question})".encode() + _RUN)
        until_s = time.monotonic() + _ANSWER_S
        while time.monotonic() < until_s:
            self._read()
            found = _ANSWER.search(self._buffer)
            if found:
                self._buffer = self._buffer[: found.start()] + self._buffer[found.end() :]
                return json.loads(found[1])
            if b"Traceback" in self._buffer and self._buffer.rstrip().endswith((b">", _RUN)):
                break
        raise FlashError(f"the meter at {self._port} does not answer to {question}: ask again")

    def follow(self, seconds: float) -> None:
        """Pass on the meter's own lines for so long."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self._read()

    def close(self) -> None:
        """Leave the meter as it was."""
        try:
            self._write(_LEAVE)
        except FlashError:
            pass  # the line is gone, and with it the need
        finally:
            self._serial.close()

    def _attach(self) -> None:
        until_s = time.monotonic() + _ATTACH_S
        self._write(_RAW)
        while time.monotonic() < until_s:
            self._read()
            if _HEADING in self._buffer:
                self._buffer = b""
                return
        raise FlashError(_NO_CONSOLE.format(port=self._port))

    def _write(self, data: bytes) -> None:
        try:
            self._serial.write(data)
        except OSError as error:
            raise FlashError(f"the line to {self._port} broke off: {error}") from None

    def _read(self) -> None:
        try:
            self._buffer += self._serial.read(max(1, self._serial.in_waiting))
        except OSError as error:
            raise FlashError(f"the line to {self._port} broke off: {error}") from None
        while found := _LINE.search(self._buffer):
            self._buffer = self._buffer[: found.start()] + self._buffer[found.end() :]
            self._on_line(found[1].decode("utf-8", "replace"))
        self._buffer = self._buffer[-_MOST:]


def describe(console: Console, seconds: float) -> Iterator[str]:
    """Yield lines on what the meter shows and how it runs, after watching it for so long."""
    meter_no, _, version = console.ask("head()")
    yield f"meter {meter_no:012d}, version {version}"
    yield "pages: " + " | ".join(page.strip() for page in console.ask("pages()"))
    console.ask("waits()")  # what was before is not of this time
    console.follow(seconds)
    free, used = console.ask("heap()")
    yield f"heap: {free // 1024} KiB free, {used // 1024} KiB used"
    late_ms, steps = console.ask("waits()")
    yield f"tasks in {seconds:.0f} s: one ran up to {late_ms} ms late; longest steps in ms"
    for name, step_us in sorted(steps.items()):
        yield f"  {name:<8}{step_us // 1000:>6}.{step_us // 100 % 10}"


def keep_log(console: Console, path: Path) -> str:
    """Fetch the log of events into a new file, prove it, and return a line about it.

    FlashError if a chain is broken; the file is written all the same.
    """
    log = fetch_log(console)
    save_log(path, log)
    if broken := find_break(log):
        raise FlashError(f"{path} is written and broken at {broken}")
    return f"{path}: {log.promised} entries, each chain whole; dianka log show {path} has the words"


def fetch_log(console: Console) -> MeterLog:
    """Return the meter's log of events, entry by entry, as an inspection card would bring it.

    Entries that are added meanwhile are left out: each ring is as it was when it was asked for.
    """
    meter_no, minute, version = console.ask("head()")
    head = {
        "meter_no": meter_no, "time": minute, "totals": 0, "kinds": len(KINDS),
        "version": version.encode()[:_VERSION_BYTES].ljust(_VERSION_BYTES, b"\0"),
    }  # fmt: skip
    rings, entries = b"", []
    for kind in range(len(KINDS), 0, -1):
        first, count, before = console.ask(f"ring({kind})")
        ring = {"first": first, "count": count, "before": bytes.fromhex(before)}
        rings += card_files.pack(desk_files.LOG_RING, ring)
        for number in range(first, first + count):
            entry = console.ask(f"entry({kind}, {number})")
            entries.append(bytes.fromhex(entry) if entry else None)
    packed = card_files.pack(desk_files.LOG_HEAD, head) + rings
    return make_log(packed, tuple(entries))
