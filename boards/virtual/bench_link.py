"""Connect the virtual board to the bench: virtual time, posted operations, waits, and events.

The wire format is one table in tools/dianka/bench/rungs/vm/link.py; the codes below are this side
of it. The firmware's operations are appended to one buffer and leave with the next request, because
a round trip costs more than all the rest together. Time stands still between two requests. Reading
and writing pins allocates nothing, so that a hard interrupt handler may do it with the heap locked,
as it may on the chip.
"""

from array import array
from struct import calcsize, pack_into, unpack_from

from micropython import const

PINS = const(48)  # more than any chip here has
FOREVER_US = const(0x3FFFFFFFFFFFFFFF)
LONGEST = const(16000)  # bytes that one operation may carry

# Operations: posted ones, then those that are answered.
PIN_IN = const(1)
PIN_OUT = const(2)
PIN_ARM = const(3)
PWM = const(4)
WATCHDOG = const(5)
UART_OPEN = const(6)
UART_WRITE = const(7)
UART_LOST = const(8)
UART_CLOSE = const(9)
SPI_OPEN = const(10)
SPI_WRITE = const(11)
I2C_OPEN = const(12)
SPI_EXCHANGE = const(13)
I2C_WRITE = const(14)
I2C_READ = const(15)
COUNTER_OPEN = const(16)
COUNTER_READ = const(17)
PIO_LOAD = const(18)
SM_SET_UP = const(19)
SM_ACTIVE = const(20)
SM_RESTART = const(21)
SM_EXEC = const(22)
SM_PUT = const(23)
SM_GET = const(24)
SM_LEVELS = const(25)
DMA_FEED = const(26)
DMA_DRAIN = const(27)
DMA_STOP = const(28)
DMA_LEFT = const(29)
COUNTER_RUN = const(30)
COUNTER_CLEAR = const(31)

# Requests.
_WAIT = const(1)
_ASK = const(2)
_END = const(3)
END_RESET = const(256)
END_SOFT_RESET = const(257)

# Events.
_LEVEL = const(1)
_EDGE = const(2)
_UART = const(3)
_ANSWER = const(4)
_HELLO = const(5)
_DRAINED = const(6)
_LIMIT = const(7)

_HEAD = const(16)
_ROOM = const(16384)
_SMALL = const(96)  # no operation without data is longer

# The head of each message from the bench: the time in microseconds, the number of bytes that
# follow. "l" is 64 bits wide here, and unlike "q" it gives small ints, which need no heap.
head = array("l", (0, 0))
levels = bytearray(PINS)  # of the pins that the firmware listens to
edges = bytearray(256)  # pin and level of armed edges that have not been handled
edge_bytes = 0
receivers = {}  # port number: function(buffer, start, count)
on_edges = None  # function() called when edges have come; bench_irq sets it
on_limit = None  # function(unit, high): a counter unit has come to its limit
on_drained = None  # function(channel, buffer, start, count): what a DMA channel has read
# Ticks_ms and ticks_us at the start, seconds of the clock, frequency in Hz, reset cause, unique id.
greeting = None
boot_us = 0

_bench = None
_out = bytearray(_HEAD + _ROOM)
_end = _HEAD
_in = bytearray(1024)
_status = 0
_answer_at = 0
_answer_bytes = 0


def connect(file_number):
    """Take over the stream that the bench has passed on, and read its greeting."""
    global _bench, boot_us
    _bench = open(file_number, "r+b")
    _receive()
    boot_us = head[0]


# ****** Posting ******


def post(op, first, second):
    """Append an operation of two bytes. Allocates nothing."""
    global _end
    if _end > _HEAD + _ROOM - _SMALL:
        refresh()
    n = _end
    _out[n] = op
    _out[n + 1] = first
    _out[n + 2] = second
    _end = n + 3


def post_packed(form, *values):
    """Append an operation without data; `struct` packs its fields."""
    global _end
    if _end > _HEAD + _ROOM - _SMALL:
        refresh()
    pack_into(form, _out, _end, *values)
    _end += calcsize(form)


def post_data(op, number, data):
    """Append bytes for port or bus `number`, in pieces if there are many."""
    view = memoryview(data)
    for start in range(0, len(view), LONGEST):
        piece = view[start : start + LONGEST]
        post_block(piece, "<BBH", op, number, len(piece))


def post_block(data, form, *values):
    global _end
    if _end + _SMALL + len(data) > _HEAD + _ROOM:
        refresh()
    post_packed(form, *values)
    _out[_end : _end + len(data)] = data
    _end += len(data)


# ****** Requests ******


def wait(until_us, uart_mask=0):
    """Let virtual time pass up to `until_us`.

    An armed edge, or a byte at a port of the mask, ends the wait early.
    """
    _send(until_us, _WAIT, uart_mask, 0)
    _receive()
    if edge_bytes:
        on_edges()


def refresh():
    """Send the posted operations to the bench, so that `levels` shows their effect.

    Time does not move.
    """
    if _end > _HEAD:
        wait(head[0])


def ask(data, form, *values):
    """Append an operation and fetch its answer: (status, bytes)."""
    post_block(data, form, *values)
    _send(head[0], _ASK, 0, 0)
    _receive()
    answer = (_status, bytes(memoryview(_in)[_answer_at : _answer_at + _answer_bytes]))
    if edge_bytes:
        on_edges()
    return answer


def end(code):
    """End the firmware for good: the bench ends this process."""
    _send(head[0], _END, 0, code)
    while _bench.read(1):
        pass
    raise SystemExit  # only if the bench went away first


def _send(until_us, kind, uart_mask, code):
    global _end
    pack_into("<qBBHI", _out, 0, until_us, kind, uart_mask, code, _end - _HEAD)
    _bench.write(_out, _end)
    _end = _HEAD


# ****** Answers and events ******


def _receive():
    global _in
    if _bench.readinto(head) != _HEAD:
        raise SystemExit  # the bench is gone, and with it the whole world
    count = head[1]
    if count:
        if count > len(_in):
            _in = bytearray(count)
        _bench.readinto(_in, count)
        _take(count)


def _take(count):
    global greeting, _status, _answer_at, _answer_bytes
    at = 0
    while at < count:
        event = _in[at]
        if event == _LEVEL:
            levels[_in[at + 1]] = _in[at + 2]
            at += 3
        elif event == _EDGE:
            _keep_edge(_in[at + 1], _in[at + 2])
            at += 3
        elif event == _UART:
            size = _in[at + 2] | _in[at + 3] << 8
            receivers[_in[at + 1]](_in, at + 4, size)
            at += 4 + size
        elif event == _ANSWER:
            _status, _answer_bytes = unpack_from("<hH", _in, at + 1)
            _answer_at = at + 5
            at += 5 + _answer_bytes
        elif event == _DRAINED:
            size = _in[at + 2] | _in[at + 3] << 8
            on_drained(_in[at + 1], _in, at + 4, size)
            at += 4 + size
        elif event == _LIMIT:
            on_limit(_in[at + 1], _in[at + 2])
            at += 3
        elif event == _HELLO:
            greeting = unpack_from("<IIIIB8s", _in, at + 1)
            at += 26
        else:
            raise RuntimeError(
                "bench and virtual board do not fit together: use the two of one release"
            )


def _keep_edge(pin, level):
    global edge_bytes
    levels[pin] = level
    # The chip, too, loses edges that come faster than they are handled.
    if edge_bytes < len(edges):
        edges[edge_bytes] = pin
        edges[edge_bytes + 1] = level
        edge_bytes += 2


def take_edges():
    """Return the number of bytes in `edges`, and count it as empty from now on."""
    global edge_bytes
    count = edge_bytes
    edge_bytes = 0
    return count
