"""Ask a meter for what it holds, over a serial port: 2400 bit/s, 8 bits, even parity."""

import contextlib
import time
from pathlib import Path
from typing import Any

import serial

from dianka.reading.frames import (
    ANSWER,
    ANY,
    FAILED,
    READ,
    READ_ADDRESS,
    WAKE,
    Frame,
    FrameError,
    count_missing,
    decode,
)

BAUD = 2400
_GONE: tuple[type[Exception], ...] = (OSError, ValueError)
with contextlib.suppress(ImportError):  # Windows has no termios
    from termios import error as _termios_error

    _GONE += (_termios_error,)  # which pyserial passes on
_LOOK_S = 0.05
_TRIES = 3
_FIRST_S = 1.5  # the standard allows 0.5 s, an adapter on USB may add to it
_NEXT_S = 0.5
_LONGEST_S = 5.0  # of one answer, however much comes meanwhile
_REASONS = (
    (1, "the meter can't read it now"),
    (2, "the meter has no such data"),
    (4, "not allowed"),
)


class ReadError(Exception):
    """The meter can't be read. One line: what is wrong and what to do."""


class RefusedError(Exception):
    """The meter refuses this one request, with the words of its error."""


class Line:
    """A line with meters on it."""

    def __init__(self, port: str) -> None:
        self.port = port
        # A pseudo-terminal has no parity bit, and Linux refuses to set one twice.
        pseudo = str(Path(port).resolve()).startswith("/dev/pts/")
        parity = serial.PARITY_NONE if pseudo else serial.PARITY_EVEN
        try:
            self._serial: Any = serial.serial_for_url(
                port, BAUD, parity=parity, timeout=_LOOK_S, exclusive=True
            )
        except _GONE as error:
            raise ReadError(f"{port} can't be opened: {_shorten(error)}") from None

    def close(self) -> None:
        self._serial.close()

    def ask_address(self, asked: str = ANY) -> str:
        """Return the address of the meter that this one fits."""
        return self._exchange(Frame(asked, READ_ADDRESS)).address

    def read(self, address: str, identifier: int) -> bytes:
        """Return the data of an identifier as they come. Raise RefusedError if there are none."""
        name = identifier.to_bytes(4, "little")
        answer = self._exchange(Frame(address, READ, name))
        if answer.control & FAILED:
            raise RefusedError(_explain(answer.data))
        if answer.data[:4] != name:
            raise ReadError(f"the meter at {self.port} answers to another question: ask again")
        return answer.data[4:]

    def _exchange(self, request: Frame) -> Frame:
        """Send a request until an answer to it comes; ReadError after the last try."""
        garbled = False
        try:
            for _ in range(_TRIES):
                self._serial.reset_input_buffer()
                self._serial.write(WAKE + request.encode())
                raw = self._receive()
                try:
                    answer = decode(raw)
                except FrameError:
                    garbled = garbled or bool(raw)
                    continue
                if answer.control & ~FAILED == request.control | ANSWER:
                    return answer
        except _GONE as error:
            raise ReadError(f"the line to {self.port} broke off: {_shorten(error)}") from None
        if garbled:
            raise ReadError(
                f"what comes from {self.port} is no answer: is it 2400 bit/s, 8E1, and only one "
                "meter with this address?"
            )
        raise ReadError(
            f"no meter answers at {self.port}: look at the wires and at the address, and whether "
            "the meter is on"
        )

    def _receive(self) -> bytes:
        """Return what comes up to the end of a frame, or up to a silence.

        Passes over what is before the first 68H, and an echo of the request.
        """
        began_s = heard_s = time.monotonic()
        raw, limit_s = b"", _FIRST_S
        while heard_s < began_s + _LONGEST_S:
            got = self._serial.read(count_missing(raw) or 1)
            if got:
                heard_s = time.monotonic()
            elif time.monotonic() >= heard_s + limit_s:
                break
            raw = (raw + got)[(raw + got).find(0x68) :] if 0x68 in raw + got else b""
            if raw and not count_missing(raw):
                if raw[8] & ANSWER:
                    break
                raw = b""
            limit_s = _NEXT_S if raw else _FIRST_S
        return raw


def _explain(error: bytes) -> str:
    word = error[0] if error else 0
    return ", ".join(text for bit, text in _REASONS if word & bit) or f"error {word:02X}H"


def _shorten(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
