"""The wire to the board: mpremote's raw REPL, and a helper that is typed into the board at the beginning.

Every failure of the wire becomes one line of FlashError. The helper feeds the watchdog with each call: the RP2040's cannot be
stopped (RP2040 datasheet 4.7), so a board that ran the firmware would be reset after 8 s of silence. That is also what brings
the meter back to life when this program is killed, so nothing feeds it in the background.
"""

import ast
import base64
import contextlib
import errno
import io
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from serial.tools import list_ports

from dianka.flash.build import FlashError

_LINE_S = 1
_ANSWER_S = 10
_WORK_S = 60  # the longest silence of a board at work: reading the meter's state takes 1 s, an emulated one needs 10 and more
_TRIES = 4
_ENTER_S = 2
_AGAIN_S = 0.3
_CHUNK = 512
_FEW = 8

HELPER = """
import os, sys
from binascii import a2b_base64, hexlify
from hashlib import sha256
try:
    from machine import WDT
    _feed = WDT(timeout=8000).feed
except ImportError:
    _feed = lambda: None

def _hash(name):
    whole, buffer = sha256(), bytearray(512)
    with open(name, "rb") as file:
        while True:
            _feed()
            count = file.readinto(buffer)
            if not count:
                return hexlify(whole.digest()).decode()
            whole.update(memoryview(buffer)[:count])

def _list(folder):
    try:
        return [name for name in os.listdir(folder) if os.stat(folder + "/" + name)[0] & 0x8000]
    except OSError:
        return []

def _text(name):
    try:
        with open(name) as file:
            return file.read()
    except OSError:
        return ""

def _open(name):
    global _file, _write
    _file = open(name, "wb")
    _write = lambda text: _file.write(a2b_base64(text))

def _copy(source, target):
    with open(source, "rb") as old, open(target, "wb") as new:
        while True:
            _feed()
            data = old.read(512)
            if not data:
                break
            new.write(data)

def _room():
    about = os.statvfs(".")
    return about[0] * about[3], about[0]
"""


class Link:
    """A board at its raw REPL. `run` and `ask` are Python on the board."""

    def __init__(self, port: str) -> None:
        self.port = port
        self._transport = _open_port(port)
        self._at_prompt = False
        try:
            self._enter()
            self._wait_up_to(_ANSWER_S)
            self._at_prompt = True
            self.run(HELPER)
        except BaseException:
            self.close()
            raise

    def run(self, code: str) -> str:
        """Execute on the board; what it printed."""
        with self._failing_in_one_line():
            said, error = self._transport.exec_raw(code, timeout=_WORK_S)
            if error:
                raise TransportExecError(1, error.decode("utf-8", "replace"))
            return said.decode("utf-8", "replace")

    def ask(self, expression: str) -> Any:
        """The value of an expression on the board."""
        printed = self.run(f"_feed(); print(repr({expression}))").strip()
        try:
            return ast.literal_eval(printed)
        except (ValueError, SyntaxError):
            raise FlashError(f"the board at {self.port} answers strangely: unplug it, plug it in, and flash again") from None

    def hashes(self, folder: str) -> dict[str, str]:
        """Name and SHA-256 of each file in a folder, a few in each call, so that no call takes long."""
        names, found = self.ask(f"_list({folder!r})"), {}
        for at in range(0, len(names), _FEW):
            found |= self.ask(f"{{name: _hash({folder + '/'!r} + name) for name in {names[at : at + _FEW]!r}}}")
        return found

    def write(self, name: str, data: bytes) -> None:
        """Write a file, in steps small enough for the watchdog."""
        self.run(f"_feed(); _open({name!r})")
        for at in range(0, len(data), _CHUNK):
            self.run(f"_feed(); _write({base64.b64encode(data[at : at + _CHUNK])!r})")
        self.run("_feed(); _file.close()")

    def reset(self) -> None:
        """Restart the board, if that has not been done; from here on only `lines` makes sense."""
        if not self._at_prompt:
            return
        self._at_prompt = False
        self._wait_up_to(_LINE_S)
        # The board may be gone before it has confirmed the command: no failure, that is what was asked for.
        with contextlib.suppress(TransportError, OSError, struct.error):
            self._transport.exec_raw_no_follow("import machine, time; time.sleep_ms(100); machine.reset()")

    def lines(self, limit_s: float) -> Iterator[str]:
        """What the meter writes on its console after a reset, line by line. A USB port goes away and comes back meanwhile."""
        until_s, partial = time.monotonic() + limit_s, b""
        while time.monotonic() < until_s:
            try:
                data = self._transport.serial.read(max(1, getattr(self._transport.serial, "in_waiting", 0)))
            except (OSError, TypeError):
                self._reopen()
                continue
            *whole, partial = (partial + data).split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "replace").strip()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._transport.close()

    def _enter(self) -> None:
        """Interrupt whatever runs. More than one try, for a board that was just starting."""
        for _ in range(_TRIES):
            with contextlib.suppress(TransportError, OSError), contextlib.redirect_stdout(io.StringIO()):
                self._transport.enter_raw_repl(soft_reset=False, timeout_overall=_ENTER_S)
                return
        raise FlashError(
            f"what is at {self.port} does not answer as MicroPython: put MicroPython on the board first, or name another port"
        )

    def _wait_up_to(self, seconds: int) -> None:
        """How long one read from the port may wait: before each command mpremote wants two bytes in one."""
        setattr(self._transport.serial, "timeout", seconds)  # noqa: B010  as in _open_port

    def _reopen(self) -> None:
        self.close()
        time.sleep(_AGAIN_S)
        with contextlib.suppress(FlashError):
            self._transport = _open_port(self.port)

    @contextlib.contextmanager
    def _failing_in_one_line(self) -> Iterator[None]:
        try:
            yield
        except TransportExecError as error:
            reason = error.error_output.strip().splitlines()
            raise FlashError(f"the board at {self.port} refuses: {reason[-1] if reason else 'no reason given'}") from None
        except (TransportError, OSError, struct.error):
            raise FlashError(f"the line to {self.port} broke off: plug the board in again and repeat the command") from None


def _open_port(port: str) -> SerialTransport:
    try:
        transport = SerialTransport(port, timeout=_LINE_S)
    except (TransportError, OSError):
        raise FlashError(_why_closed(port)) from None
    setattr(transport.serial, "write_timeout", _ANSWER_S)  # noqa: B010  mpremote types its port too narrowly
    return transport


def _why_closed(port: str) -> str:
    there = ", ".join(sorted(each.device for each in list_ports.comports())) or "none"
    if not port:
        return f"no port is named: say where the board is, as in PORT=/dev/ttyACM0 (there now: {there})"
    if not Path(port).exists() and "://" not in port:
        return f"no board at {port}: plug it in, or name another port (there now: {there})"
    try:
        serial.serial_for_url(port, exclusive=True).close()
    except (OSError, ValueError) as error:
        number = _number(error)
        if number in (errno.EACCES, errno.EPERM):
            return f"{port} may not be opened by you: join the group that owns it (often dialout), then log in again"
        if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK):
            return f"{port} is busy: close the program that uses it"
        return f"{port} is no serial port: name the board's (there now: {there})"
    return f"{port} could not be opened, but can be now: repeat the command"


def _number(error: BaseException) -> int | None:
    """The system's error number. pyserial wraps that of termios, which is no OSError, in a text."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    cause = error.__cause__ or error.__context__
    return cause.args[0] if cause is not None and cause.args and isinstance(cause.args[0], int) else None
