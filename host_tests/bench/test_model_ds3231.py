"""The DS3231 model: dates worked by hand, battery and flag, drift, torn and illogical settings."""

from hypothesis import given
from hypothesis import strategies as st

from dianka.bench.models.clock import Clock
from dianka.bench.models.ds3231 import ADDRESS, Ds3231
from dianka.bench.models.i2c import I2cBus

NEW_YEAR_2026_S = 820_540_800  # 26 years of which 7 leap: 9497 days
SECOND_US = 1_000_000


class Ds3231Rig:
    def __init__(self, start_s: int | None = NEW_YEAR_2026_S, drift_ppm: int = 0) -> None:
        self.clock = Clock()
        self.chip = Ds3231(self.clock, start_s, drift_ppm)
        self.bus = I2cBus()
        self.bus.devices[ADDRESS] = self.chip

    def get(self, at: int, count: int) -> str:
        self.bus.write(ADDRESS, bytes((at,)), stop=False)
        data = self.bus.read(ADDRESS, count)
        assert data is not None
        return data.hex(" ")

    def put(self, at: int, data: str) -> None:
        raw = bytes.fromhex(data)
        assert self.bus.write(ADDRESS, bytes((at,)) + raw) == len(raw) + 1

    def wait(self, seconds: int) -> None:
        self.clock.advance(self.clock.now_us + seconds * SECOND_US)


def test_new_year_2026_was_a_thursday() -> None:
    rig = Ds3231Rig()
    assert rig.get(0, 7) == "00 00 00 05 01 01 26"
    rig.wait(59)
    assert rig.get(0, 7) == "59 00 00 05 01 01 26"
    rig.wait(86_400 * 58 + 3600 * 23 + 60 * 59)
    assert rig.get(0, 7) == "59 59 23 07 28 02 26"
    rig.wait(1)
    assert rig.get(0, 7) == "00 00 00 01 01 03 26"
    assert not rig.chip.osf


@given(st.integers(0, 3_155_759_999), st.integers(0, 10**9))
def test_what_is_read_can_be_written_back(start_s: int, wait_s: int) -> None:
    rig = Ds3231Rig(start_s)
    registers = rig.get(0, 7)
    other = Ds3231Rig(0)
    other.put(0, registers)
    assert other.chip.time_s == start_s
    rig.wait(wait_s)
    other.wait(wait_s)
    assert other.get(0, 7) == rig.get(0, 7)


def test_leap_day_and_century() -> None:
    rig = Ds3231Rig(0)
    rig.put(0, "59 59 23 05 28 02 28")
    rig.wait(1)
    assert rig.get(3, 4) == "06 29 02 28"
    rig.put(0, "59 59 23 05 31 12 99")
    rig.wait(1)
    assert rig.get(0, 7) == "00 00 00 06 01 81 00"


def test_writing_the_seconds_restarts_the_second_and_the_minutes_do_not() -> None:
    rig = Ds3231Rig()
    rig.clock.advance(900_000)
    rig.put(1, "30")
    rig.clock.advance(1_000_000)
    assert rig.get(0, 2) == "01 30"
    rig.clock.advance(1_900_000)
    rig.put(0, "20")
    rig.clock.advance(2_899_999)
    assert rig.get(0, 1) == "20"
    rig.clock.advance(2_900_000)
    assert rig.get(0, 1) == "21"


def test_a_read_never_tears() -> None:
    rig = Ds3231Rig()
    rig.wait(59)
    rig.bus.write(ADDRESS, b"\0", stop=False)
    rig.chip.start(True)
    first = rig.chip.read()
    rig.wait(1)
    assert (first, rig.chip.read()) == (0x59, 0x00)
    rig.chip.stop()
    assert rig.get(0, 2) == "00 01"


def test_the_battery_carries_through_cuts() -> None:
    rig = Ds3231Rig()
    rig.chip.power_off()
    assert rig.bus.write(ADDRESS, b"\0") == -1
    rig.wait(1000)
    rig.chip.power_on()
    assert (rig.chip.time_s, rig.chip.osf) == (NEW_YEAR_2026_S + 1000, False)


def test_a_lost_battery_raises_the_flag_until_it_is_cleared() -> None:
    rig = Ds3231Rig()
    rig.chip.battery = False
    assert not rig.chip.osf  # the supply still holds
    rig.chip.power_off()
    rig.wait(1000)
    rig.chip.power_on()
    assert (rig.get(0, 7), rig.get(0x0F, 1)) == ("00 00 00 01 01 01 00", "88")
    rig.put(0x0F, "00")
    assert rig.get(0x0F, 1) == "00"
    rig.put(0x0F, "80")
    assert not rig.chip.osf
    rig.chip.power_off()
    rig.chip.battery = True
    rig.chip.power_on()
    assert rig.chip.osf


def test_as_delivered() -> None:
    rig = Ds3231Rig(None)
    assert rig.get(0, 0x13) == "00 00 00 01 01 01 00" + " 00" * 7 + " 1c 88 00 19 00"


def test_drift() -> None:
    rig = Ds3231Rig(0, 20)
    rig.wait(1_000_000)
    assert rig.chip.time_s == 1_000_020
    rig.chip.drift_ppm = -50
    rig.wait(1_000_000)
    assert rig.chip.time_s == 1_999_970


def test_twelve_hour_form() -> None:
    rig = Ds3231Rig()
    for sent, hour in (("52", 0), ("41", 1), ("72", 12), ("71", 23)):
        rig.put(2, sent)
        assert rig.chip.time_s // 3600 % 24 == hour
        assert rig.get(2, 1) == sent
    rig.put(2, "13")
    assert rig.get(2, 1) == "13"


def test_a_torn_setting_leaves_what_had_arrived() -> None:
    rig = Ds3231Rig()
    rig.chip.start(False)
    for value in (0x00, 0x11, 0x22):
        rig.chip.write(value)
    rig.chip.power_off()
    rig.chip.power_on()
    assert rig.get(0, 7) == "11 22 00 05 01 01 26"


def test_illogical_values_are_kept_as_violations() -> None:
    rig = Ds3231Rig()
    rig.put(0, "60 00 24 08 31 13 2A")
    assert rig.chip.violations == [
        "register 0 was given 0x60", "register 2 was given 0x24", "register 3 was given 0x08",
        "register 5 was given 0x13", "register 6 was given 0x2A",
    ]  # fmt: skip
    assert rig.chip.start(True)
    rig.chip.mute = True
    assert rig.bus.read(ADDRESS, 1) is None


def test_the_address_wraps_and_the_temperature_stays() -> None:
    rig = Ds3231Rig()
    rig.put(0x10, "05 77 77")
    assert rig.get(0x10, 4) == "05 19 00 00"
