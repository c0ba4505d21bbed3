"""Provide `select` of the virtual board: poll Python objects by their ioctl, wait in virtual time.

The wait ends early only for events that may make a registered object ready: an armed edge, whose
handler may set a flag, or a byte for a UART that is polled for reading. Operating-system files
can't be polled: they would wait in real time.
"""

import errno
import io

from micropython import const

import bench_link as link

POLLIN = 1
POLLOUT = 4
POLLERR = 8
POLLHUP = 16

_POLL = const(3)  # MP_STREAM_POLL of py/stream.h
_OBJECT = const(0)
_EVENTS = const(1)


class poll:
    def __init__(self):
        self._entries = {}  # id of the object: [object, events asked for]

    def register(self, obj, eventmask=POLLIN | POLLOUT):
        if not isinstance(obj, io.IOBase) or not hasattr(obj, "ioctl"):
            raise OSError("stream operation not supported")
        self._entries[id(obj)] = [obj, eventmask]

    def unregister(self, obj):
        self._entries.pop(id(obj), None)

    def modify(self, obj, eventmask):
        if id(obj) not in self._entries:
            raise OSError(errno.ENOENT)
        self._entries[id(obj)][_EVENTS] = eventmask

    def poll(self, timeout=-1):
        return self._wait(timeout)

    def ipoll(self, timeout=-1, flags=0):
        ready = self._wait(timeout)
        if flags & 1:  # one shot
            for obj, _ in ready:
                self._entries[id(obj)][_EVENTS] = 0
        return iter(ready)

    def _wait(self, timeout):
        until_us = link.FOREVER_US
        if timeout is not None and timeout >= 0:
            until_us = link.head[0] + timeout * 1000
        while True:
            ready = self._find_ready()
            now_us = link.head[0]
            if ready or now_us >= until_us:
                return ready
            mask = 0
            wake_us = until_us
            for obj, events in self._entries.values():
                if hasattr(obj, "_bench_mask"):
                    if events & POLLIN:
                        mask |= obj._bench_mask
                    if events & POLLOUT:
                        wake_us = min(wake_us, obj._compute_room_us())
            link.wait(wake_us, mask)

    def _find_ready(self):
        ready = []
        for obj, events in self._entries.values():
            came = obj.ioctl(_POLL, events)
            if came:
                if came < 0:
                    raise OSError(errno.EINVAL)
                ready.append((obj, came))
        return ready
