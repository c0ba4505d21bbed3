"""The few words of ASGI that the panel needs: a request, its JSON body, and answers."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BODY = 4096  # bytes
JSON, TEXT, HTML = "application/json", "text/plain; charset=utf-8", "text/html; charset=utf-8"


class BadRequest(Exception):
    """The request can't be understood. The message is one line."""


@dataclass(frozen=True)
class Request:
    """One HTTP request; `path` is below the place where the app is mounted."""

    method: str
    path: str
    root: str
    headers: dict[str, str]
    query: dict[str, str]


def read_request(scope: Scope) -> Request:
    """Return the request of an ASGI scope. Of a header that is sent twice the last one counts."""
    root = scope.get("root_path", "")
    return Request(
        scope["method"],
        scope["path"].removeprefix(root),
        root,
        {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        },
        dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"))),
    )


async def read_json(receive: Receive) -> dict[str, Any]:
    """Return the body, a JSON object of at most `MOST_BODY` bytes. BadRequest if it is none."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BadRequest("the request ended too early")
        body += message.get("body", b"")
        if len(body) > MOST_BODY:
            raise BadRequest(f"the request is longer than {MOST_BODY} bytes")
        if not message.get("more_body"):
            break
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("the request is no JSON") from None
    if not isinstance(content, dict):
        raise BadRequest("the request is no JSON object")
    return content


async def begin(send: Send, status: int, headers: dict[str, str]) -> None:
    """Send the head of an answer."""
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})


async def answer(
    send: Send, status: int, body: bytes, content_type: str, headers: dict[str, str]
) -> None:
    """Send a whole answer."""
    length = {"content-type": content_type, "content-length": str(len(body))}
    await begin(send, status, {**headers, **length})
    await send({"type": "http.response.body", "body": body})
