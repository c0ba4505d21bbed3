"""The clock chip's driver against the model on the bus, dates against the standard library's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.bench.models.ds3231 import ADDRESS, OSF, Ds3231
from parts import Parts

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
LAST_S = 36_525 * 86_400 - 1  # the end of 2099
SECONDS = st.one_of(
    st.integers(0, LAST_S),
    st.integers(0, 36_524).map(lambda day: day * 86_400),
    st.integers(1, 36_525).map(lambda day: day * 86_400 - 1),
    st.integers(0, 24).map(
        lambda leap: int((datetime(2000 + 4 * leap, 2, 29, tzinfo=UTC) - EPOCH).total_seconds())
    ),
)


class ClockRig:
    def __init__(
        self, start_s: int | None = 0, offset_s: int = 8 * 3600, earliest_s: int = 0
    ) -> None:
        self.parts = Parts()
        self.chip = Ds3231(self.parts.clock, start_s)
        self.parts.mcu.get_i2c_bus(0).devices[ADDRESS] = self.chip
        self.module = self.parts.module("ds3231")
        self.clock = self.module.Ds3231(self.parts.machine().I2C(0), offset_s, lambda: earliest_s)


SPLIT = ClockRig().module.split


@settings(max_examples=500)
@given(SECONDS)
def test_dates_are_those_of_the_calendar(seconds: int) -> None:
    date = EPOCH + timedelta(seconds=seconds)
    assert SPLIT(seconds) == (
        date.year - 2000,
        date.month,
        date.day,
        date.hour,
        date.minute,
        date.second,
    )


@given(SECONDS)
def test_what_the_chip_keeps_is_read(seconds: int) -> None:
    rig = ClockRig(seconds)
    assert rig.clock.read_seconds() == seconds
    rig.parts.clock.advance(10_000_000)
    assert rig.clock.read_seconds() == seconds + 10 or seconds + 10 > LAST_S


@given(SECONDS)
def test_what_is_set_is_kept(seconds: int) -> None:
    rig = ClockRig(None)
    assert rig.clock.read_seconds() is None  # as delivered
    rig.clock.set(seconds)
    assert (rig.chip.time_s, rig.chip.violations, rig.chip.osf) == (seconds, [], False)
    assert rig.clock.read_seconds() == seconds


@given(
    SECONDS.filter(lambda seconds: seconds <= LAST_S - 8 * 3600),
    st.sampled_from((0, 8 * 3600, 3600)),
)
def test_local_minute_is_what_cards_carry(seconds: int, offset_s: int) -> None:
    local = EPOCH + timedelta(seconds=seconds + offset_s)
    assert ClockRig(seconds, offset_s).clock.read_local_minute() == int(
        local.strftime("%y%m%d%H%M")
    )


def test_a_silent_chip_and_one_that_has_lost_the_time() -> None:
    rig = ClockRig(1000)
    rig.chip.mute = True
    assert (rig.clock.read_seconds(), rig.clock.read_local_minute()) == (None, 0)
    with pytest.raises(OSError, match="5"):
        rig.clock.set(5)
    rig.chip.mute = False
    assert rig.clock.read_seconds() == 1000
    rig.chip.battery = False
    rig.chip.power_off()
    rig.chip.power_on()
    assert (rig.clock.read_seconds(), rig.clock.read_local_minute()) == (None, 0)


def test_setting_leaves_the_other_status_bits() -> None:
    rig = ClockRig(None)
    assert rig.chip._registers[0x0F] == OSF | 0x08
    rig.clock.set(0)
    assert rig.chip._registers[0x0F] == 0x08


@pytest.mark.parametrize("cut", range(9))
def test_a_time_half_written_is_not_trusted(cut: int) -> None:
    """The supply goes after some bytes of `set`.

    Either the chip still says that it has lost the time, or all is there.
    """
    rig = ClockRig(None)
    write, left = rig.chip.write, [cut + 1]  # and the register's address

    def torn(value: int) -> bool:
        left[0] -= 1
        return left[0] >= 0 and write(value)

    rig.chip.write = torn
    with pytest.raises(OSError, match="5"):
        rig.clock.set(800_000_000)
    rig.chip.write = write
    assert rig.clock.read_seconds() is None


REGISTERS = st.one_of(
    st.binary(min_size=7, max_size=7),
    st.tuples(SECONDS, st.integers(0, 6), st.integers(0, 255)).map(
        lambda drawn: (
            registers(drawn[0])[: drawn[1]]
            + bytes((drawn[2],))
            + registers(drawn[0])[drawn[1] + 1 :]
        )
    ),
)


def registers(seconds: int) -> bytes:
    """What the chip holds at this time, by the calendar of the standard library."""
    date = EPOCH + timedelta(seconds=seconds)
    return bytes.fromhex(date.strftime("%S%M%H0%u%d%m%y"))


def held(raw: bytes) -> int | None:
    """The time that these registers tell by the datasheet's Table 1.

    The weekday is nothing that a date needs.
    """
    try:
        second, minute, day, year = (int(f"{raw[at]:02X}") for at in (0, 1, 4, 6))
        month = int(f"{raw[5] & 0x7F:02X}")
        hour = twelve_hours(raw[2]) if raw[2] & 0xC0 == 0x40 else int(f"{raw[2]:02X}")
        return int(
            (
                datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC) - EPOCH
            ).total_seconds()
        )
    except ValueError:
        return None


def twelve_hours(byte: int) -> int:
    """The standard library's reading of an hour register in 12-hour form."""
    return datetime.strptime(f"{byte & 0x1F:02X} {'PM' if byte & 0x20 else 'AM'}", "%I %p").hour


def standing(raw: bytes) -> ClockRig:
    """A chip whose registers hold this, whoever has put it there."""
    rig = ClockRig(1000)
    rig.chip._latch = lambda: None
    rig.chip._registers[:7] = raw
    return rig


@pytest.mark.slow
@settings(max_examples=1000)
@given(REGISTERS)
def test_registers_are_the_time_that_they_tell_or_no_time(raw: bytes) -> None:
    rig, seconds = standing(raw), held(raw)
    assert rig.clock.read_seconds() == seconds
    assert rig.clock.fault == (rig.module._NO_DATE if seconds is None else 0)
    assert rig.clock.read_local_minute() < 10**10  # what five bytes of BCD hold
    if seconds is not None and raw[2] < 0x40:
        assert (
            registers(seconds)[:3] + registers(seconds)[4:]
            == raw[:3] + raw[4:5] + bytes((raw[5] & 0x7F,)) + raw[6:]
        )


HOURS_12 = [(0x52, 0), *((0x40 | hour, hour) for hour in range(1, 10)), (0x50, 10), (0x51, 11),
            (0x72, 12), *((0x60 | hour, 12 + hour) for hour in range(1, 10)), (0x70, 22),
            (0x71, 23)]  # fmt: skip
HOURS_24 = [(hour // 10 << 4 | hour % 10, hour) for hour in range(24)]
MONTHS = [
    (century | code, month)
    for century in (0x00, 0x80)
    for month, code in enumerate(b"\1\2\3\4\5\6\7\x08\x09\x10\x11\x12", 1)
]


@pytest.mark.parametrize(("byte", "hour"), HOURS_24 + HOURS_12)
def test_hours_of_both_forms_are_read(byte: int, hour: int) -> None:
    """Datasheet, Table 1, register 02: bit 6 is the 12-hour form, bit 5 then PM, bit 4 is 10 h."""
    rig = standing(bytes((0x59, 0x58, byte, 1, 0x01, 0x02, 0x04)))
    date = datetime(2004, 2, 1, hour, 58, 59, tzinfo=UTC)
    assert rig.clock.read_seconds() == (date - EPOCH).total_seconds()


@pytest.mark.parametrize(("byte", "month"), MONTHS)
def test_the_century_bit_changes_no_month_and_no_year(byte: int, month: int) -> None:
    """Datasheet, Table 1: register 05, bit 7; 91H is November, as some PCs write it."""
    rig = standing(bytes((0, 0, 0, 1, 0x01, byte, 0x26)))
    assert (
        rig.clock.read_seconds() == (datetime(2026, month, 1, tzinfo=UTC) - EPOCH).total_seconds()
    )
    rig.clock.set(0)
    assert rig.chip._registers[5] == 0x01, "set without it"


@pytest.mark.parametrize(
    ("register", "value"),
    [
        *((0, value) for value in (0x60, 0x0A, 0x80, 0xFF)),
        *((1, value) for value in (0x60, 0x1F, 0x80)),
        # From 0x40 on: 12 hours.
        *(
            (2, value)
            for value in (0x24, 0x1A, 0x80, 0x40, 0x53, 0x60, 0x73, 0x4A, 0x5F, 0xC1, 0xD2)
        ),
        *((4, value) for value in (0x00, 0x0A, 0x30, 0x32, 0x41)),
        *((5, value) for value in (0x00, 0x0A, 0x13, 0x22, 0x80, 0x8A, 0x93)),
        *((6, value) for value in (0xA5, 0x0F, 0x1B, 0xFF)),
    ],
)
def test_impossible_registers_are_no_time(register: int, value: int) -> None:
    good = bytes.fromhex("00000001010204")  # 1 February 2004
    raw = bytearray(good)
    raw[register] = value
    rig = standing(bytes(raw))
    assert (rig.clock.read_seconds(), rig.clock.fault, rig.clock.read_local_minute()) == (
        None,
        rig.module._NO_DATE,
        0,
    )
    rig.chip._registers[:7] = good
    assert rig.clock.read_seconds() is not None and rig.clock.fault == 0


@pytest.mark.parametrize(("year", "february"), [(0, 29), (1, 28), (24, 29), (99, 28)])
def test_every_month_ends_where_the_calendar_ends_it(year: int, february: int) -> None:
    for month, last in enumerate((31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1):
        days = [
            day
            for day in range(1, 32)
            if standing(bytes.fromhex(f"00000001{day:02}{month:02}{year:02}")).clock.read_seconds()
        ]
        assert days[-1] == last


def test_the_last_hours_of_the_century_have_no_local_minute() -> None:
    """Eight hours ahead they are 2100, which ten digits can't say; cut off, they would be 2000."""
    assert ClockRig(LAST_S - 8 * 3600).clock.read_local_minute() == 9912312359
    assert (ClockRig(LAST_S).clock.read_seconds(), ClockRig(LAST_S).clock.read_local_minute()) == (
        LAST_S,
        0,
    )


def glitching(*looks: int) -> ClockRig:
    """A chip that tells these times, one a look, and then the true one again, which is 1000."""
    rig, left = ClockRig(1000), list(looks)
    start = rig.chip.start

    def told(read: bool) -> bool:
        there = start(read)
        if left and read and rig.chip._at == 0:  # the time, not the status
            rig.chip._registers[:7] = registers(left.pop(0))
        return there

    rig.chip.start = told
    return rig


@given(SECONDS, SECONDS)
def test_a_sure_minute_takes_two_looks_that_agree(first: int, second: int) -> None:
    rig = glitching(first, second)
    agree = first <= second <= first + 1
    assert rig.clock.read_sure_minute() == (
        ClockRig(first).clock.read_local_minute() if agree else 0
    )
    assert rig.clock.read_sure_minute() == ClockRig(1000).clock.read_local_minute()


def test_a_minute_that_ends_between_two_looks_is_sure() -> None:
    assert glitching(59, 60).clock.read_sure_minute() == 1010800
    assert glitching(59, 59).clock.read_sure_minute() == 1010800
    assert (
        glitching(59, 61).clock.read_sure_minute()
        == glitching(60, 59).clock.read_sure_minute()
        == 0
    )


def test_a_silent_chip_has_no_sure_minute() -> None:
    rig = ClockRig(1000)
    rig.chip.mute = True
    assert rig.clock.read_sure_minute() == 0


# ****** Set by people, and the time before which it can't be ******


@pytest.mark.parametrize("seconds", [-1, LAST_S + 1])
def test_a_time_that_the_chip_can_not_hold_is_not_set(seconds: int) -> None:
    rig = ClockRig(1000)
    with pytest.raises(ValueError, match="2000 to 2099"):
        rig.clock.set(seconds)
    assert rig.chip.time_s == 1000


def adjusted(
    start_s: int | None, seconds: int, back: bool = False, earliest_s: int = 0
) -> tuple[Any, int, list[str]]:
    """What `adjust` answers, the chip's time after it, and what was logged."""
    rig, lines = ClockRig(start_s, earliest_s=earliest_s), list[str]()
    return rig.clock.adjust(seconds, lines.append, back), rig.chip.time_s, lines


@pytest.mark.parametrize(
    ("start_s", "seconds", "back", "earliest_s", "answer", "now_s"),
    [
        (None, 5000, False, 0, (None, True), 5000),  # as delivered
        (1000, 900_000, False, 0, (1000, True), 900_000),
        (1000, 700, False, 0, (1000, True), 700),
        (1000, 699, False, 0, (1000, False), 1000),
        (1000, 699, True, 0, (1000, True), 699),
        (1000, 1700, False, 2000, (1000, True), 1700),
        (1000, 1699, False, 2000, (2000, False), 1000),
        (None, 1699, False, 2000, (2000, False), 0),
        (None, 1699, True, 2000, (None, True), 1699),
    ],
)
def test_a_clock_goes_back_five_minutes_and_no_more(
    start_s: int | None,
    seconds: int,
    back: bool,
    earliest_s: int,
    answer: tuple[int | None, bool],
    now_s: int,
) -> None:
    got, time_s, lines = adjusted(start_s, seconds, back, earliest_s)
    assert (got, time_s) == (answer, now_s)
    assert len(lines) == answer[1]


def test_each_change_is_logged_with_both_times() -> None:
    assert adjusted(None, 820_540_799)[2] == ["clock: 2025-12-31 23:59:59 UTC, was unknown"]
    assert adjusted(0, 820_540_800)[2] == [
        "clock: 2026-01-01 00:00:00 UTC, was 2000-01-01 00:00:00"
    ]


def test_a_time_before_the_earliest_is_not_believed() -> None:
    rig = ClockRig(1000, earliest_s=1301)
    assert (rig.clock.read_seconds(), rig.clock.fault, rig.clock.read_local_minute()) == (
        None,
        rig.module._BEHIND,
        0,
    )
    rig.parts.clock.advance(1_000_000)
    # Two clocks may differ by five minutes.
    assert (rig.clock.read_seconds(), rig.clock.fault) == (1001, 0)


@pytest.mark.parametrize(
    ("start_s", "looks", "now_s"),
    [
        (None, (), 5000),
        (4999, (), 5000),
        (5000, (), 5000),
        (9000, (), 9000),
        (9000, (1,), 9000),
        (9000, (1, 2), 9000),
    ],
)
def test_it_is_brought_up_to_a_time_and_never_set_back(
    start_s: int | None, looks: tuple[int, ...], now_s: int
) -> None:
    """One look that is spoilt on the bus must not cost a clock that is right."""
    rig, lines = glitching(*looks), list[str]()
    if start_s is None:
        rig.chip._registers[0x0F] |= OSF
    else:
        rig.chip._set(start_s * 1_000_000)
    rig.clock.bring_up_to(5000, lines.append)
    assert (rig.chip.time_s, rig.chip.osf) == (now_s, False)
    assert len(lines) == (now_s != start_s)


def test_a_silent_chip_that_is_to_be_brought_up_is_told() -> None:
    rig, lines = ClockRig(1000), list[str]()
    rig.chip.mute = True
    rig.clock.bring_up_to(5000, lines.append)
    assert lines == ["clock: does not answer, and was not set"]


@given(SECONDS.filter(lambda seconds: seconds <= LAST_S - 8 * 3600))
def test_a_local_minute_is_taken_back_to_its_time(seconds: int) -> None:
    clock = ClockRig(seconds).clock
    assert clock.seconds_of(clock.read_local_minute()) == seconds // 60 * 60


@pytest.mark.parametrize(
    "minute", [0, 1, 2613010000, 2602290000, 2601012400, 2601010060, 10**10, -1, 101000759 - 10**8]
)
def test_what_is_no_minute_has_no_time(minute: int) -> None:
    with pytest.raises(ValueError, match="calendar"):
        ClockRig().clock.seconds_of(minute)
