"""One server for both: the counter's pages, and the panel of the meter under /meter/.

Who opens the address that the command prints is signed in at the counter: it carries a key that is
new with each start, and is answered with the sign-in's cookie.
"""

import secrets
import socket
from collections.abc import Callable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, cast

from django.core.asgi import get_asgi_application
from django.http import HttpResponse

from dianka.bench.demo.founding import OFFICE, READERS
from dianka.bench.demo.office import CLERK, DESK
from dianka.bench.panel import http
from dianka.bench.panel.guard import SECURITY_HEADERS, Guard, find_host_fault
from dianka.bench.panel.serve import LOOPBACK, Panel, serve
from dianka.card_port import CardError
from dianka.desk.office.opening import open_office
from dianka.desk.web import catalog
from dianka.desk.web.settings import Site, make_web_settings

METER, ENTER, COUNTER = "/meter", "/enter", "/counter"


def open_counter(root: Path) -> None:
    """Open the office with its pages, which may stand in a frame of this very server."""
    settings: dict[str, Any] = make_web_settings(Site(DESK))
    settings["X_FRAME_OPTIONS"] = "SAMEORIGIN"
    policy = settings["CONTENT_SECURITY_POLICY"]
    policy["DIRECTIVES"] = policy["DIRECTIVES"] | {"frame-ancestors": ["'self'"]}
    open_office(root / OFFICE, settings)
    catalog.load()


def list_readers(root: Path) -> dict[str, Path]:
    """Return the counter's readers, which are folders."""
    return {name: root / folder for name, folder in READERS.items()}


class DemoApp:
    """Leads each request to the panel, to the counter, or in. `key` opens the door."""

    def __init__(self, panel: http.App, port: int, password: str) -> None:
        self._panel = panel
        self._counter = cast(http.App, get_asgi_application())
        self._hosts = Guard(port).hosts
        self._password = password
        self.key = secrets.token_urlsafe(24)

    async def __call__(self, scope: http.Scope, receive: http.Receive, send: http.Send) -> None:
        path = scope.get("path", "")
        if path == METER or path.startswith(f"{METER}/"):
            await self._panel({**scope, "root_path": METER}, receive, send)
        elif path == ENTER:
            await self._enter(http.read_request(scope), send)
        else:
            await self._counter(scope, receive, send)

    async def _enter(self, request: http.Request, send: http.Send) -> None:
        """Sign the clerk in, and lead to the page of both."""
        fault = find_host_fault(request.headers, self._hosts)
        if fault or not secrets.compare_digest(request.query.get("key", ""), self.key):
            why = fault or "open the address that make demo has printed"
            await http.answer(send, 403, f"{why}\n".encode(), http.TEXT, SECURITY_HEADERS)
            return
        try:
            cookie = await sign_clerk_in(self._password)
        except CardError as error:
            why = f"{error}\nTo begin anew, end this and delete the demonstration's folder.\n"
            await http.answer(send, 409, why.encode(), http.TEXT, SECURITY_HEADERS)
            return
        headers = {**SECURITY_HEADERS, "location": f"{METER}/", "set-cookie": cookie}
        await http.answer(send, 303, b"", http.TEXT, headers)


async def sign_clerk_in(password: str) -> str:
    """Sign the clerk in; return the cookie that says so."""
    from asgiref.sync import sync_to_async

    from dianka.desk.office.people.sign_in import sign_in
    from dianka.desk.web.signed_in import write_cookie

    response = HttpResponse()
    write_cookie(response, await sync_to_async(sign_in)(CLERK, password, DESK))
    cookies: SimpleCookie = response.cookies
    return cookies.output(header="").strip()


async def serve_demo(
    root: Path, panel: Panel, app: DemoApp, bound: socket.socket, tell: Callable[[str], None]
) -> None:
    """Serve until a signal ends it; `tell` gets the address that signs in."""
    url = f"http://{LOOPBACK}:{bound.getsockname()[1]}{ENTER}?key={app.key}"
    await serve(panel, app, bound, lambda: tell(url))
