"""Serves a panel to browsers on this computer: starts the meters, then uvicorn."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import uvicorn

from dianka.bench.panel.acts import Acts
from dianka.bench.panel.app import PanelApp
from dianka.bench.panel.founding import TRAY, name_meter
from dianka.bench.panel.http import App
from dianka.bench.panel.hub import Hub
from dianka.bench.panel.places import Places
from dianka.bench.panel.process import MeterProcess
from dianka.bench.stage.rig import RigError

LOOPBACK = "127.0.0.1"
_END_S = 3
_BACKLOG = 64
_ENDS = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Panel:
    """The meters of a folder, each in its process, and the app that shows them.

    `start`: the time (UTC) at a new meter. `readers`: folders that are card readers of a counter.
    `port`: where the app will be served. `counter`: the path of the counter's pages there.
    """

    def __init__(
        self,
        root: Path,
        meters: int,
        start: datetime,
        port: int,
        runner: str = "vm",
        readers: Mapping[str, Path] | None = None,
        counter: str = "",
    ) -> None:
        self._hub = Hub()
        names = [name_meter(number) for number in range(1, meters + 1)]
        places = Places(root, meters, readers)
        for card in places.list_cards():
            if card.place in places.slots:  # the panel ended while it was in
                places.move(card, TRAY)
        self._meters = {name: self._make(root / name, runner, start) for name in names}
        acts = Acts(root, places, self._meters, self._hub, sells=not counter)
        self.app = PanelApp(acts, port, counter)
        self._acts = acts
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def pids(self) -> list[int]:
        return [meter.pid for meter in self._meters.values()]

    async def open(self) -> None:
        """Start all meters. RigError if one of them can't run."""
        await asyncio.gather(*(meter.open() for meter in self._meters.values()))
        for task in (self._acts.watch_places(), self._follow_watchers()):
            self._tasks.append(asyncio.create_task(task))

    def end_streams(self) -> None:
        """Let all streams end: uvicorn waits for them."""
        self._hub.close()

    async def close(self) -> None:
        """End all meters."""
        self._hub.close()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(*(meter.close() for meter in self._meters.values()))

    def _make(self, folder: Path, runner: str, start: datetime) -> MeterProcess:
        name = folder.name

        def stop(why: str) -> None:
            self._hub.publish(name, "stopped", b'"%b"' % why.replace('"', "'").encode())

        return MeterProcess(
            folder, runner, start, lambda kind, data: self._hub.publish(name, kind, data), stop
        )

    async def _follow_watchers(self) -> None:
        """Let the meters' time pass as long as somebody watches."""
        watched = False
        while True:
            self._hub.on_change.clear()
            if bool(self._hub.watchers) != watched:
                watched = not watched
                for meter in self._meters.values():
                    with contextlib.suppress(Exception):
                        await meter.order("watch", watched)
            await self._hub.on_change.wait()


def bind(port: int) -> socket.socket:
    """Return a socket at this port of the loopback, any free one for 0. RigError if it is taken."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((LOOPBACK, port))
        bound.listen(_BACKLOG)  # who comes before the meters run waits for them
    except OSError as error:
        bound.close()
        raise RigError(
            f"port {port} can't be used ({error.strerror}): name another one with --port"
        ) from None
    return bound


async def serve(panel: Panel, app: App, bound: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. `app` is the panel's, or one that it is mounted in."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=_END_S,
    )
    server = _Server(config, panel.end_streams)
    loop = asyncio.get_running_loop()
    ending = asyncio.create_task(_open_and_serve(panel, server, bound, on_ready))
    for name in _ENDS:
        loop.add_signal_handler(getattr(signal, name), server.end, ending)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await ending
    finally:
        await panel.close()


async def _open_and_serve(
    panel: Panel, server: "_Server", bound: socket.socket, on_ready: Callable[[], None]
) -> None:
    await panel.open()
    on_ready()
    await server.serve(sockets=[bound])


class _Server(uvicorn.Server):
    """uvicorn, which leaves signals to us and ends the streams before it waits for them."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def end(self, serving: asyncio.Task[None]) -> None:
        """End gently; at once if it does not serve yet, or is asked for a second time."""
        if not self.started or self.should_exit:
            serving.cancel()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._end_streams()
        await super().shutdown(sockets)
