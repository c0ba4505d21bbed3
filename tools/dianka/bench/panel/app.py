"""The panel as an ASGI app: its page, the stream of all meters, and what people do to them.

    GET  ./          the page, in the language of the cookie or of the browser
    GET  ./static/*  style and scripts
    GET  ./events    the stream (hub.py)
    POST ./do/NAME   an act (acts.py), with a JSON object of arguments

It can be mounted beside another app under any path (`root_path`). `open` and `close` are called by
the server.
"""

import asyncio
import contextlib
import json
from importlib.resources import files

from dianka.bench.panel import http
from dianka.bench.panel.acts import Acts
from dianka.bench.panel.guard import SECURITY_HEADERS, Guard
from dianka.bench.panel.hub import MOST_WATCHERS
from dianka.bench.panel.page import LANGUAGE_COOKIE, compose_page, pick_language
from dianka.bench.panel.refusals import Refusal
from dianka.bench.panel.words import LANGUAGES

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_YEAR_S = 31_536_000


class PanelApp:
    """The panel of these meters, for browsers on this computer at `port`.

    `counter`: the path of the counter's pages on the same server, if it has one.
    """

    def __init__(self, acts: Acts, port: int, counter: str = "") -> None:
        self._acts = acts
        self._guard = Guard(port)
        self._counter = counter
        page = files("dianka.bench.panel").joinpath("front")
        self._static = {
            each.name: (each.read_bytes(), _TYPES[each.name.rpartition(".")[2]])
            for each in page.iterdir()
            if each.name.rpartition(".")[2] in _TYPES
        }

    async def __call__(self, scope: http.Scope, receive: http.Receive, send: http.Send) -> None:
        if scope["type"] != "http":
            return
        request = http.read_request(scope)
        status, fault = self._guard.find_fault(request)
        if fault:
            await _refuse(send, status, fault)
        elif request.method == "POST":
            await self._act(request, receive, send)
        elif request.path == "/":
            await self._send_page(request, send)
        elif request.path == "/events":
            await self._stream(receive, send)
        elif request.path.removeprefix("/static/") in self._static:
            body, content_type = self._static[request.path.removeprefix("/static/")]
            await http.answer(send, 200, body, content_type, SECURITY_HEADERS)
        elif request.path == "" and request.root:
            await http.answer(send, 308, b"", http.TEXT, {"location": f"{request.root}/"})
        else:
            await _refuse(send, 404, "there is nothing here: open the panel's page")

    async def _send_page(self, request: http.Request, send: http.Send) -> None:
        headers = dict(SECURITY_HEADERS)
        wanted = request.query.get("lang", "")
        language = wanted if wanted in LANGUAGES else pick_language(request)
        if wanted in LANGUAGES:
            headers["set-cookie"] = (
                f"{LANGUAGE_COOKIE}={LANGUAGES[wanted]}; Path=/; Max-Age={_YEAR_S}; SameSite=Lax"
            )
        body = compose_page(language, self._guard.token, self._acts.describe(), self._counter)
        await http.answer(send, 200, body, http.HTML, headers)

    async def _act(self, request: http.Request, receive: http.Receive, send: http.Send) -> None:
        name = request.path.removeprefix("/do/")
        act = self._acts.table.get(name) if request.path.startswith("/do/") else None
        if act is None:
            await _refuse(send, 404, "no such act")
            return
        try:
            told = await act(await http.read_json(receive))
        except http.BadRequest as error:
            await _refuse(send, 400, str(error))
        except Refusal as refusal:
            body = json.dumps({"refused": [refusal.key, refusal.fields]}).encode()
            await http.answer(send, 409, body, http.JSON, SECURITY_HEADERS)
        else:
            await http.answer(send, 200, json.dumps(told).encode(), http.JSON, SECURITY_HEADERS)

    async def _stream(self, receive: http.Receive, send: http.Send) -> None:
        """Send events until the browser is gone or the hub is closed."""
        hub = self._acts.hub
        if hub.watchers >= MOST_WATCHERS:
            await _refuse(send, 503, f"{MOST_WATCHERS} pages are open: close one")
            return
        await http.begin(send, 200, {**SECURITY_HEADERS, "content-type": "text/event-stream"})
        sender = asyncio.ensure_future(self._send_events(send))
        gone = asyncio.ensure_future(_await_disconnect(receive))
        try:
            await asyncio.wait((sender, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sender, gone):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _send_events(self, send: http.Send) -> None:
        events = self._acts.hub.watch()
        try:
            async for chunk in events:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await events.aclose()


async def _await_disconnect(receive: http.Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: http.Send, status: int, why: str) -> None:
    await http.answer(send, status, f"{why}\n".encode(), http.TEXT, SECURITY_HEADERS)
