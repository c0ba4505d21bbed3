"""Run the virtual board's pin interrupts: which handler gets which edge, and in what order.

As in shared/runtime/mpirq.c of MicroPython: a hard handler runs at once with the heap and the
scheduler locked, and is switched off if it raises; a soft handler goes through
`micropython.schedule`, whose queue holds eight calls and drops the rest.
"""

import sys

import micropython

import bench_link as link
import port

# Backward jumps: at each one MicroPython runs one scheduled call, and its queue holds eight.
_SPIN = micropython.const(10)

enabled = True
_irqs = [None] * link.PINS
_queued = False
_handled = False


class Irq:
    """The object that `Pin.irq` returns."""

    def __init__(self, pin, number):
        self.pin = pin
        self.number = number
        self.handler = None
        self.hard = False
        self._trigger = 0
        self._flags = 0
        _irqs[number] = self

    def set(self, handler, trigger, hard):
        self.handler = handler
        self.hard = hard
        self.trigger(trigger)

    def flags(self):
        """Return the edge that caused the present call."""
        return self._flags

    def trigger(self, trigger=None):
        old = self._trigger
        if trigger is not None:
            self._trigger = trigger
            rising = 8 if trigger & port.IRQ_RISING else 0
            falling = 4 if trigger & port.IRQ_FALLING else 0
            link.post(link.PIN_ARM, self.number, rising | falling if self.handler else 0)
        return old

    def __call__(self):
        if self.handler:
            _run(self)


def get_irq(pin, number):
    """Return the pin's interrupt; it is made at the first call."""
    return _irqs[number] or Irq(pin, number)


def handle():
    """Run the handlers of all edges that have come."""
    global _queued, _handled
    if not enabled:
        return
    _handled = False
    if not _queued:
        # A scheduled call runs with the scheduler locked: a soft call that a hard handler asks for
        # waits until it is done.
        try:
            micropython.schedule(_handle_all, True)
            _queued = True
        except RuntimeError:
            pass
    for _ in range(_SPIN):
        pass
    if not _handled:
        # The firmware waits inside a scheduled call: the scheduler is locked already.
        _handle_all(False)
    for _ in range(_SPIN):
        pass


def _handle_all(was_queued):
    global _queued, _handled
    if was_queued:
        _queued = False
    _handled = True
    count = link.take_edges()
    for i in range(0, count, 2):
        irq = _irqs[link.edges[i]]
        if irq is None or irq.handler is None:
            continue
        irq._flags = port.IRQ_RISING if link.edges[i + 1] else port.IRQ_FALLING
        _run(irq)


def _run(irq):
    if irq.hard:
        _run_hard(irq)
        return
    try:
        micropython.schedule(irq.handler, irq.pin)
    except RuntimeError:
        pass  # queue full: the call is lost, as on the chip


def _run_hard(irq):
    error = None
    micropython.heap_lock()
    try:
        irq.handler(irq.pin)
    except BaseException as caught:
        error = caught
    micropython.heap_unlock()
    if error is not None:
        irq.set(None, 0, False)
        print("Uncaught exception in IRQ callback handler", file=sys.stderr)
        sys.print_exception(error, sys.stderr)


def disable():
    global enabled
    was = enabled
    enabled = False
    return was


def enable(state):
    global enabled
    enabled = bool(state)
    if enabled and link.edge_bytes:
        handle()


link.on_edges = handle
