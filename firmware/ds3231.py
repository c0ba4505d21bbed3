"""The clock chip, DS3231: seconds since 2000-01-01 00:00 UTC, kept by its battery (Maxim DS3231 datasheet, registers 00-0F).

The chip runs in UTC, 24-hour mode, and local time is an offset. It holds the years 2000 to 2099.
"""

from micropython import const

_ADDRESS = const(0x68)
_STATUS = const(0x0F)
_STOPPED = const(0x80)  # OSF: the oscillator has stopped, the time is not to be trusted
# `fault`, digit 4 of the self-check.
SILENT = const(1)
LOST = const(2)  # it has stood still: a new battery, or a chip that was never set
NO_DATE = const(3)
_NO_NUMBER = const(100)  # more than any register may hold
_DAYS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


class Ds3231:
    """The clock chip on its bus."""

    def __init__(self, i2c, utc_offset_s: int = 8 * 3600) -> None:
        self._i2c = i2c
        self._offset_s = utc_offset_s
        self.fault = 0  # what the newest look at the chip found: one of the constants above, 0 for good

    def seconds(self) -> "int | None":
        """Seconds since 2000-01-01 UTC, or None if the chip is silent, has lost the time or holds what is no date."""
        try:
            if self._i2c.readfrom_mem(_ADDRESS, _STATUS, 1)[0] & _STOPPED:
                self.fault = LOST
                return None
            raw = self._i2c.readfrom_mem(_ADDRESS, 0, 7)
        except OSError:
            self.fault = SILENT
            return None
        # Whole bytes: 12-hour mode and the next century are bits that make a number too large.
        second, minute, hour = _decimal(raw[0]), _decimal(raw[1]), _decimal(raw[2])
        day, month, year = _decimal(raw[4]), _decimal(raw[5]), _decimal(raw[6])
        self.fault = NO_DATE
        if not (year < 100 and 1 <= month <= 12 and hour < 24 and minute < 60 and second < 60):
            return None
        days = _days(year, month, day)
        if not (day >= 1 and days < _days(year + month // 12, month % 12 + 1, 1)):
            return None
        self.fault = 0
        return ((days * 24 + hour) * 60 + minute) * 60 + second

    def set(self, seconds: int) -> None:
        """Set the chip's time and clear its stopped flag; OSError if it is silent."""
        year, month, day, hour, minute, second = split(seconds)
        weekday = seconds // 86400 % 7 + 1
        fields = (second, minute, hour, weekday, day, month, year)
        self._i2c.writeto_mem(_ADDRESS, 0, bytes(value // 10 << 4 | value % 10 for value in fields))
        status = self._i2c.readfrom_mem(_ADDRESS, _STATUS, 1)[0]
        self._i2c.writeto_mem(_ADDRESS, _STATUS, bytes((status & ~_STOPPED & 0xFF,)))

    def local_minute(self) -> int:
        """YYMMDDhhmm in local time as a decimal number, as cards carry it; 0 if the time is not known."""
        return self._minute(self.seconds())

    def sure_minute(self) -> int:
        """The same from two looks that agree, else 0: for what one look, spoilt on the bus, must not do for good."""
        first, second = self.seconds(), self.seconds()
        if first is None or second is None or not 0 <= second - first <= 1:
            return 0
        return self._minute(first)

    def _minute(self, seconds: "int | None") -> int:
        if seconds is None:
            return 0
        year, month, day, hour, minute, _ = split(seconds + self._offset_s)
        if year > 99:
            return 0  # the chip's last hours, which ten digits can't say
        return (((year * 100 + month) * 100 + day) * 100 + hour) * 100 + minute


def split(seconds: int) -> tuple:
    """(year of the century, month, day, hour, minute, second) of seconds since 2000-01-01."""
    days, rest = divmod(seconds, 86400)
    year = days * 4 // 1461
    while _days(year + 1, 1, 1) <= days:
        year += 1
    while _days(year, 1, 1) > days:
        year -= 1
    month = 12
    while _days(year, month, 1) > days:
        month -= 1
    return year, month, days - _days(year, month, 1) + 1, rest // 3600, rest // 60 % 60, rest % 60


def _days(year: int, month: int, day: int) -> int:
    """Days since 2000-01-01; every fourth year of 2000-2099 is a leap year."""
    leap = 1 if month > 2 and year % 4 == 0 else 0
    return year * 365 + (year + 3) // 4 + _DAYS[month - 1] + leap + day - 1


def _decimal(byte: int) -> int:
    """The number that a BCD byte holds; no date has what other bytes give."""
    return (byte >> 4) * 10 + (byte & 15) if byte & 15 < 10 else _NO_NUMBER
