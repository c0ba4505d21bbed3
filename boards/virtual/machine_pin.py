"""Provide `Pin` and `PWM` of the virtual board, as strict as the RP2040's.

Sources: ports/rp2/machine_pin.c and machine_pwm.c. Levels of inputs come from the bench with every
answer. Before an input is read, operations that have not left yet are sent to the bench, because
they may change it (a clock line that makes a chip answer).
"""

import sys

from micropython import const

import bench_irq
import bench_link as link

_path = sys.path[:]
sys.path.clear()
try:
    from machine import PinBase
finally:
    sys.path.extend(_path)

_READ = object()
_NOT_SET = const(-1)
_CLOCK_HZ = const(125_000_000)
_LOWEST_PWM_HZ = const(8)  # 125 MHz / (65534 * 255.94): the divider is 8.4 bits wide
_SLICES = const(8)  # two pins share a PWM slice, and with it the frequency


def number_of(pin):
    """Return the GPIO number of a Pin, a number or a name such as GP5; ValueError for others."""
    if isinstance(pin, Pin):
        return pin._number
    if isinstance(pin, str):
        digits = pin[4:] if pin.startswith("GPIO") else pin[2:] if pin.startswith("GP") else ""
        if not digits.isdigit() or int(digits) >= link.PINS:
            raise ValueError('unknown named pin "%s"' % pin)
        return int(digits)
    if isinstance(pin, int) and 0 <= pin < link.PINS:
        return pin
    raise ValueError("invalid pin")


def need_int(value):
    if not isinstance(value, int):
        raise TypeError("can't convert %s to int" % type(value).__name__)
    return value


class Pin(PinBase):
    IN = 0
    OUT = 1
    OPEN_DRAIN = 2
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_FALLING = 4
    IRQ_RISING = 8

    _pins = [None] * link.PINS

    def __new__(cls, id, *args, **kwargs):
        number = number_of(id)
        pin = cls._pins[number]
        if pin is None:
            pin = cls._pins[number] = super().__new__(cls)
            pin._number = number
            pin._mode = None
            pin._latch = 0
        return pin

    def __init__(self, id, mode=_NOT_SET, pull=None, *, value=None):
        if mode != _NOT_SET or pull is not None or value is not None:
            self.init(None if mode == _NOT_SET else mode, pull, value=value)

    def init(self, mode=None, pull=None, *, value=None):
        if pull is not None and not 0 <= need_int(pull) <= 3:
            raise ValueError("invalid pull")
        if mode is None:
            return
        if need_int(mode) not in (Pin.IN, Pin.OUT, Pin.OPEN_DRAIN):
            raise ValueError("invalid pin mode: %d" % mode)
        self._mode = mode
        if value is not None:
            self._latch = 1 if value else 0
        elif mode == Pin.OPEN_DRAIN:
            self._latch = 1
        if mode != Pin.OUT:
            link.post(link.PIN_IN, self._number, pull or 0)
        if mode != Pin.IN:
            link.post(link.PIN_OUT, self._number, self._latch)

    def value(self, level=_READ):
        if level is not _READ:
            self._latch = 1 if level else 0
            if self._mode:
                link.post(link.PIN_OUT, self._number, self._latch)
            return None
        if self._mode == Pin.OUT:
            return self._latch
        # Never configured: still an input, but its level has not been asked for so far.
        if self._mode is None:
            self._mode = Pin.IN
            link.post(link.PIN_IN, self._number, 0)
        link.refresh()
        return link.levels[self._number]

    def __call__(self, level=_READ):
        return self.value(level)

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    high = on
    low = off

    def toggle(self):
        self.value(not self._latch)

    def irq(self, handler=_READ, trigger=IRQ_FALLING | IRQ_RISING, hard=False):
        irq = bench_irq.get_irq(self, self._number)
        if handler is _READ:
            return irq
        if handler is not None and not callable(handler):
            raise ValueError("handler must be None or callable")
        if need_int(trigger) & ~(Pin.IRQ_FALLING | Pin.IRQ_RISING):
            raise ValueError(
                "the virtual board has no level interrupts: use IRQ_RISING or IRQ_FALLING"
            )
        irq.set(handler, trigger, bool(hard))
        return irq

    def __repr__(self):
        return "Pin(GPIO%d)" % self._number


class PWM:
    _slice_hz = [0] * _SLICES
    _outputs = [None] * link.PINS

    def __init__(self, dest, freq=_NOT_SET, *, duty_u16=_NOT_SET):
        self._number = number_of(dest)
        self._slice = self._number >> 1 & 7
        self._duty_u16 = 0
        PWM._outputs[self._number] = self
        self.init(freq, duty_u16=duty_u16)

    def init(self, freq=_NOT_SET, *, duty_u16=_NOT_SET):
        if need_int(duty_u16) != _NOT_SET:
            self._duty_u16 = max(0, min(duty_u16, 65535))
        if need_int(freq) != _NOT_SET:
            self._set_freq(freq)
        elif duty_u16 != _NOT_SET:
            self._post()

    def freq(self, hz=None):
        if hz is None:
            return PWM._slice_hz[self._slice]
        self._set_freq(need_int(hz))

    def duty_u16(self, duty=None):
        if duty is None:
            return self._duty_u16
        self._duty_u16 = max(0, min(need_int(duty), 65535))
        self._post()

    def deinit(self):
        PWM._outputs[self._number] = None
        link.post_packed("<BBIH", link.PWM, self._number, PWM._slice_hz[self._slice], 0)

    def _set_freq(self, hz):
        if hz < _LOWEST_PWM_HZ:
            raise ValueError("freq too small")
        if hz > _CLOCK_HZ // 2:
            raise ValueError("freq too large")
        PWM._slice_hz[self._slice] = hz
        for output in PWM._outputs:
            if output is not None and output._slice == self._slice:
                output._post()

    def _post(self):
        hz = PWM._slice_hz[self._slice]
        if hz:
            link.post_packed("<BBIH", link.PWM, self._number, hz, self._duty_u16)
