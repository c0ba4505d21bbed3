"""Snapshots of all readers, all day long: on a context of its own, without threads.

A context dies with the card service that made it, and may say that it is valid even then, so it is
never asked: whatever fails is thrown away, and a new context is tried at growing distances, for
ever.
"""

import contextlib
import time
from dataclasses import replace

from dianka.card_port import CardError
from dianka.readers.changes import NO_SNAPSHOT, Snapshot
from dianka.readers.pcsc import Context, Seen, UnknownReaderError, is_ours

WAIT_MS = 1000
STILL_MS = 4000  # a wait that takes so much longer than it should: the PC slept
_PAUSE_MS = 50  # before the second try to reach the service; then twice as long each time
_TRIES = 3  # for a list of readers that changes while it is used
_PNP = "\\\\?PnP?\\Notification"  # the name for "a reader came or went"
_CHANGED = 0x0002  # SCARD_STATE_CHANGED
# Of the clocks that never go back, the one that counts sleep: Linux stops time.monotonic in it.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)


def read_clock_ms() -> int:
    """Return the milliseconds since the PC was started, those that it slept included."""
    return (time.monotonic_ns() if _CLOCK is None else time.clock_gettime_ns(_CLOCK)) // 1_000_000


class Watcher:
    """Looks at the readers; `take_snapshot` waits for a change for up to `wait_ms`.

    A card that another program holds is reported when it does so for longer than `wait_ms`: shorter
    than that is normal for a card that was just put in. `still_ms` is what a wait may take
    longer than `wait_ms` before it counts as a sleep.
    """

    def __init__(self, wait_ms: int = WAIT_MS, still_ms: int = STILL_MS) -> None:
        self._wait_ms = wait_ms
        self._still_ms = still_ms
        self._context: Context | None = None
        self._known: dict[str, int] = {}  # states by reader, as PC/SC wants them back
        self._in_use_since_ms: dict[str, int] = {}
        self._pause_ms = 0
        self._last = NO_SNAPSHOT

    def take_snapshot(self) -> Snapshot:
        """Return what is there now, as soon as it differs from the last one or after `wait_ms`."""
        if self._last.trouble:
            time.sleep(self._pause_ms / 1000)
        began_ms = read_clock_ms()
        try:
            found = self._read_readers()
            took_ms = read_clock_ms() - began_ms
            if took_ms > self._wait_ms + self._still_ms:
                found = self._read_anew(took_ms)
            self._pause_ms = 0
        except CardError as error:
            self.close()
            self._pause_ms = min(max(self._pause_ms * 2, _PAUSE_MS), self._wait_ms)
            found = Snapshot((), str(error), self._last.sleeps, self._last.slept_s)
        if found == self._last and read_clock_ms() - began_ms < _PAUSE_MS:
            time.sleep(_PAUSE_MS / 1000)  # a driver that reports changes without end
        self._last = found
        return found

    def close(self) -> None:
        """Release the context."""
        context, self._context = self._context, None
        self._known.clear()
        self._in_use_since_ms.clear()
        if context:
            context.close()

    def _read_anew(self, took_ms: int) -> Snapshot:
        """Return what is there after a sleep: old states and contexts may lie."""
        self.close()
        found = self._read_readers()
        return Snapshot(found.seen, "", self._last.sleeps + 1, took_ms // 1000)

    def _read_readers(self) -> Snapshot:
        context = self._context = self._context or Context()
        seen = self._wait_for_change(context)
        return Snapshot(tuple(seen), "", self._last.sleeps, self._last.slept_s)

    def _wait_for_change(self, context: Context) -> list[Seen]:
        for _ in range(_TRIES - 1):
            with contextlib.suppress(UnknownReaderError):  # unplugged since it was listed
                return self._wait_once(context)
        return self._wait_once(context)

    def _wait_once(self, context: Context) -> list[Seen]:
        names = context.list_names()
        wanted = [(name, self._known.get(name, 0)) for name in (*names, _PNP)]
        went = self._known.keys() - {*names, _PNP}
        states = context.get_states(wanted, 0 if went else self._wait_ms)
        self._known = {name: flags & ~_CHANGED for name, flags, _ in states}
        # One that is unplugged within the wait comes out of it with an error.
        there = context.list_names()
        return [self._settle(context.parse_state(state)) for state in states if state[0] in there]

    def _settle(self, seen: Seen) -> Seen:
        """Return what was seen, `in_use` only if by another program and for long enough."""
        if not seen.in_use or is_ours(seen.name):
            self._in_use_since_ms.pop(seen.name, None)
            return replace(seen, in_use=False)
        now_ms = read_clock_ms()
        since_ms = self._in_use_since_ms.setdefault(seen.name, now_ms)
        return replace(seen, in_use=now_ms - since_ms >= self._wait_ms)
