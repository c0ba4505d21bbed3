"""Provide `PWM` of the ESP32: 16 channels of the LEDC on 8 timers, one frequency each.

Source: ports/esp32/machine_pwm.c; TRM, chapter LED PWM controller. A frequency above 10 Hz comes
from 80 MHz by a divider of 10 bits and 8 behind the point, with as many bits of duty as fit, 16 at
most: 4 MHz come out exactly, 3.5712 MHz as 3.5754.
"""

from micropython import const

import bench_link as link
import port
from machine_pin import need_int, number_of

_NOT_SET = const(-1)
_APB_HZ = const(80_000_000)
_HIGHEST_HZ = const(40_000_000)
_DEFAULT_HZ = const(5000)
_CHANNELS = const(16)  # 8 of high and 8 of low speed
_TIMERS = const(8)
_MOST_BITS = const(16)

_used = {}  # GPIO: the PWM on it


class PWM:
    def __init__(self, dest, freq=_NOT_SET, *, duty_u16=_NOT_SET):
        self._number = number_of(dest)
        port.check_pin(self._number, port.OUT, 0)
        if self._number not in _used and len(_used) >= _CHANNELS:
            raise RuntimeError("out of PWM channels:%d" % _CHANNELS)
        former = _used.get(self._number)
        self._hz = former._hz if former else _DEFAULT_HZ
        self._duty_u16 = former._duty_u16 if former else 32768
        self.init(freq, duty_u16=duty_u16)

    def init(self, freq=_NOT_SET, *, duty_u16=_NOT_SET):
        hz = self._hz if need_int(freq) == _NOT_SET else freq
        if not 0 < hz <= _HIGHEST_HZ:
            raise ValueError("frequency must be from 1Hz to 40MHz")
        others = {pwm._hz for pwm in _used.values() if pwm is not self}
        if hz not in others and len(others) >= _TIMERS:
            raise RuntimeError("out of PWM timers:%d" % _TIMERS)
        if need_int(duty_u16) != _NOT_SET:
            self._check_duty(duty_u16)
            self._duty_u16 = duty_u16
        self._hz = hz
        _used[self._number] = self
        self._post()

    def freq(self, hz=None):
        self._check_active()
        if hz is None:
            return self._compute_hz()
        self.init(need_int(hz))

    def duty_u16(self, duty=None):
        self._check_active()
        if duty is None:
            return self._duty_u16
        self._check_duty(need_int(duty))
        self._duty_u16 = duty
        self._post()

    def deinit(self):
        if _used.get(self._number) is self:
            del _used[self._number]
            link.post_packed("<BBIH", link.PWM, self._number, 0, 0)

    def _check_active(self):
        if _used.get(self._number) is not self:
            raise RuntimeError("PWM is inactive")

    def _check_duty(self, duty):
        if not 0 <= duty <= 65535:
            raise ValueError("duty_u16 must be from 0 to 65535")

    def _compute_hz(self):
        """Return what the divider makes of the frequency."""
        bits = self._compute_bits()
        divider = (_APB_HZ * 256 + (self._hz << bits) // 2) // (self._hz << bits)
        return (_APB_HZ * 256 + (divider << bits) // 2) // (divider << bits)

    def _compute_bits(self):
        """Return the most bits of duty that this frequency leaves."""
        bits = 1
        while bits < _MOST_BITS and self._hz << bits + 1 <= _APB_HZ:
            bits += 1
        return bits

    def _post(self):
        # A duty below one step of the timer is none.
        unused = _MOST_BITS - self._compute_bits()
        duty = self._duty_u16 >> unused << unused
        link.post_packed("<BBIH", link.PWM, self._number, self._compute_hz(), duty)
