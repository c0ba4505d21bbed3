"""A master at a meter's data port, in virtual time, and a pseudo-terminal in its place."""

import os
import select
import tty
from collections.abc import Callable

from dianka.bench.models.wires import Format, SerialPort
from dianka.bench.stage.stand import MS, Stand
from dianka.reading.frames import ANY, READ, WAKE, Frame, FrameError, decode

FORM = Format(2400, 8, 0, 1)
CHAR_US = FORM.char_us_x1000 // 1000 + 1
LATEST_US = 500 * MS  # from a request's end to its answer's beginning: DL/T 645-2007, 5.3
EARLIEST_US = 20 * MS


class Master:
    """Sends requests to the meter of a stand and hears its answers, each with its times."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.port: SerialPort = stand.rig.bench.mcu.get_uart(stand.rig.bench.pins["DATA_UART"])
        self.port.sink = self._hear
        self.heard: list[tuple[int, int]] = []  # when each byte began, and its value
        self.formats: set[Format] = set()

    def _hear(self, value: int, start_us: int, form: Format) -> None:
        self.heard.append((start_us, value))
        self.formats.add(form)

    def send(self, raw: bytes) -> int:
        """Let these bytes arrive one after the other from now on; return when the last is over."""
        at_us = self.stand.now_us
        for value in raw:
            at_us += CHAR_US
            self.stand.rig.clock.call_at(at_us, lambda v=value: self.port.deliver(v, FORM))
        return at_us

    def exchange(self, raw: bytes, wait_us: int = 800 * MS) -> tuple[bytes, int]:
        """Send this; return what comes back, and how long after its end that began."""
        self.heard.clear()
        over_us = self.send(raw)
        self.stand.wait(over_us - self.stand.now_us + wait_us)
        values = bytes(value for _, value in self.heard)
        return values, self.heard[0][0] - over_us if self.heard else 0

    def ask(self, control: int, data: bytes = b"", address: str = ANY) -> Frame | None:
        """Return the meter's answer to this request, None if it is silent."""
        raw, after_us = self.exchange(WAKE + Frame(address, control, data).encode())
        if not raw:
            return None
        assert EARLIEST_US <= after_us <= LATEST_US, f"answered after {after_us} us"
        return decode(raw)

    def read(self, identifier: int, address: str = ANY) -> bytes | int:
        """Return the data of an identifier, or the error word."""
        name = identifier.to_bytes(4, "little")
        answer = self.ask(READ, name, address)
        assert answer
        if answer.control == 0xD1:
            assert len(answer.data) == 1
            return answer.data[0]
        assert answer.control == 0x91 and answer.data[:4] == name
        return answer.data[4:]

    def take_answers(self) -> list[tuple[int, Frame]]:
        """Return all whole answers heard so far, with the time at which each began."""
        found, raw, began_us = [], b"", 0
        for start_us, value in self.heard:
            began_us = began_us if raw else start_us
            raw += bytes((value,))
            try:
                found.append((began_us, decode(raw)))
                raw = b""
            except FrameError:
                continue
        assert not raw, "an answer without an end"
        self.heard.clear()
        return found


class Pty:
    """A pseudo-terminal whose other end is the data port: `name` is what a client opens."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.name = os.ttyname(self._theirs)
        self._passed = 0

    def serve(self, busy: Callable[[], bool], step_us: int = 50 * MS) -> None:
        """Pass bytes both ways, in virtual time, as long as the client is busy."""
        while busy():
            ready, _, _ = select.select([self._ours], [], [], 0.02)
            if ready:
                over_us = self._master.send(os.read(self._ours, 4096))
                self._master.stand.wait(over_us - self._master.stand.now_us)
            for _ in range(20):
                self._master.stand.wait(step_us)
                if len(self._master.heard) > self._passed and self._master.port.sent_by_us <= (
                    self._master.stand.now_us
                ):
                    break
            new = bytes(value for _, value in self._master.heard[self._passed :])
            self._passed += len(new)
            if new:
                os.write(self._ours, new)

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)
