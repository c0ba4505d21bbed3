"""The serial link to the board: mpremote's raw REPL, and a helper that is typed in first.

Every failure of the link becomes a FlashError of one line. The helper feeds the watchdog with each
call: the RP2040's cannot be stopped (RP2040 datasheet 4.7), so a board that ran the firmware would
be reset after 8 s without a call. The same reset starts the meter again when this program is
killed, so nothing feeds the watchdog in the background.
"""

import ast
import base64
import contextlib
import errno
import io
import re
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
from dianka.flash.helper import HELPER

_LINE_S = 1
_ANSWER_S = 10
# The longest time without an answer from a board at work: reading the meter's state takes 1 s, on
# an emulated board 10 s and more.
_WORK_S = 60
_LONGEST_S = 180  # of one answer, however much a board sends meanwhile
_ENTER_S = 12
_TRY_S = 2
_TRIES = 3
_AGAIN_S = 0.3
_SILENT_S = 1
_PAUSE_S = 0.01
_OFTEN = 100
_CHUNK = 512
_FEW = 8
_GONE: tuple[type[Exception], ...] = (TransportError, OSError, struct.error)
with contextlib.suppress(ImportError):  # Windows has no termios
    from termios import error as _termios_error

    _GONE += (_termios_error,)  # pyserial passes it on if a port goes away while it is opened
_NO_ADDRESS = (ValueError, LookupError, re.error)  # pyserial about an address like foo://x


class _Wire(SerialTransport):
    """mpremote's transport, with a deadline for a board that sends without end.

    Its own `read_until` checks the clock only while nothing arrives.
    """

    def read_until(
        self,
        min_num_bytes: int,
        ending: bytes,
        timeout: float | None = 10,
        data_consumer: Any = None,
        timeout_overall: float | None = None,
    ) -> bytes:
        """Return what arrives until the ending, a silence of `timeout`, or the deadline."""
        heard_s = time.monotonic()
        until_s = heard_s + (timeout_overall or _LONGEST_S)
        data = bytearray()
        while not data.endswith(ending) and time.monotonic() < until_s:
            new = (
                self.serial.read(1) if self.is_pty or getattr(self.serial, "in_waiting", 0) else b""
            )
            if new:
                data += new
                heard_s = time.monotonic()
            elif timeout is not None and time.monotonic() >= heard_s + timeout:
                break
            else:
                time.sleep(_PAUSE_S)
        return bytes(data)


class Link:
    """A board at its raw REPL. `run` and `ask` execute Python on the board."""

    def __init__(self, port: str) -> None:
        self.port = port
        self._transport = open_port(port)
        self._at_prompt = False
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def run(self, code: str) -> str:
        """Execute code on the board; return its output. Raise FlashError if it fails."""
        with self._raise_in_one_line():
            said, error = self._transport.exec_raw(code, timeout=_WORK_S)
            if error:
                raise TransportExecError(1, error.decode("utf-8", "replace"))
            return said.decode("utf-8", "replace")

    def ask(self, expression: str) -> Any:
        """Return the value of an expression on the board."""
        printed = self.run(f"_feed(); print(repr({expression}))").strip()
        try:
            return ast.literal_eval(printed)
        except (ValueError, SyntaxError):
            raise FlashError(
                f"the board at {self.port} answers strangely: unplug it, plug it in, "
                "and flash again"
            ) from None

    def read_hashes(self, folder: str) -> dict[str, str]:
        """Return name and SHA-256 of each file in a folder.

        Each call hashes a few files, so that no call takes long.
        """
        names, found = self.ask(f"_list({folder!r})"), {}
        for at in range(0, len(names), _FEW):
            found |= self.ask(
                f"{{name: _hash({folder + '/'!r} + name) for name in {names[at : at + _FEW]!r}}}"
            )
        return found

    def write(self, name: str, data: bytes) -> None:
        """Write a file, in steps small enough for the watchdog."""
        self.run(f"_feed(); _open({name!r})")
        for at in range(0, len(data), _CHUNK):
            self.run(f"_feed(); _write({base64.b64encode(data[at : at + _CHUNK])!r})")
        self.run("_feed(); _file.close()")

    def reset(self) -> None:
        """Restart the board, unless that has been done.

        After this only `read_lines` makes sense.
        """
        if not self._at_prompt:
            return
        self._at_prompt = False
        # The board may be gone before it has confirmed the command: that is no failure, as a
        # restart was requested.
        with contextlib.suppress(*_GONE):
            self._wait_up_to(_LINE_S)
            self._transport.exec_raw_no_follow(
                "import machine, time; time.sleep_ms(100); machine.reset()"
            )

    def read_lines(self, limit_s: float) -> Iterator[str]:
        """Yield the lines that the meter writes on its console after a reset.

        A USB port goes away and comes back meanwhile; it is opened again.
        """
        until_s, partial = time.monotonic() + limit_s, b""
        while time.monotonic() < until_s:
            try:
                data = self._transport.serial.read(
                    max(1, getattr(self._transport.serial, "in_waiting", 0))
                )
            except (OSError, TypeError):
                self._reopen()
                continue
            *whole, partial = (partial + data).split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Close the port."""
        # mpremote sets the modem lines first: if the port is gone, that fails and leaves the file
        # open and locked.
        for close in (self._transport.close, self._transport.serial.close):
            with contextlib.suppress(*_GONE):
                close()

    def _begin(self) -> None:
        """Enter the raw REPL and type the helper in.

        A board whose watchdog bites, or whose version crashes, restarts in the middle of this: it
        is entered again.
        """
        for left in range(_TRIES - 1, -1, -1):
            self._enter()
            try:
                with self._raise_in_one_line():
                    self._wait_up_to(_ANSWER_S)
                # In one command, as each takes a while on a board.
                if self.run("print('service' in globals())" + HELPER).strip() == "True":
                    self._leave_console()
                    self.run(HELPER)
                self._at_prompt = True
                return
            except FlashError:
                if not left:
                    raise

    def _leave_console(self) -> None:
        """Stop a meter whose service console has answered in place of MicroPython's own prompt.

        It takes control-C for itself; control-D stops it, as control-C stops a meter without one.
        """
        self._transport.serial.write(b"\x02\x04")
        self._enter()

    def _enter(self) -> None:
        """Interrupt the running program and enter the raw REPL; raise FlashError if that fails.

        There is more than one try, for a board that is just starting or is plugged in at this
        moment. Such a board answers each try in the end, and the first answer may be to an earlier
        one: all of them are read, and the prompt is asked for anew.
        """
        until_s, tried, broke_off = time.monotonic() + _ENTER_S, False, False
        while time.monotonic() < until_s:
            try:
                self._wait_up_to(_LINE_S)
                if tried:
                    self._insist()
                with contextlib.redirect_stdout(io.StringIO()):
                    self._transport.enter_raw_repl(soft_reset=False, timeout_overall=_TRY_S)
                if not tried:
                    return
                self._drain()
                tried = False
            except TransportError:
                tried, broke_off = True, False
            except _GONE:
                broke_off = True
                self._reopen()
        if broke_off:
            raise FlashError(self._format_broke_off())
        raise FlashError(
            f"what is at {self.port} does not answer as MicroPython: "
            "put MicroPython on the board first, or name another port"
        )

    def _insist(self) -> None:
        """Send many interrupts.

        A board that crashes and starts again and again accepts an interrupt only at some moments.
        """
        for _ in range(_OFTEN):
            self._transport.serial.write(b"\x03")
            time.sleep(_PAUSE_S)

    def _drain(self) -> None:
        """Read until the board is silent, for as long as one try at most."""
        until_s = time.monotonic() + _TRY_S
        while time.monotonic() < until_s and self._transport.read_until(
            1, b"\x04", timeout=_SILENT_S, timeout_overall=_TRY_S
        ):
            pass

    def _wait_up_to(self, seconds: int) -> None:
        """Set how long one read from the port may wait, in seconds.

        Before each command mpremote wants two bytes in one read.
        """
        setattr(self._transport.serial, "timeout", seconds)  # noqa: B010  as in open_port

    def _reopen(self) -> None:
        self.close()
        time.sleep(_AGAIN_S)
        with contextlib.suppress(FlashError):
            self._transport = open_port(self.port)

    @contextlib.contextmanager
    def _raise_in_one_line(self) -> Iterator[None]:
        try:
            yield
        except TransportExecError as error:
            reason = error.error_output.strip().splitlines()
            raise FlashError(
                f"the board at {self.port} refuses: {reason[-1] if reason else 'no reason given'}"
            ) from None
        except _GONE:
            raise FlashError(self._format_broke_off()) from None

    def _format_broke_off(self) -> str:
        return f"the line to {self.port} broke off: plug the board in again and repeat the command"


def open_port(port: str) -> SerialTransport:
    try:
        transport = _Wire(port, timeout=_LINE_S)
    except (*_GONE, *_NO_ADDRESS):
        raise FlashError(_explain_closed(port)) from None
    # setattr, as mpremote's type of its port is too narrow.
    setattr(transport.serial, "write_timeout", _ANSWER_S)  # noqa: B010
    return transport


def _explain_closed(port: str) -> str:
    """Return why the port cannot be opened, in one line with the remedy."""
    there = ", ".join(sorted(each.device for each in list_ports.comports())) or "none"
    if not port:
        return (
            "no port is named: say where the board is, as in PORT=/dev/ttyACM0 (there now: "
            f"{there})"
        )
    if not Path(port).exists() and "://" not in port:
        return f"no board at {port}: plug it in, or name another port (there now: {there})"
    try:
        serial.serial_for_url(port, exclusive=True).close()
    except (*_GONE, *_NO_ADDRESS) as error:
        number = _find_errno(error)
        if number in (errno.EACCES, errno.EPERM):
            return (
                f"{port} may not be opened by you: join the group that owns it (often dialout), "
                "then log in again"
            )
        if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK):
            return f"{port} is busy: close the program that uses it"
        return f"{port} is no serial port: name the board's (there now: {there})"
    return f"{port} could not be opened, but can be now: repeat the command"


def _find_errno(error: BaseException) -> int | None:
    """Return the system's error number, or None.

    pyserial wraps the error of termios, which is no OSError, in a text.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    cause = error.__cause__ or error.__context__
    return (
        cause.args[0]
        if cause is not None and cause.args and isinstance(cause.args[0], int)
        else None
    )
