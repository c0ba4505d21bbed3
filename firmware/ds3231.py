"""Drive the clock chip DS3231: seconds since 2000-01-01 00:00 UTC, kept by its battery.

Source: Maxim DS3231 datasheet, registers 00-0F. The chip runs in UTC; local time is an offset. It
holds the years 2000 to 2099. It is set in 24-hour form. Times that others have set are read by the
datasheet's Table 1, in 12-hour form too, and with the century bit: that bit only means that the
year has once gone from 99 to 00, and some PCs set it for every year from 2000 on.
"""

from micropython import const

_ADDRESS = const(0x68)
_STATUS = const(0x0F)
_STOPPED = const(0x80)  # OSF: the oscillator has stopped, the time is not to be trusted
_CENTURY = const(0x80)  # of the month
_TWELVE = const(0x40)  # of the hour: 1 to 12
_PM = const(0x20)
# `fault`, digit 4 of the self-check.
SILENT = const(1)
LOST = const(2)  # it has stopped: a new battery, or a chip that was never set
_NO_DATE = const(3)
_BEHIND = const(4)  # its time is before the meter was set up
MOST_BACK_S = const(300)  # a PC's clock may be a little slow; more than this needs the installer
_NO_NUMBER = const(100)  # more than any register may hold
_DAYS = const((0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334))
_YEARS = const(100)


class Ds3231:
    """The clock on `i2c`.

    `earliest_s` returns the earliest possible time: a reading that is earlier by more than
    MOST_BACK_S is rejected.
    """

    def __init__(self, i2c, utc_offset_s: int = 8 * 3600, earliest_s=lambda: 0) -> None:
        self._i2c = i2c
        self.offset_s = utc_offset_s  # of local time
        self._earliest_s = earliest_s
        self.fault = 0  # of the newest reading: one of the constants above, 0 for good

    def read_seconds(self) -> "int | None":
        """Return seconds since 2000-01-01 UTC, or None if no time can be trusted (`fault`)."""
        seconds = self._read()
        if seconds is not None and seconds < self._earliest_s() - MOST_BACK_S:
            self.fault = _BEHIND
            return None
        return seconds

    def set(self, seconds: int) -> None:
        """Set the chip's time and clear its stopped flag.

        OSError if it does not answer, ValueError outside the years 2000 to 2099.
        """
        year, month, day, hour, minute, second = split(seconds)
        if not 0 <= year < _YEARS:
            raise ValueError("the clock holds the years 2000 to 2099")
        weekday = seconds // 86400 % 7 + 1
        fields = (second, minute, hour, weekday, day, month, year)
        self._i2c.writeto_mem(_ADDRESS, 0, bytes(value // 10 << 4 | value % 10 for value in fields))
        status = self._i2c.readfrom_mem(_ADDRESS, _STATUS, 1)[0]
        self._i2c.writeto_mem(_ADDRESS, _STATUS, bytes((status & ~_STOPPED & 0xFF,)))

    def adjust(self, seconds: int, log, back: bool = False) -> tuple:
        """Set the time and log it. Return (the chip's time before, or None; True).

        It is not set more than MOST_BACK_S before its own time, nor before the earliest, unless
        `back`: then return (the later of these two, False). OSError if the chip does not answer.
        """
        former = self._read()
        latest = max(former or 0, self._earliest_s())
        if seconds < latest - MOST_BACK_S and not back:
            return latest, False
        self.set(seconds)
        was = "unknown" if former is None else format_time(former)
        log("clock: %s UTC, was %s" % (format_time(seconds), was))
        self.read_seconds()
        return former, True

    def bring_up_to(self, seconds: int, log) -> "tuple | None":
        """Set the clock to this time if it has an earlier one or none, and log it.

        Return (its time before, or None) if it was set, else None.
        """
        for _ in range(2):  # one reading may be garbled on the bus
            now = self._read()
            if now is not None and now >= seconds:
                return None
        try:
            former, done = self.adjust(seconds, log)
        except OSError:
            log("clock: does not answer, and was not set")
            return None
        return (former,) if done else None

    def read_local_minute(self) -> int:
        """Return YYMMDDhhmm in local time as a decimal number, as cards carry it.

        0 if the time is not known.
        """
        return self._to_local_minute(self.read_seconds())

    def read_sure_minute(self) -> int:
        """Return the same from two readings that agree, else 0.

        For actions that can't be undone: one reading may be garbled on the bus.
        """
        return self._to_local_minute(self.read_sure_seconds())

    def read_sure_seconds(self) -> "int | None":
        """Return seconds since 2000-01-01 UTC if two readings agree, else None."""
        first, second = self.read_seconds(), self.read_seconds()
        if first is None or second is None or not 0 <= second - first <= 1:
            return None
        return first

    def seconds_of(self, minute: int) -> int:
        """Return the time of a local minute YYMMDDhhmm; ValueError if there is no such minute."""
        rest, pairs = minute, []
        for _ in range(5):
            rest, pair = divmod(rest, 100)
            pairs.append(pair)
        past, hour, day, month, year = pairs
        seconds = None if rest else _count_seconds(year, month, day, hour, past, 0)
        if seconds is None or seconds < self.offset_s:
            raise ValueError("no minute of the calendar")
        return seconds - self.offset_s

    def _read(self) -> "int | None":
        """Return the time in the registers, trusted or not; None if it is no time.

        None also if the chip has stopped or does not answer (`fault`).
        """
        try:
            if self._i2c.readfrom_mem(_ADDRESS, _STATUS, 1)[0] & _STOPPED:
                self.fault = LOST
                return None
            raw = self._i2c.readfrom_mem(_ADDRESS, 0, 7)
        except OSError:
            self.fault = SILENT
            return None
        second, minute, hour = _decode_bcd(raw[0]), _decode_bcd(raw[1]), _decode_hour(raw[2])
        day, month, year = _decode_bcd(raw[4]), _decode_bcd(raw[5] & ~_CENTURY), _decode_bcd(raw[6])
        seconds = _count_seconds(year, month, day, hour, minute, second)
        self.fault = _NO_DATE if seconds is None else 0
        return seconds

    def _to_local_minute(self, seconds: "int | None") -> int:
        if seconds is None:
            return 0
        year, month, day, hour, minute, _ = split(seconds + self.offset_s)
        if year >= _YEARS:
            return 0  # the chip's last hours: in local time a year that ten digits can't hold
        return (((year * 100 + month) * 100 + day) * 100 + hour) * 100 + minute


def split(seconds: int) -> tuple:
    """Return (year of the century, month, day, hour, minute, second) of this time.

    `seconds` are since 2000-01-01.
    """
    days, rest = divmod(seconds, 86400)
    year = days * 4 // 1461
    while count_days(year + 1, 1, 1) <= days:
        year += 1
    while count_days(year, 1, 1) > days:
        year -= 1
    month = 12
    while count_days(year, month, 1) > days:
        month -= 1
    return (
        year,
        month,
        days - count_days(year, month, 1) + 1,
        rest // 3600,
        rest // 60 % 60,
        rest % 60,
    )


def format_time(seconds: int) -> str:
    """Return a time as people write it."""
    return "20%02d-%02d-%02d %02d:%02d:%02d" % split(seconds)


def _count_seconds(
    year: int, month: int, day: int, hour: int, minute: int, second: int
) -> "int | None":
    """Return seconds since 2000-01-01, or None if this is no date and time."""
    if not (year < _YEARS and 1 <= month <= 12 and hour < 24 and minute < 60 and second < 60):
        return None
    days = count_days(year, month, day)
    if not (day >= 1 and days < count_days(year + month // 12, month % 12 + 1, 1)):
        return None
    return ((days * 24 + hour) * 60 + minute) * 60 + second


def count_days(year: int, month: int, day: int) -> int:
    """Return days from 2000-01-01 to a date of the years 2000 to 2099; these leap every fourth."""
    leap = 1 if month > 2 and year % 4 == 0 else 0
    return year * 365 + (year + 3) // 4 + _DAYS[month - 1] + leap + day - 1


def _decode_hour(byte: int) -> int:
    """Return the hour register as 0 to 23; in 12-hour form 12 AM is midnight, 12 PM noon."""
    if byte & (_TWELVE | 0x80) != _TWELVE:
        return _decode_bcd(byte)
    hour = _decode_bcd(byte & ~(_TWELVE | _PM))
    if not 1 <= hour <= 12:
        return _NO_NUMBER
    return hour % 12 + (12 if byte & _PM else 0)


def _decode_bcd(byte: int) -> int:
    """Return the number that a BCD byte holds; _NO_NUMBER, in no valid date, for other bytes."""
    return (byte >> 4) * 10 + (byte & 15) if byte & 15 < 10 else _NO_NUMBER
