"""The web server of one desk: uvicorn with the office's pages, on this PC alone unless told."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dianka.card_port import CardError
from dianka.desk.web.settings import LOOPBACK, Site
from dianka.readers.card_process import CardProcess
from dianka.readers.roles import Roles

PORT = 8750
_END_S = 5  # for pages that are being answered when the desk is closed
_WILDCARDS = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Address:
    """Where the server listens, and how the way to it is encrypted."""

    host: str = "127.0.0.1"
    port: int = PORT
    cert: Path | None = None
    key: Path | None = None
    proxy: bool = False
    names: tuple[str, ...] = ()  # by which people call it, if it is not on this PC alone

    @property
    def url(self) -> str:
        """Return the address that a browser on this PC takes."""
        host = "127.0.0.1" if self.host in _WILDCARDS else self.host
        host = f"[{host}]" if ":" in host else host
        return f"{'https' if self.cert else 'http'}://{host}:{self.port}/"


def make_site(desk: str, address: Address) -> Site:
    """Return the site at this address; CardError if others could read along, or it has no name."""
    if bool(address.cert) != bool(address.key):
        raise CardError("a certificate has its key: give --tls-cert and --tls-key, or neither")
    for file in (address.cert, address.key):
        if file and not file.is_file():
            raise CardError(f"{file} is no file: name the certificate and its key")
    secure = bool(address.cert) or address.proxy
    if address.host in LOOPBACK:
        own = ("127.0.0.1", "localhost", "[::1]")
        return Site(desk, (*own, *address.names), secure, address.proxy)
    if not secure:
        raise CardError(
            f"at {address.host} others on the network could read along: give --tls-cert and "
            "--tls-key, or --behind-proxy if a proxy encrypts, or leave --address out"
        )
    names = address.names or (() if address.host in _WILDCARDS else (address.host,))
    if not names:
        raise CardError(
            f"{address.host} is every address of this PC: say with --name how browsers call it"
        )
    return Site(desk, names, secure, address.proxy)


def open_socket(address: Address) -> socket.socket:
    """Return the socket at which the server listens; CardError if another program has it."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two programs have one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address.host, address.port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        why = error.strerror or error
        raise CardError(
            f"port {address.port} of {address.host} can't be had ({why}): end the program that "
            "has it, or give another --port"
        ) from None
    return listening


def replace_port(address: Address, listening: socket.socket) -> Address:
    """Return the address with the port that the socket really has."""
    return replace(address, port=listening.getsockname()[1])


@contextmanager
def open_station(folder: Path, roles: Roles) -> Iterator[None]:
    """Start the card process of this desk, and let its pages use it."""
    from dianka.desk.web.station import Station, set_station

    with CardProcess() as cards:
        station = Station(folder.resolve(), roles, cards)
        set_station(station)
        threading.Thread(target=_warm_up, args=(station.warm_up,), daemon=True).start()
        yield


def _warm_up(warm_up: Callable[[], None]) -> None:
    with contextlib.suppress(CardError):  # the first job will say it
        warm_up()


def serve(address: Address, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Answer browsers until a signal ends it. `ready` is called before the first answer."""
    import uvicorn

    from dianka.desk.web import catalog
    from dianka.desk.web.handler import DeskHandler

    catalog.load()
    config = uvicorn.Config(
        DeskHandler(),
        ssl_certfile=address.cert,
        ssl_keyfile=address.key,
        access_log=False,
        log_level="error",
        proxy_headers=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=_END_S,
        timeout_keep_alive=30,
    )
    ready()
    uvicorn.Server(config).run(sockets=[listening])
