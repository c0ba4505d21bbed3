"""The fuzzed frames of `make fuzz-port`, a sample; and a fault planted in the port is found."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

import meter_port
import port_frames_run

SAMPLE = 4_000


def test_a_sample_of_the_fuzzed_frames(record_property: Callable[[str, object], None]) -> None:
    counts, failed = port_frames_run.run(SAMPLE, 7)
    assert not failed, failed
    assert sum(counts[kind] for kind in ("answered", "refused", "silent")) == SAMPLE
    assert counts["answered"] > SAMPLE // 10 and counts["refused"] > SAMPLE // 50
    assert counts["clock to be set"] > 10
    record_property("figure", f"{SAMPLE} fuzzed frames at the data port: 0 wrong answers")


@settings(max_examples=200)
@given(st.lists(st.binary(min_size=1, max_size=30) | st.sampled_from(
    [b"\x68", b"\xfe\xfe\x68", bytes.fromhex("68AAAAAAAAAAAA681300DF16"), b"\x16"]
), max_size=30), st.integers(0, 63))  # fmt: skip
def test_hostile_bytes_change_nothing_and_have_no_wrong_answer(
    pieces: list[bytes], size: int
) -> None:
    meter = meter_port.build()
    meter_port.talk(meter, bytes((size,)) + b"".join(pieces))
    meter.check_memory()


def _no_sum(own: Any, at: int) -> int:
    buffer, left = own._buffer, own._fill - at
    if buffer[at] != 0x68 or (left > 7 and buffer[at + 7] != 0x68):
        return 0
    if left < 10 or left < buffer[at + 9] + 12:
        return -1 if left < 10 or buffer[at + 9] <= 200 else 0
    return buffer[at + 9] + 12


def _cheap(read: Callable[[Any, int], bytes]) -> Callable[[Any, int], bytes]:
    return lambda own, name: bytes(4) if name == 0x00900200 else read(own, name)


def _spending(read: Callable[[Any, int], bytes]) -> Callable[[Any, int], bytes]:
    def planted(own: Any, name: int) -> bytes:
        if name == 0x04000503:
            own._store.state.balance_fen -= 1
        return read(own, name)

    return planted


@pytest.mark.parametrize("fault", ["sum", "value", "state", "clock", "error"])
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    meter = meter_port.build()
    data_port, dlt645, readings, _ = meter.modules
    kept = meter.meter.store.state.balance_fen
    if fault == "sum":
        monkeypatch.setattr(dlt645.Frames, "_judge", _no_sum)
    elif fault == "value":
        monkeypatch.setattr(readings.Readings, "read", _cheap(readings.Readings.read))
    elif fault == "state":
        monkeypatch.setattr(readings.Readings, "read", _spending(readings.Readings.read))
    elif fault == "clock":
        monkeypatch.setattr(data_port, "_MOST_OFF_S", 330)
    else:
        monkeypatch.setitem(data_port._REFUSED, 0x14, 2)
    assert port_frames_run.run(SAMPLE, 7)[1]
    meter.meter.store.state.balance_fen = kept
    monkeypatch.undo()
    assert not port_frames_run.run(100, 7)[1]
