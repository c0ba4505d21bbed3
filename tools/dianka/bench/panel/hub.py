"""The stream to the browsers: server-sent events of all meters, for each who watches.

Of pictures a slow browser gets the newest one, of lines and exchanges the newest hundreds: no
browser holds up a meter or another browser. While nobody watches, no event is made.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

MOST_WATCHERS = 16
KEPT = {"log": 100, "exchange": 40}  # of each meter, for a browser that comes later
ALIVE_S = 10  # after so long without an event a comment is sent
_MOST_WAITING = 1500
_RETRY_MS = 500  # after which a browser comes again


@dataclass(eq=False)
class _Watcher:
    pictures: dict[str, bytes] = field(default_factory=dict)  # by meter, those not yet sent
    waiting: deque[bytes] = field(default_factory=lambda: deque(maxlen=_MOST_WAITING))
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Hub:
    """All who watch, and what one who comes is told first."""

    def __init__(self) -> None:
        self._run = secrets.token_hex(8)  # a browser that comes again after a new start forgets
        self._watchers: set[_Watcher] = set()
        self._pictures: dict[str, bytes] = {}  # the newest of each meter
        self._kept: dict[tuple[str, str], deque[bytes]] = {}
        self._cards = b""
        self._closed = False
        self.on_change = asyncio.Event()  # the number of watchers has changed

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    def publish(self, meter: str, kind: str, data: bytes) -> None:
        """Pass a piece of news of a meter on."""
        event = format_event(kind, b'{"meter":"%b","news":%b}' % (meter.encode(), data))
        if kind == "picture":
            self._pictures[meter] = event
            for watcher in self._watchers:
                watcher.pictures[meter] = event
                watcher.news.set()
            return
        if kind in KEPT:
            kept = self._kept.setdefault((meter, kind), deque(maxlen=KEPT[kind]))
            kept.append(event)
        self._pass_on(event)

    def publish_cards(self, data: bytes) -> None:
        """Pass on where all cards are, if that has changed."""
        event = format_event("cards", data)
        if event != self._cards:
            self._cards = event
            self._pass_on(event)

    def close(self) -> None:
        """End all streams: a server that is to end waits for them."""
        self._closed = True
        for watcher in self._watchers:
            watcher.news.set()

    async def watch(self) -> AsyncGenerator[bytes]:
        """Yield what there is, then what comes, until the hub is closed."""
        watcher = _Watcher(dict(self._pictures))
        watcher.waiting.extend(event for kept in self._kept.values() for event in kept)
        if self._cards:
            watcher.waiting.append(self._cards)
        self._watchers.add(watcher)
        self.on_change.set()
        try:
            yield b"retry: %d\n\n" % _RETRY_MS
            yield format_event("run", b'"%b"' % self._run.encode())
            while not self._closed:
                chunk = b"".join((*watcher.waiting, *watcher.pictures.values()))
                watcher.waiting.clear()
                watcher.pictures.clear()
                watcher.news.clear()
                yield chunk or b": alive\n\n"
                try:
                    await asyncio.wait_for(watcher.news.wait(), ALIVE_S)
                except TimeoutError:
                    continue
        finally:
            self._watchers.discard(watcher)
            self.on_change.set()

    def _pass_on(self, event: bytes) -> None:
        for watcher in self._watchers:
            watcher.waiting.append(event)
            watcher.news.set()


def format_event(kind: str, data: bytes) -> bytes:
    """Return a server-sent event; `data` is one line."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
