"""The metering chip's driver and bytes: reports cut, joined, hidden among false ones.

Noise; parameters and limits.
"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.bench.models.hlw8032_frame import CAPTURED, Params, build, compute_checksum
from parts import Parts

SANE = (187_000 * 1880 // 220_000, 15_675, 5_031_000)


class Feed:
    """A UART with bytes in its ring; like `machine.UART`, it returns at most `chunk` at a poll."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.open = len(data)

    def any(self) -> int:
        return self.open

    def readinto(self, buffer: memoryview) -> int | None:
        count = min(len(buffer), self.open)
        buffer[:count] = self.data[:count]
        del self.data[:count]
        self.open -= count
        return count or None


MODULE = Parts().module("hlw8032")


def driver(feed: Feed) -> object:
    return MODULE.Hlw8032(feed, 1880, 1000)


def give(chip: object, feed: Feed, data: bytes, chunk: int = 1 << 20) -> bool:
    feed.data += data
    accepted = False
    while feed.data:
        feed.open = min(chunk, len(feed.data))
        accepted |= chip.poll()
    return accepted


def report(
    pulses: int,
    params: Params = CAPTURED,
    state: int = 0x55,
    registers: tuple = SANE,
    updated: int = 0x71,
) -> bytes:
    return build(state, params, registers, updated | (pulses >> 9 & 0x80), pulses & 0xFFFF)


def taught(params: Params = CAPTURED) -> tuple[object, Feed]:
    feed = Feed()
    chip = driver(feed)
    give(chip, feed, report(0, params) * 3)
    assert (chip.reports, chip.rejected) == (1, 2)
    return chip, feed


@pytest.mark.parametrize("chunk", range(1, 31))
def test_chunks_of_every_size(chunk: int) -> None:
    chip, feed = taught()
    for pulses in range(1, 60):
        assert give(chip, feed, report(pulses), chunk)
        assert chip.register == pulses
    assert chip.skipped == 0


@pytest.mark.parametrize("at", range(24))
def test_headers_planted_at_every_place(at: int) -> None:
    """A report with 55 5A inside, which a search for these two bytes takes for a report's start."""
    chip, feed = taught()
    frame = bytearray(report(77))
    if at in (2, 3, 4, 8, 9, 10, 14, 15, 16):
        return  # parameters: see the next test
    if at > 1:
        frame[at] = 0x5A
        if at - 1 not in (4, 10, 16):
            frame[at - 1] = 0x55
    frame[5] &= 0x0F  # the voltage stays below 500 V
    frame[6] |= 0x04
    frame[23] = compute_checksum(frame)
    assert give(chip, feed, bytes(frame))
    assert chip.register == (frame[20] & 0x80) << 9 | frame[21] << 8 | frame[22]
    assert give(chip, feed, report(78))
    assert chip.register == 78


PARAMETER_PLACES = [
    (at, field)
    for field, base in (("voltage", 2), ("current", 8), ("power", 14))
    for at in range(2)
]


@pytest.mark.parametrize(("shift", "field"), PARAMETER_PLACES)
@pytest.mark.parametrize("start", range(24))
def test_planted_parameters_and_a_start_in_the_middle(shift: int, field: str, start: int) -> None:
    sane = getattr(CAPTURED, field)
    planted = sane & ~(0xFFFF << 8 * shift) | 0x555A << 8 * shift
    params = Params(**{field: planted})
    feed = Feed()
    chip = driver(feed)
    registers = (min(SANE[0], params.voltage * 1880 // 100_000), *SANE[1:])
    if params.voltage * 1880 // registers[0] > 500_000:
        registers = (params.voltage * 1880 // 220_000 + 1, *SANE[1:])
    stream = b"".join(report(pulses, params, registers=registers) for pulses in range(1, 12))
    give(chip, feed, stream[start:], 7)
    assert chip.register == 11
    assert chip.pulse_pj == params.pulse_pj


def test_a_false_report_that_never_changes_does_not_deafen() -> None:
    """A start in the middle of equal reports, with a window inside that has a right checksum."""
    chip, feed = taught()
    frame = next(
        frame
        for count in range(0x5A00, 0x10000)
        for frame in [bytearray(report(count, registers=(SANE[0], 0x55, SANE[2]), updated=0x71))]
        if window_is_sound(frame)
    )
    give(chip, feed, (bytes(frame) * 5)[3:])
    assert chip.register == frame[21] << 8 | frame[22]


def window_is_sound(frame: bytearray) -> bool:
    """Plant a header at byte 12 of this report; return whether the window has a right checksum.

    The window goes from there into the next, equal report.
    """
    frame[12:14] = b"\x55\x5a"
    frame[23] = compute_checksum(frame)
    window = (frame * 2)[12:36]
    return compute_checksum(window) == window[23]


@given(st.integers(0, 23), st.binary(max_size=60), st.integers(1, 40))
def test_garbage_before_a_half_report_and_a_lost_byte(cut: int, garbage: bytes, chunk: int) -> None:
    chip, feed = taught()
    give(chip, feed, garbage + report(500)[cut:], chunk)
    middle = report(501)
    give(chip, feed, middle[:cut] + middle[cut + 1 :], chunk)
    give(chip, feed, report(502) + report(503), chunk)
    assert give(chip, feed, report(504), chunk)
    assert chip.register == 504
    assert chip.pulse_pj == CAPTURED.pulse_pj


def test_several_reports_at_once() -> None:
    chip, feed = taught()
    reports = chip.reports
    feed.data += b"".join(report(pulses) for pulses in range(10))
    feed.open = len(feed.data)
    assert chip.poll()
    assert (chip.reports, chip.register) == (reports + 10, 9)
    assert not chip.poll()


@pytest.mark.parametrize(
    "noise",
    [bytes(10_000), b"\xff" * 10_000, b"\x5a" * 10_000, b"\x55\x5a" * 5000, b"\xf2\x5a" * 5000],
)
def test_uniform_noise_is_no_report(noise: bytes) -> None:
    for chip, feed in ((lambda f: (driver(f), f))(Feed()), taught()):
        reports, pulse_pj = chip.reports, chip.pulse_pj
        give(chip, feed, noise)
        assert (chip.reports, chip.pulse_pj) == (reports, pulse_pj)
        give(chip, feed, b"".join(report(pulses) for pulses in range(6)))
        assert chip.register == 5


@pytest.mark.parametrize("known", [False, True])
def test_100_kb_of_random_noise_accept_nothing(known: bool) -> None:
    chip, feed = taught() if known else (lambda f: (driver(f), f))(Feed())
    reports = chip.reports
    noise = bytearray(random.Random(4).randbytes(100_000))
    for at in range(0, len(noise) - 1, 50):  # more headers than chance would give
        noise[at : at + 2] = b"\x55\x5a"
    give(chip, feed, bytes(noise))
    assert chip.reports == reports
    assert 1 <= chip.rejected <= 40  # one in 256 of 2000 has a right sum
    assert chip.skipped > 99_000


# ****** Parameters ******


@pytest.mark.parametrize(
    ("state", "whole"),
    [(0xAA, 1), (0xF1, 1), (0xF7, 1), (0xFF, 1), (0x00, 0), (0x54, 0), (0xE0, 0)],
)
def test_a_state_that_says_no_is_believed_whatever_else_is_right(state: int, whole: int) -> None:
    """Correction failed, parameters unusable; states that the chip does not have are no report."""
    chip, feed = taught()
    rejected = chip.rejected
    assert not give(chip, feed, report(9, state=state))
    assert (chip.register, chip.rejected) == (0, rejected + whole)
    assert give(chip, feed, report(10, state=0xF0))
    assert chip.register == 10


def test_parameters_are_learned_from_three_equal_reports() -> None:
    feed = Feed()
    chip = driver(feed)
    other = Params(power=CAPTURED.power + 1)
    for params, known in (
        (CAPTURED, 0),
        (CAPTURED, 0),
        (other, 0),
        (CAPTURED, 0),
        (CAPTURED, 0),
        (CAPTURED, 1),
        (other, 1),
    ):
        give(chip, feed, report(7, params))
        assert chip.pulse_pj == (CAPTURED.pulse_pj if known else 0)
    assert (chip.reports, chip.rejected) == (1, 6)


def test_other_parameters_are_believed_only_when_they_stay() -> None:
    chip, feed = taught()
    other = Params(power=CAPTURED.power + 0x100)
    for _ in range(10):  # never 30 in a row
        give(chip, feed, report(3, other) * 29 + report(4))
    assert (chip.pulse_pj, chip.register) == (CAPTURED.pulse_pj, 4)
    give(chip, feed, report(5, other) * 29)
    assert chip.register == 4
    give(chip, feed, report(5, other))
    assert (chip.pulse_pj, chip.register) == (other.pulse_pj, 5)


def test_a_power_parameter_of_zero_is_never_learned() -> None:
    feed = Feed()
    chip = driver(feed)
    give(chip, feed, report(1, Params(power=0)) * 50)
    assert (chip.pulse_pj, chip.reports) == (0, 0)


@given(st.integers(1, 0xFFFFFF))
def test_an_absurd_voltage_is_rejected_and_any_other_believed(register: int) -> None:
    chip, feed = taught()
    before_mv = chip.voltage_mv
    voltage_mv = CAPTURED.voltage * 1880 // register
    believed = give(chip, feed, report(9, registers=(register, *SANE[1:])))
    assert believed == (voltage_mv <= 500_000)
    assert chip.voltage_mv == (voltage_mv if believed else before_mv)
    assert chip.register == (9 if believed else 0)


def test_a_register_of_zero_means_nothing_measured() -> None:
    chip, feed = taught()
    assert give(chip, feed, report(9, registers=(SANE[0], 0, 0)))
    assert (chip.current_ma, chip.power_mw, chip.register) == (0, 0, 9)


def test_registers_without_their_update_bit_are_not_read() -> None:
    chip, feed = taught()
    before = chip.voltage_mv, chip.current_ma, chip.power_mw
    assert give(chip, feed, report(9, registers=(4000, 5, 6), updated=0x01))
    assert (chip.voltage_mv, chip.current_ma, chip.power_mw) == before
    assert chip.register == 9


@given(st.integers(0, 1 << 17))
def test_the_count_has_17_bits(pulses: int) -> None:
    chip, feed = taught()
    give(chip, feed, report(pulses))
    assert chip.register == pulses % (1 << 17)
