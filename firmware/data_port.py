"""Answer who reads the meter over its data port by DL/T 645-2007 (docs/read.md), and only that.

Imported with the first byte there, so a port that nobody uses costs nothing; what it needs in turn
is imported one by one, each in a look of its own, so that no task waits long. A request is answered
on the look after the one that has found it whole: after 20 ms at the earliest and 500 at the
latest, as the standard wants. One that comes while an answer is due or on its way is dropped, and
so is what comes while the state has not been read: it would be another's.

Read are data (11H) and address (13H). Every other function that the standard has is refused with
its error word, but for a new address (15H), for which it has no error: silence. So for functions
that it does not have, and for other addresses. Addresses may end in AAH, which stands for any
digits.

Nothing is changed but the clock, by the broadcast that the standard has for it (08H): by up to 5
minutes, once in a local day, neither from nor to a time within 5 minutes of midnight. The log of
events says when that was, also after a power cut.
"""

import time

from micropython import const

from card_files import to_bcd
from ds3231 import Ds3231
from event_chain import CLOCK
from events import Events
from state_store import StateStore

_SILENCE_MS = const(500)  # between two bytes of a frame
_TIME = const(0x08)
_READ = const(0x11)
_READ_ON = const(0x12)
_READ_ADDRESS = const(0x13)
_ANSWER = const(0x80)
_FAILED = const(0x40)
# Bits of the error word.
_OTHER = const(1)
_NO_DATA = const(2)
_NOT_ALLOWED = const(4)
_RATE = const(8)
# Write, freeze, change rate, change password, clear demand, clear meter, clear events, control.
_REFUSED = {
    0x14: _NOT_ALLOWED,
    0x16: _NOT_ALLOWED,
    0x17: _RATE,
    0x18: _NOT_ALLOWED,
    0x19: _NOT_ALLOWED,
    0x1A: _NOT_ALLOWED,
    0x1B: _NOT_ALLOWED,
    0x1C: _NOT_ALLOWED,
    _READ_ON: _NO_DATA,  # no answer here is long enough to go on
}
_WAKE = b"\xfe\xfe\xfe\xfe"
_NAME = const(4)  # bytes of an identifier
_DAY_S = const(86_400)
_MOST_OFF_S = const(300)


class DataPort:
    """The port at `uart`. `make_readings` returns a Readings, once it is asked for one.

    `set_clock` is that of the meter.
    """

    def __init__(
        self, uart, store: "StateStore", clock: "Ds3231", events: "Events", make_readings, set_clock
    ) -> None:
        self._uart = uart
        self._store = store
        self._clock = clock
        self._events = events
        self._make_readings = make_readings
        self._set_clock = set_clock
        self._readings = None
        self._frames = None
        self._request = None  # whose answer is due
        self._heard_ms = time.ticks_ms()

    def look(self) -> None:
        """Answer what is due, and take what has come. To be called every 100 ms."""
        uart, frames, now_ms = self._uart, self._frames, time.ticks_ms()
        if not frames:
            from dlt645 import Frames

            self._frames = Frames()
            return
        if self._request:
            answer = self._answer(*self._request)
            if not answer:
                return  # a further import was due
            uart.write(answer)
            self._request = None
        waiting = uart.any()
        if not waiting:
            return
        if time.ticks_diff(now_ms, self._heard_ms) > _SILENCE_MS:
            frames.forget()
        self._heard_ms = now_ms
        while waiting > 0:
            data = uart.read(min(waiting, frames.room))
            if not data:
                return
            waiting -= len(data)
            frames.feed(data)
            frame = frames.take()
            while frame:
                if not self._store.unread:
                    self._take(*frame)
                frame = frames.take()

    def _take(self, address: bytes, control: int, data: bytes) -> None:
        """Follow a broadcast; keep a request that has an answer, if the line is free for it."""
        if address == b"\x99" * 6:
            if control == _TIME:
                self._follow_time(data)
            return
        if not self._own_address().startswith(address.rstrip(b"\xaa")):
            return
        answered = control == _READ or control in _REFUSED
        if not answered and (control != _READ_ADDRESS or data):
            return
        if self._request or not self._uart.txdone():
            return
        self._request = control, data
        if control == _READ and not self._readings:
            self._readings = self._make_readings()

    def _answer(self, control: int, data: bytes) -> bytes:
        """Return the answer to a request; empty if it is to be tried again in the next look."""
        own, error = self._own_address(), _REFUSED.get(control, 0)
        if control == _READ_ADDRESS:
            data = own
        elif control == _READ:
            error, data = self._read(data)
            if not error and not data:
                return b""
        control |= _ANSWER
        if error:
            control, data = control | _FAILED, bytes((error,))
        from dlt645 import wrap

        return _WAKE + wrap(own, control, data)

    def _read(self, name: bytes) -> tuple:
        """Return (error word or 0, identifier and what it holds); (0, b"") as `_answer`."""
        if len(name) != _NAME or not self._readings:
            return _NO_DATA, b""  # load records, which this meter does not keep
        try:
            found = self._readings.read(int.from_bytes(name, "little"))
            return 0, found and name + _reverse(found)
        except ValueError:
            return _NO_DATA, b""
        except OSError:
            return _OTHER, b""

    def _own_address(self) -> bytes:
        return _reverse(to_bcd(self._store.state.meter_no, 6))

    # ****** Time ******

    def _follow_time(self, data: bytes) -> None:
        """Set the clock by a broadcast (ss mm hh DD MM YY), where the standard allows it."""
        try:
            minute, second = [int("".join(["%02x" % byte for byte in part])) for part in (
                _reverse(data[1:]), data[:1]
            )]  # fmt: skip
            if len(data) == 6 and second < 60:
                seconds = self._clock.seconds_of(minute) + second
                if self._may_set(self._clock.read_sure_seconds(), seconds):
                    self._set_clock(seconds)
        except (ValueError, OSError):
            pass  # no time, or a chip that does not answer: nothing is changed

    def _may_set(self, now_s: "int | None", seconds: int) -> bool:
        if now_s is None or abs(seconds - now_s) > _MOST_OFF_S:
            return False
        if seconds < self._store.state.earliest_s:
            return False
        offset_s = self._clock.offset_s
        for local_s in (now_s + offset_s, seconds + offset_s):
            if not _MOST_OFF_S <= local_s % _DAY_S <= _DAY_S - _MOST_OFF_S:
                return False
        if not self._events.newest_number(CLOCK):
            return True
        set_s = int.from_bytes(self._events.read_newest_detail(CLOCK)[4:8], "big")
        return set_s > 0 and (set_s + offset_s) // _DAY_S < (now_s + offset_s) // _DAY_S


def _reverse(data: bytes) -> bytes:
    return bytes(reversed(data))
