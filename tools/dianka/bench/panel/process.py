"""A meter in a process of its own, so that a meter at full speed holds up neither pages nor others.

The process takes orders through a pipe and sends news back: pictures, lines of the log, exchanges
on the card's line. While nobody watches, its time stands still and it costs nothing. It ends when
its asker's end of the pipe is gone.
"""

import asyncio
import contextlib
import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from dianka.bench.panel.founding import install_meter
from dianka.bench.panel.meter import FRAME_MS, PanelMeter
from dianka.bench.panel.refusals import LATE, Refusal
from dianka.bench.rungs.vm.runner import VmError
from dianka.bench.stage.rig import Rig, RigError

READY, ANSWER, STOPPED = "ready", "answer", "stopped"
ORDERS = (
    "set_speed", "insert", "insert_plate", "pull", "hold_key", "switch_mains", "switch",
    "set_watts", "show",
)  # fmt: skip
_START_S = 120  # for the first start: a new meter gets its number and keys
_ORDER_S = 60  # an order that comes while the firmware starts waits for it
_END_S = 5


@dataclass(frozen=True)
class Order:
    """One order: a method of PanelMeter (`ORDERS`), or "watch"."""

    number: int
    name: str
    args: tuple[Any, ...]


def run_meter(pipe: Connection, folder: Path, runner: str, start: datetime) -> None:
    """Run the meter in this folder until the asker is gone. The body of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asks
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, EOFError):
        try:
            _serve(pipe, folder, runner, start)
        except (RigError, VmError) as error:
            pipe.send((STOPPED, str(error)))


def _serve(pipe: Connection, folder: Path, runner: str, start: datetime) -> None:
    rig = Rig(folder, runner, start=start)
    try:
        install_meter(rig)
        meter = PanelMeter(rig, lambda kind, data: pipe.send((kind, data)))
        meter.switch_mains("on")
        pipe.send((READY, None))
        _follow_orders(pipe, meter)
    finally:
        rig.close()


def _follow_orders(pipe: Connection, meter: PanelMeter) -> None:
    watched, last_ns = False, time.monotonic_ns()
    while True:
        spent_ms = (time.monotonic_ns() - last_ns) // 1_000_000
        left_s = max(FRAME_MS - spent_ms, 0) / 1000 if watched else None
        if pipe.poll(left_s):
            order = pipe.recv()
            if order.name == "watch":
                watched, last_ns = order.args[0], time.monotonic_ns()
                pipe.send((ANSWER, (order.number, None)))
            else:
                pipe.send((ANSWER, (order.number, _obey(meter, order))))
            meter.show()
            continue
        now_ns = time.monotonic_ns()
        meter.tick((now_ns - last_ns) // 1000, pipe.poll)
        last_ns = now_ns
        meter.show()


def _obey(meter: PanelMeter, order: Order) -> Refusal | None:
    """Carry out an order; return why it is refused, if it is."""
    try:
        getattr(meter, order.name)(*order.args)
    except Refusal as refusal:
        return refusal
    except RigError as error:
        return Refusal("refuse.rig", why=str(error))
    return None


class MeterProcess:
    """The asker's side. `on_news` is called with the kind and the JSON of each piece of news."""

    def __init__(
        self,
        folder: Path,
        runner: str,
        start: datetime,
        on_news: Callable[[str, bytes], None],
        on_stop: Callable[[str], None],
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=run_meter, args=(theirs, folder, runner, start), name=f"dianka {folder.name}"
        )
        self._process.start()
        theirs.close()
        self._on_news = on_news
        self._on_stop = on_stop
        self._answers: dict[int, asyncio.Future[Refusal | None]] = {}
        self._ready: asyncio.Future[None] | None = None
        self._count = 0
        self.stopped = ""

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    async def open(self) -> None:
        """Wait until the meter runs. RigError if it does not."""
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        loop.add_reader(self._pipe.fileno(), self._hear)
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), _START_S)
        except TimeoutError:
            raise RigError("the meter does not start: look at it with dianka bench live") from None

    async def order(self, name: str, *args: Any) -> None:
        """Give an order and wait until it is carried out. Refusal if it can't be."""
        if self.stopped:
            raise Refusal("refuse.stopped", why=self.stopped)
        self._count += 1
        number, answer = self._count, asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            self._pipe.send(Order(number, name, args))
            refusal = await asyncio.wait_for(answer, _ORDER_S)
        except (OSError, TimeoutError):
            raise Refusal(LATE) from None
        finally:
            self._answers.pop(number, None)
        if refusal:
            raise refusal

    async def close(self) -> None:
        """End the process: the meter's memories are kept in its folder."""
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
        self._pipe.close()
        await asyncio.to_thread(self._process.join, _END_S)
        if self._process.is_alive():
            self._process.kill()
            await asyncio.to_thread(self._process.join, _END_S)

    def _hear(self) -> None:
        try:
            kind, what = self._pipe.recv()
        except (EOFError, OSError):
            self._stop("its process has ended")
            return
        if kind == READY:
            self._end_waiting(None)
        elif kind == ANSWER:
            number, refusal = what
            answer = self._answers.get(number)
            if answer and not answer.done():
                answer.set_result(refusal)
        elif kind == STOPPED:
            self._stop(what)
        else:
            self._on_news(kind, what)

    def _stop(self, why: str) -> None:
        if self.stopped:
            return
        self.stopped = why
        asyncio.get_running_loop().remove_reader(self._pipe.fileno())
        self._end_waiting(RigError(why))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result(Refusal("refuse.stopped", why=why))
        self._on_stop(why)

    def _end_waiting(self, error: RigError | None) -> None:
        if self._ready and not self._ready.done():
            if error:
                self._ready.set_exception(error)
            else:
                self._ready.set_result(None)
