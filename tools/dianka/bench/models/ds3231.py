"""The DS3231 clock chip on the I2C bus, with its battery.

Owns the date, in seconds since 2000-01-01 UTC; the years reach from 2000 to 2199. Facts (data sheet
19-5170):
- Device address 0x68. Registers 00 to 06 are seconds to year in BCD, hours in 24 or 12 hour form
  (bit 6). Bit 7 of the month toggles with the century.
- The time is latched at each START and when the address wraps (after 12), so that a read never
  tears. Writing the seconds restarts the second.
- 0E is control (1C at first power-up). 0F is status; its bit 7 (OSF) shows that the oscillator has
  stopped, and can only be written to 0.
- After a loss of all power the time is 01-01-00 00:00:00.

Alarms are stored and never go off. EOSC, square wave and 32 kHz outputs are not modelled.
"""

from datetime import date, timedelta

from dianka.bench.models.clock import Clock

ADDRESS = 0x68
OSF = 0x80
_EPOCH = date(2000, 1, 1)
_STATUS = 0x0F
_SIZE = 0x13
_POWER_UP = bytes(7) + bytes(7) + bytes((0x1C, 0x88, 0x00, 0x19, 0x00))  # temperature 25 degrees


class Ds3231:
    """One chip, powered from the start.

    `start_s` None: as delivered, never set, OSF on. A positive `drift_ppm` runs fast.
    """

    def __init__(self, clock: Clock, start_s: int | None = None, drift_ppm: int = 0) -> None:
        self.clock = clock
        self.powered = True
        self.mute = False  # acknowledges nothing
        self.violations: list[str] = []  # dates and times that the data sheet calls illogical
        self._battery = True
        self._drift_ppm = drift_ppm
        self._registers = bytearray(_POWER_UP)
        # The chip counts weekdays on its own; after a loss of power it begins with 1.
        self._weekday_offset = 0
        self._twelve = False
        self._address_next = False  # the next byte written is the register address
        self._at = 0
        self._set(0)
        if start_s is not None:
            self.set(start_s)

    def set(self, seconds: int) -> None:
        """Set the time and clear OSF, as a program that sets the clock does."""
        self._set(seconds * 1_000_000)
        self._twelve = False
        self._weekday_offset = 6  # 2000-01-01 was a Saturday: day 7 when Sunday is day 1
        self._registers[_STATUS] &= ~OSF

    # ****** Time and battery ******

    @property
    def time_us(self) -> int:
        """Return the chip's present time in microseconds since 2000-01-01 UTC."""
        return self._compute_time_us()

    def move_to(self, time_us: int) -> None:
        """Go on from this time; what the registers say of weekday, form and battery stays."""
        self._set(time_us)

    @property
    def time_s(self) -> int:
        """Return the chip's present time in seconds since 2000-01-01 UTC."""
        return self._compute_time_us() // 1_000_000

    @property
    def osf(self) -> bool:
        return bool(self._registers[_STATUS] & OSF)

    @property
    def drift_ppm(self) -> int:
        return self._drift_ppm

    @drift_ppm.setter
    def drift_ppm(self, drift_ppm: int) -> None:
        """Change the rate from now on; positive is fast. Past time stays as counted."""
        self._set(self._compute_time_us())
        self._drift_ppm = drift_ppm

    @property
    def battery(self) -> bool:
        return self._battery

    @battery.setter
    def battery(self, good: bool) -> None:
        self._battery = good
        if not good and not self.powered:
            self._lose()

    def power_off(self) -> None:
        """Remove the supply; the battery keeps the time, if there is one."""
        self.powered = False
        if not self._battery:
            self._lose()

    def power_on(self) -> None:
        if not self.powered and not self._battery:
            self._lose()  # its time restarts now, not at the loss
        self.powered = True

    def _lose(self) -> None:
        """Return to the state after a loss of all power."""
        self._registers[:] = _POWER_UP
        self._twelve = False
        self._weekday_offset = 0
        self._set(0)

    def _set(self, time_us: int) -> None:
        self._base_us = time_us
        self._mark_us = self.clock.now_us

    def _compute_time_us(self) -> int:
        return (
            self._base_us
            + (self.clock.now_us - self._mark_us) * (1_000_000 + self._drift_ppm) // 1_000_000
        )

    # ****** Bus ******

    def start(self, read: bool) -> bool:
        if not self.powered or self.mute:
            return False
        self._address_next = not read
        self._latch()
        return True

    def write(self, value: int) -> bool:
        if not self.powered or self.mute:
            return False
        if self._address_next:
            self._address_next = False
            self._at = value % _SIZE
            return True
        self._store(self._at, value)
        self._step()
        return True

    def read(self) -> int:
        if not self.powered or self.mute:
            return 0xFF
        value = self._registers[self._at]
        self._step()
        return value

    def stop(self) -> None:
        self._address_next = False

    def _step(self) -> None:
        self._at = (self._at + 1) % _SIZE
        if not self._at:
            self._latch()

    def _store(self, at: int, value: int) -> None:
        registers = self._registers
        if at == _STATUS:
            # OSF and the alarm flags can only be cleared.
            registers[at] = (value & 0x08) | (value & registers[at] & 0x83)
        elif at < 7:
            registers[at] = value
            if not _is_logical(at, value):
                self.violations.append(f"register {at} was given 0x{value:02X}")
            self._apply(0 if at == 0 else self._compute_time_us() % 1_000_000)
        elif at < 0x11:  # the temperature can't be written
            registers[at] = value

    # ****** Registers and time ******

    def _latch(self) -> None:
        """Copy the present time to the registers."""
        days, second = divmod(self.time_s, 86_400)
        day = _EPOCH + timedelta(days)
        hour = second // 3600
        twelve = 0x40 | (hour >= 12) << 5 | _bcd((hour + 11) % 12 + 1)
        hours = twelve if self._twelve else _bcd(hour)
        month = _bcd(day.month) | (day.year >= 2100) << 7
        self._registers[:7] = bytes(
            (
                _bcd(second % 60), _bcd(second // 60 % 60), hours,
                (days + self._weekday_offset) % 7 + 1, _bcd(day.day), month, _bcd(day.year % 100),
            )
        )  # fmt: skip

    def _apply(self, fraction_us: int) -> None:
        """Take the time from the registers; called after each byte written.

        A transfer that stops in the middle leaves a mixture of former and new fields.
        """
        second, minute, hours, weekday, day, month, year = self._registers[:7]
        self._twelve = bool(hours & 0x40)
        hour = (
            _number(hours & 0x1F) % 12 + 12 * (hours >> 5 & 1)
            if self._twelve
            else _number(hours & 0x3F)
        )
        first = date(
            2000 + _number(year) + 100 * (month >> 7), min(max(_number(month & 0x1F), 1), 12), 1
        )
        days = (first - _EPOCH).days + _number(day & 0x3F) - 1
        minutes = (days * 24 + hour) * 60 + _number(minute & 0x7F)
        self._set((minutes * 60 + _number(second & 0x7F)) * 1_000_000 + fraction_us)
        self._weekday_offset = ((weekday & 7) - 1 - self.time_s // 86_400) % 7


def _bcd(value: int) -> int:
    return value // 10 << 4 | value % 10


def _number(bcd: int) -> int:
    return (bcd >> 4) * 10 + (bcd & 15)


def _is_logical(register: int, value: int) -> bool:
    """Return whether a time register may hold this value.

    The day is compared with 31 only: the month is not known while the day is written.
    """
    if register == 2 and value & 0x40:
        return value & 0x0F <= 9 and 1 <= _number(value & 0x1F) <= 12
    if register == 5:
        value &= 0x7F
    lowest, highest = ((0, 59), (0, 59), (0, 23), (1, 7), (1, 31), (1, 12), (0, 99))[register]
    return value & 0x0F <= 9 and lowest <= _number(value) <= highest
