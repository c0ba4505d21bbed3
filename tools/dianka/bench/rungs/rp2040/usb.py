"""The console: a computer on the chip's USB port, which reads at once and writes on demand.

rp2040py's own host answers every request for data with an empty packet, so that the device asks
again for ever and its CPU never sleeps. A real host lets the request wait (USB 2.0, 8.4.5: NAK); so
does this one.
"""

from collections import deque
from collections.abc import Callable

from rp2040py.rp2040 import RP2040
from rp2040py.usb.cdc import USBCDC

_SOON_NS = 1_000
_FRAME_NS = 1_000_000  # a full-speed frame: the host then checks again whether it can send more


class Console:
    """The console of one chip."""

    def __init__(self, chip: RP2040) -> None:
        self.received = bytearray()  # all that the chip has sent; a reader may clear it
        self.connected = False
        self.on_data: Callable[[bytes], None] | None = None
        self.on_connect: Callable[[], None] | None = None
        usb = chip.usb_ctrl
        self._cdc = USBCDC(usb)
        self._cdc.on_serial_data = self._hear
        self._cdc.on_device_connected = self._connect
        assert usb.on_endpoint_read  # USBCDC has just set it
        self._answer = usb.on_endpoint_read
        self._forget = usb.on_reset
        usb.on_endpoint_read = self._answer_or_wait
        usb.on_reset = self._reset
        self._waiting: tuple[int, int] | None = None  # the request that waits: endpoint, size
        self._queue: deque[int] = deque()
        self._alarm = chip.clock.create_alarm(self._pump)

    def send(self, data: bytes) -> None:
        """Type this at the chip; it goes over while the chip runs."""
        self._queue.extend(data)
        self._alarm.schedule(_SOON_NS)

    def _hear(self, data: bytes | bytearray) -> None:
        self.received += data
        if self.on_data:
            self.on_data(bytes(data))

    def _connect(self) -> None:
        self.connected = True
        if self.on_connect:
            self.on_connect()

    def _answer_or_wait(self, endpoint: int, size: int) -> None:
        if endpoint == self._cdc._out_endpoint and self._cdc.tx_fifo.empty:
            self._waiting = (endpoint, size)
        else:
            self._answer(endpoint, size)

    def _pump(self) -> None:
        fifo = self._cdc.tx_fifo
        while self._queue and not fifo.full:
            fifo.push(self._queue.popleft())
        if self._waiting and not fifo.empty:
            waiting, self._waiting = self._waiting, None
            self._answer(*waiting)
        if self._queue:
            self._alarm.schedule(_FRAME_NS)

    def _reset(self) -> None:
        """Note that the device has dropped off the bus."""
        self.connected = False
        self._waiting = None
        if self._forget:
            self._forget()
