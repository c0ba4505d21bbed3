"""The clock chip, DS3231: seconds since 2000-01-01 00:00 UTC, kept by its battery (Maxim DS3231 datasheet, registers 00-0F).

The chip runs in UTC, 24-hour mode, and local time is an offset. It holds the years 2000 to 2099.
"""

from micropython import const

_ADDRESS = const(0x68)
_STATUS = const(0x0F)
_TWELVE = const(0x40)  # bit of the hours: 12-hour mode, which this driver never sets
_STOPPED = const(0x80)  # OSF: the oscillator has stopped, the time is not to be trusted
# `fault`, digit 4 of the self-check.
SILENT = const(1)
LOST = const(2)  # it has stood still: a new battery, or a chip that was never set
NO_DATE = const(3)
_DAYS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


class Clock:
    def __init__(self, i2c, utc_offset_s: int = 8 * 3600) -> None:
        self._i2c = i2c
        self._offset_s = utc_offset_s
        self.fault = 0  # what the newest look at the chip found: one of the constants above, 0 for good

    def seconds(self) -> "int | None":
        """Seconds since 2000-01-01 UTC, or None if the chip is silent, has lost the time or was set by somebody else."""
        try:
            if self._i2c.readfrom_mem(_ADDRESS, _STATUS, 1)[0] & _STOPPED:
                self.fault = LOST
                return None
            raw = self._i2c.readfrom_mem(_ADDRESS, 0, 7)
        except OSError:
            self.fault = SILENT
            return None
        self.fault = NO_DATE
        if raw[2] & _TWELVE:
            return None
        second, minute, hour = _decimal(raw[0]), _decimal(raw[1]), _decimal(raw[2] & 0x3F)
        day, month, year = _decimal(raw[4]), _decimal(raw[5] & 0x1F), _decimal(raw[6])
        if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
            return None
        self.fault = 0
        return ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second

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
        seconds = self.seconds()
        if seconds is None:
            return 0
        year, month, day, hour, minute, _ = split(seconds + self._offset_s)
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
    return (byte >> 4) * 10 + (byte & 15)
