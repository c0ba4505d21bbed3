"""The clock chip's driver against the model on the bus, and dates against the standard library's."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.bench.rtc import ADDRESS, OSF, Ds3231
from parts import Parts

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
LAST_S = 36_525 * 86_400 - 1  # the end of 2099
SECONDS = st.one_of(
    st.integers(0, LAST_S),
    st.integers(0, 36_524).map(lambda day: day * 86_400),
    st.integers(1, 36_525).map(lambda day: day * 86_400 - 1),
    st.integers(0, 24).map(lambda leap: int((datetime(2000 + 4 * leap, 2, 29, tzinfo=UTC) - EPOCH).total_seconds())),
)


class Rig:
    def __init__(self, start_s: int | None = 0, offset_s: int = 8 * 3600) -> None:
        self.parts = Parts()
        self.chip = Ds3231(self.parts.clock, start_s)
        self.parts.mcu.i2c_bus(0).devices[ADDRESS] = self.chip
        self.module = self.parts.module("clock")
        self.clock = self.module.Clock(self.parts.machine().I2C(0), offset_s)


SPLIT = Rig().module.split


@settings(max_examples=500)
@given(SECONDS)
def test_dates_are_those_of_the_calendar(seconds: int) -> None:
    date = EPOCH + timedelta(seconds=seconds)
    assert SPLIT(seconds) == (date.year - 2000, date.month, date.day, date.hour, date.minute, date.second)


@given(SECONDS)
def test_what_the_chip_keeps_is_read(seconds: int) -> None:
    rig = Rig(seconds)
    assert rig.clock.seconds() == seconds
    rig.parts.clock.advance(10_000_000)
    assert rig.clock.seconds() == seconds + 10 or seconds + 10 > LAST_S


@given(SECONDS)
def test_what_is_set_is_kept(seconds: int) -> None:
    rig = Rig(None)
    assert rig.clock.seconds() is None  # as delivered
    rig.clock.set(seconds)
    assert (rig.chip.time_s, rig.chip.violations, rig.chip.osf) == (seconds, [], False)
    assert rig.clock.seconds() == seconds


@given(SECONDS.filter(lambda seconds: seconds < LAST_S - 86_400), st.sampled_from((0, 8 * 3600, 3600)))
def test_local_minute_is_what_cards_carry(seconds: int, offset_s: int) -> None:
    local = EPOCH + timedelta(seconds=seconds + offset_s)
    assert Rig(seconds, offset_s).clock.local_minute() == int(local.strftime("%y%m%d%H%M"))


def test_a_silent_chip_and_one_that_has_lost_the_time() -> None:
    rig = Rig(1000)
    rig.chip.mute = True
    assert (rig.clock.seconds(), rig.clock.local_minute()) == (None, 0)
    with pytest.raises(OSError, match="5"):
        rig.clock.set(5)
    rig.chip.mute = False
    assert rig.clock.seconds() == 1000
    rig.chip.battery = False
    rig.chip.power_off()
    rig.chip.power_on()
    assert (rig.clock.seconds(), rig.clock.local_minute()) == (None, 0)


def test_setting_leaves_the_other_status_bits() -> None:
    rig = Rig(None)
    assert rig.chip._registers[0x0F] == OSF | 0x08
    rig.clock.set(0)
    assert rig.chip._registers[0x0F] == 0x08


@pytest.mark.parametrize("cut", range(9))
def test_a_time_half_written_is_not_trusted(cut: int) -> None:
    """The supply goes after some bytes of `set`: either the chip still says that it has lost the time, or all is there."""
    rig = Rig(None)
    write, left = rig.chip.write, [cut + 1]  # and the register's address

    def torn(value: int) -> bool:
        left[0] -= 1
        return left[0] >= 0 and write(value)

    rig.chip.write = torn
    with pytest.raises(OSError, match="5"):
        rig.clock.set(800_000_000)
    rig.chip.write = write
    assert rig.clock.seconds() is None


@pytest.mark.parametrize(
    ("register", "value"), [(0, 0x60), (1, 0x60), (2, 0x24), (2, 0x52), (4, 0x00), (4, 0x32), (5, 0x00), (5, 0x13)]
)
def test_impossible_registers_are_no_time(register: int, value: int) -> None:
    """What somebody else has put there; 0x52 is noon to somebody who counts to twelve."""
    rig = Rig(1000)
    assert rig.clock.seconds() == 1000
    rig.chip._latch = lambda: None  # the registers now stand still
    rig.chip._registers[register] = value
    assert rig.clock.seconds() is None
    rig.chip._registers[register] = 0x01
    assert rig.clock.seconds() is not None
