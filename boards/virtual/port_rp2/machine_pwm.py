"""Provide `PWM` of the RP2040 and RP2350: slices of two outputs that share a frequency.

Source: ports/rp2/machine_pwm.c. GPIO n is output n mod 2 of slice n / 2 mod 8 (RP2040 datasheet
4.5.2): GP12 and GP13 share the frequency, GP12 and GP28 the duty too, and the port refuses neither.
So nor does this: what is set on one is put out on the other, and the bench sees it.
"""

from micropython import const

import bench_link as link
from machine_pin import need_int, number_of

_NOT_SET = const(-1)
_TOP = const(65534)
_SLICES = const(8)

_slice_hz = [0] * _SLICES  # what each puts out
_duties = [_NOT_SET] * (2 * _SLICES)  # of the outputs; not set: they are off
_pins = [0] * (2 * _SLICES)  # of each output, one bit each


def _find_divider(hz: int) -> int:
    """Return the divider in 1/16, or raise ValueError: it has 8 bits before the point."""
    clock_hz = link.greeting[3]
    if hz <= 0:
        raise ValueError("freq too small")
    if (clock_hz + hz // 2) // hz < _TOP:
        divider = 16
        if (clock_hz + hz // 2) // hz < 1:
            raise ValueError("freq too large")
    else:
        divider = (16 * clock_hz + _TOP * hz - 1) // (_TOP * hz)
    if divider >= 256 * 16:
        raise ValueError("freq too small")
    return divider


def _round_freq(hz):
    """Return what the slice puts out instead: its clock over whole cycles."""
    divider = _find_divider(hz)
    clock = 16 * link.greeting[3]
    cycles = (clock + divider * hz // 2) // (divider * hz)
    return (clock + divider * cycles // 2) // (divider * cycles)


class PWM:
    def __init__(self, dest, freq=_NOT_SET, *, duty_u16=_NOT_SET):
        number = number_of(dest)
        self._output = number & 15
        _duties[self._output] = _NOT_SET
        _pins[self._output] |= 1 << number
        self.init(freq, duty_u16=duty_u16)

    def init(self, freq=_NOT_SET, *, duty_u16=_NOT_SET):
        if need_int(freq) != _NOT_SET:
            self._set_freq(freq)
        if need_int(duty_u16) != _NOT_SET:
            self.duty_u16(duty_u16)

    def freq(self, hz=None):
        if hz is None:
            return _slice_hz[self._output >> 1]
        self._set_freq(need_int(hz))

    def duty_u16(self, duty=None):
        if duty is None:
            return max(0, _duties[self._output])
        _duties[self._output] = max(0, min(need_int(duty), 65535))
        _post(self._output)

    def deinit(self):
        slice = self._output >> 1
        for output in (2 * slice, 2 * slice + 1):  # the port stops the slice, not the output
            _duties[output] = 0
            _post(output)

    def _set_freq(self, hz):
        slice = self._output >> 1
        _slice_hz[slice] = _round_freq(hz)
        for output in (2 * slice, 2 * slice + 1):
            _post(output)


def _post(output):
    hz = _slice_hz[output >> 1]
    if not hz or _duties[output] == _NOT_SET:
        return
    for pin in (output, output + 16):
        if _pins[output] >> pin & 1:
            link.post_packed("<BBIH", link.PWM, pin, hz, _duties[output])
