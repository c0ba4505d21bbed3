"""Runs a pcscd for the tests, with the two slots of vpcd on free ports and cards to insert.

Any user can run it in a mount namespace with a /run of its own; PCSCLITE_CSOCK_NAME names its
socket. If namespaces are forbidden and the tests run as root, it runs in the system's place, one at
a time. If neither is possible, one line says why nothing was tested.
"""

import contextlib
import fcntl
import functools
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dianka.card_port import CardError
from dianka.cardos.t0 import Tpdu
from dianka.readers.pcsc import Context, list_names, look_around
from dianka.readers.vpcd import VirtualSlot

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
HOW = (
    "as root: apt-get install pcscd vsmartcard-vpcd opensc libpcsclite-dev gcc; "
    "then make clean test"
)
SYSTEM_LINK = Path("/run/pcscd/pcscd.comm")
WAIT_S = 10


class Service:
    """A pcscd that can be stopped, started again, with other readers, and made to stand still."""

    def __init__(self, command: list[str], link: Path, folder: Path, port: int) -> None:
        self._command, self._link, self._port = command, link, port
        self._config = folder / "readers" / "vpcd"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, name: str = "Test reader") -> None:
        """Start it with two readers of this name, or with none if the name is empty."""
        self._config.write_text(
            f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:{self._port:#x}\nLIBPATH {DRIVER}\n'
            f"CHANNELID {self._port:#x}\n"
            if name
            else ""
        )
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._link.exists, "pcscd does not start")
        assert self._process.poll() is None, "pcscd has ended"
        count = 2 if name else 0
        until(lambda: _names(count), f"pcscd does not show {count} readers")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it by this signal, if it runs."""
        process, self._process = self._process, None
        if process:
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
            process.wait(WAIT_S)

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop it where it is until the end of the block, as the whole PC is stopped in a sleep."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


@dataclass(frozen=True)
class Readers:
    """Two readers, the ports of vpcd behind them, and the service that has them."""

    names: tuple[str, str]
    ports: tuple[int, int]
    service: Service

    @contextlib.contextmanager
    def holding(self, slot: int, engine: Tpdu) -> Iterator[VirtualSlot]:
        """Hold a card in a slot until the end of the block, or until it stops answering.

        Only the next card in this slot waits until this one is seen to be out.
        """
        self.wait(slot, present=False)
        card = VirtualSlot(engine, self.ports[slot])
        card.insert()
        thread = threading.Thread(target=card.serve, daemon=True)
        thread.start()
        try:
            self.wait(slot, present=True)
            yield card
        finally:
            card.pull()
            thread.join(WAIT_S)

    def wait(self, slot: int, present: bool) -> None:
        """Wait until pcscd has noticed a card, or that there is none.

        It polls every 0.4 s; it would take a card changed between two polls for the old one.
        """

        def seen() -> bool:
            reader = look_around()[slot]
            return reader.present is present and reader.moves % 2 == present

        until(
            seen, f"the card in {self.names[slot]} is not seen to be {'in' if present else 'out'}"
        )


@contextlib.contextmanager
def other_program(name: str, mode: str = "SCARD_SHARE_EXCLUSIVE") -> Iterator[tuple[Context, Any]]:
    """Another program that holds the card: a context of its own."""
    context = Context()
    scard = context.scard
    status, card, _ = scard.SCardConnect(
        context._handle, name, getattr(scard, mode), scard.SCARD_PROTOCOL_T0
    )
    assert status == 0
    try:
        yield context, card
    finally:
        scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
        context.close()


def until(happened: Callable[[], object], else_says: str) -> None:
    end = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < end, else_says
        time.sleep(0.01)


def need(pyscard: bool = False, opensc: bool = False) -> None:
    """Skip the test unless the programs and packages that it needs are installed."""
    lacking = []
    if pyscard and importlib.util.find_spec("smartcard") is None:
        lacking.append("pyscard")
    if opensc and not shutil.which("opensc-tool"):
        lacking.append("opensc-tool")
    skip_for(lacking)


def skip_for(lacking: list[str]) -> None:
    if lacking:
        pytest.skip(f"no {' and no '.join(lacking)} here; {HOW}")


@contextlib.contextmanager
def serving() -> Iterator[Readers]:
    """Run a pcscd with two readers for one test, or skip the test."""
    need(pyscard=True)
    skip_for(
        [
            what
            for what, there in (("pcscd", _pcscd()), ("vsmartcard-vpcd", DRIVER.exists()))
            if not there
        ]
    )
    folder = _folder()
    for name in ("readers", "run"):
        (folder / name).mkdir(parents=True)
    try:
        isolate = _isolation(folder)
        if isolate is None and (os.geteuid() or SYSTEM_LINK.exists()):
            pytest.skip(
                "pcscd can't run here, neither in a namespace of its own nor as root in the "
                "system's place"
            )
        with _service(folder, isolate) as (service, ports):
            first, second = list_names()
            yield Readers((first, second), ports, service)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _service(folder: Path, isolate: list[str] | None) -> Iterator[tuple[Service, tuple[int, int]]]:
    """Run pcscd in the way that is possible here; give it and the ports of its slots."""
    ports = _two_free_ports()
    pcscd = f"exec {_pcscd()} -f -c {folder}/readers"
    with contextlib.ExitStack() as stack:
        if isolate is None:
            path = Path(tempfile.gettempdir()) / "dianka-pcscd.lock"
            fcntl.flock(stack.enter_context(path.open("w")), fcntl.LOCK_EX)
            service = Service(["sh", "-c", pcscd], SYSTEM_LINK, folder, ports[0])
        else:
            link = folder / "run" / "pcscd" / "pcscd.comm"
            os.environ["PCSCLITE_CSOCK_NAME"] = str(link)
            command = [*isolate, f"{_bind(folder)} && {pcscd}"]
            service = Service(command, link, folder, ports[0])
        stack.callback(service.stop)
        service.start()
        yield service, ports


def _pcscd() -> str | None:
    return shutil.which("pcscd") or shutil.which("pcscd", path="/usr/sbin:/usr/local/sbin")


@functools.cache
def _folder() -> Path:
    """Return the folder of the socket, one for the whole process.

    The PC/SC library reads the socket's name only once.
    """
    return Path(tempfile.gettempdir()) / f"dianka-pcscd-{secrets.token_hex(6)}"


def _bind(folder: Path) -> str:
    return f"mount --bind {folder}/run /run"


@functools.cache
def _isolation(folder: Path) -> list[str] | None:
    """Return the command that gives a shell line a /run of its own, None if that is forbidden."""
    for how in ("-Urm", "-m"):
        command = ["unshare", how, "sh", "-c"]
        with contextlib.suppress(OSError):
            if (
                subprocess.run(
                    [*command, _bind(folder)], capture_output=True, timeout=WAIT_S, check=False
                ).returncode
                == 0
            ):
                return command
    return None


def _names(count: int) -> bool:
    try:
        return len(list_names()) == count
    except CardError:
        return False  # it does not listen yet


def _two_free_ports() -> tuple[int, int]:
    for _ in range(100):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                two.bind(("127.0.0.1", port + 1))
                return port, port + 1
    raise OSError("no two free ports in a row")
