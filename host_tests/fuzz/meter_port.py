"""Target for the data port: any bytes, in any pieces, to a real meter's port on rung 1.

First byte: how many bytes come between two looks of the meter. What it answers is compared with
`expect`, which knows the standard and the state but none of the meter's code. The state may not
change, and the clock may only be set to a time that the standard allows.
"""

import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from dianka.bench.rungs.host.runner import HostRunner
from dianka.reading.frames import Frame, FrameError, decode
from meter_kit import INIT_DATA, MeterKit, S, in_use

PIECE = 64
MODULES = ("data_port", "dlt645", "readings", "reading_records")
BROADCAST = "999999999999"
REFUSED = {0x12: 2, 0x17: 8} | dict.fromkeys((0x14, 0x16, 0x18, 0x19, 0x1A, 0x1B, 0x1C), 4)
EPOCH = datetime(2000, 1, 1, 8)  # of the clock chip, in local time
PJ_PER_KWH = 3_600_000_000_000_000_000


class Pipe:
    """A UART with endless room, whose other end are two buffers."""

    def __init__(self) -> None:
        self.incoming = bytearray()
        self.sent: list[bytes] = []

    def any(self) -> int:
        return len(self.incoming)

    def read(self, count: int) -> bytes | None:
        data = bytes(self.incoming[:count])
        del self.incoming[:count]
        return data or None

    def write(self, data: bytes) -> int:
        self.sent.append(bytes(data))
        return len(data)

    def txdone(self) -> bool:
        return True


class Meter:
    """A meter in use, held still: nothing of it runs but its data port."""

    place: tempfile.TemporaryDirectory[str]

    def __init__(self, folder: Path) -> None:
        kit = self.kit = MeterKit.new(folder, replace(INIT_DATA, overdraft_limit_fen=4_000))
        in_use(kit, 2_000)
        kit.pull()
        kit.rig.set_load(2_200_000, 900)
        kit.wait(70 * S)
        self.meter = kit.meter
        self.own = f"{self.meter.store.state.meter_no:012}"
        self.now = EPOCH + timedelta(seconds=kit.rig.bench.clock_chip.time_s)
        self.values = self._list_values()
        self.before = vars(self.meter.store.state).copy()
        self.memory = kit.rig.bench.fram.content
        self.times = 0
        self._readings = self.meter._make_readings()
        assert self._readings.read(0x03330201) == b"", "what it needs was there already"
        runner = kit.rig.runner
        assert isinstance(runner, HostRunner)
        self.modules = [runner.import_module(name) for name in MODULES]

    def make_port(self, pipe: Pipe) -> Any:
        meter = self.meter
        made = self.modules[0].DataPort(
            pipe, meter.store, meter.clock, meter.events, lambda: self._readings, self._set_clock
        )
        made.look()  # which imports, and takes nothing yet
        return made

    def check_unchanged(self) -> None:
        assert vars(self.meter.store.state) == self.before, "the state was changed"

    def check_memory(self) -> None:
        assert self.kit.rig.bench.fram.content == self.memory, "the memory was written"

    def _set_clock(self, seconds: int) -> tuple:
        """Check that this time may be set; it is not, so that the next one can be judged."""
        at = EPOCH + timedelta(seconds=seconds)
        assert abs(at - self.now) <= timedelta(minutes=5), "more than 5 minutes"
        for each in (at, self.now):
            midnight = datetime(each.year, each.month, each.day)
            assert timedelta(minutes=5) <= each - midnight <= timedelta(hours=23, minutes=55)
        self.times += 1
        return None, True

    def _list_values(self) -> dict[int, bytes]:
        """Return what every identifier holds, by the state, the chip and the clock."""
        state, chip = self.meter.store.state, self.meter.chip
        u, i, p = chip.voltage_mv, chip.current_ma, chip.power_mw
        pf = _bcd(min(p * 10**6 // (u * i), 1000), 2)
        day = self.now
        date = _pairs(day.year - 2000, day.month, day.day)
        weekday = bytes(((day.weekday() + 1) % 7,))
        clock = _pairs(day.hour, day.minute, day.second)
        word = (0x200).to_bytes(2, "little")
        values = {
            0x00000000: _bcd(state.energy_pj * 100 // PJ_PER_KWH, 4),
            0x00010000: _bcd(state.energy_pj * 100 // PJ_PER_KWH, 4),
            0x00020000: bytes(4),  # its chip tells no direction
            0x00900200: _bcd(state.balance_fen, 4),
            0x00900201: bytes(4),
            0x02800020: _bcd(state.price_e4, 4),
            0x04000401: _bcd(12, 6), 0x04000402: _bcd(12, 6), 0x0400040E: _bcd(34, 6),
            0x04000101: weekday + date[::-1],
            0x04000102: clock[::-1],
            0x0400010C: clock[::-1] + weekday + date[::-1],
            0x04000108: bytes(5),
            0x04000204: b"\x01", 0x04000207: b"\x00",
            0x04000503: word,
            0x040005FF: bytes(4) + word + bytes(8),
            0x03330101: self._minute_of_purchase(), 0x03330201: _bcd(1, 2),
            0x03330301: _bcd(2000, 4), 0x03330401: bytes(4), 0x03330501: _bcd(2000, 4),
            0x03330601: _bcd(2000, 4),
            0x03300400: bytes(3),
        }  # fmt: skip
        values |= dict.fromkeys((0x02010100, 0x0201FF00), _bcd(u // 100, 2))
        values |= dict.fromkeys((0x02020100, 0x0202FF00), _bcd(i, 3))
        values |= dict.fromkeys((0x02030000, 0x02030100), _bcd(p // 100, 3))
        values |= dict.fromkeys((0x02060000, 0x02060100), pf)
        values |= {0x0203FF00: 2 * _bcd(p // 100, 3), 0x0206FF00: 2 * pf}
        values |= {0x04000500 + n: bytes(2) for n in (1, 2, 4, 5, 6, 7)}
        for n, fen in enumerate((100, 50, 4_000, 0, 0), 1):
            values[0x04001000 + n] = _bcd(fen, 4)
        for n in range(1, 8):
            values[0x04060100 + n] = bytes(4)
            if n <= 6:
                values[0x04060000 + n] = bytes(4)
            if n <= 4:
                values[0x04050100 + n] = _bcd(5000 if n == 1 else 0, 4)
        return values

    def _minute_of_purchase(self) -> bytes:
        """Return the local minute of the one purchase, from the log's own words on the console."""
        credited = next(line for line in self.kit.lines if "credited" in line)
        up_s = int(credited[1 : credited.index("]")])
        began = self.now - timedelta(seconds=self.kit.now_us // S)
        at = began + timedelta(seconds=up_s)
        return _pairs(at.year - 2000, at.month, at.day, at.hour, at.minute)[::-1]


@cache
def build() -> Meter:
    place = tempfile.TemporaryDirectory(prefix="dianka-port-", ignore_cleanup_errors=True)
    meter = Meter(Path(place.name))
    meter.place = place  # is removed with the process
    return meter


def port(text: bytes) -> None:
    talk(build(), text)


def talk(meter: Meter, text: bytes) -> list[Frame]:
    """Feed a text to the port, check each answer and the state; return the answers."""
    if not text:
        return []
    size, said = text[0] % PIECE + 1, text[1:]
    pipe = Pipe()
    own = meter.make_port(pipe)
    found: list[Frame] = []
    wanted: Frame | None = None
    rest = b""
    for at in range(0, len(said) + size, size):
        pipe.incoming += said[at : at + size]
        own.look()
        assert len(pipe.sent) == (wanted is not None), "an answer too many, or too few"
        for raw in pipe.sent:
            assert raw[:4] == b"\xfe" * 4
            assert decode(raw) == wanted, "a wrong answer"
            found.append(decode(raw))
        pipe.sent.clear()
        frames, rest = split(rest + said[at : at + size])
        answers = [answer for frame in frames if (answer := expect(meter, frame))]
        wanted = answers[0] if answers else None
    assert (wanted is None) == (own._request is None)
    meter.check_unchanged()
    return found


def split(text: bytes) -> tuple[list[Frame], bytes]:
    """Return all frames of a text, and what may still become one."""
    found, at = [], 0
    while (at := text.find(0x68, at)) >= 0:
        head = text[at : at + 10]
        if len(head) > 7 and head[7] != 0x68:
            at += 1
            continue
        if len(head) < 10:
            return found, text[at:]
        if head[9] <= 200 and len(text) - at < head[9] + 12:
            return found, text[at:]
        try:
            found.append(decode(text[at : at + head[9] + 12]))
            at += head[9] + 12
        except FrameError:
            at += 1
    return found, b""


def expect(meter: Meter, frame: Frame) -> Frame | None:
    """Return what the standard has the meter answer."""
    if frame.control & 0xE0 or frame.address == BROADCAST:
        return None
    given = frame.address
    while given[:2] == "AA":
        given = given[2:]
    if not meter.own.endswith(given):
        return None
    if frame.control == 0x13:
        return None if frame.data else Frame(meter.own, 0x93, _bcd(int(meter.own), 6))
    if frame.control == 0x11:
        value = None
        if len(frame.data) == 4:
            value = meter.values.get(int.from_bytes(frame.data, "little"))
        if value is None:
            return Frame(meter.own, 0xD1, b"\x02")
        return Frame(meter.own, 0x91, frame.data + value)
    error = REFUSED.get(frame.control)
    return Frame(meter.own, frame.control | 0xC0, bytes((error,))) if error else None


def _bcd(value: int, size: int) -> bytes:
    return bytes.fromhex(f"{value:0{2 * size}}")[::-1]


def _pairs(*numbers: int) -> bytes:
    return bytes.fromhex("".join(f"{number:02}" for number in numbers))
