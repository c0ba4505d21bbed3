"""Whom the panel answers: a browser on this computer, at a page that the panel itself has sent.

A page of another site can make a browser send requests here, and can point a name of its own at
this computer (DNS rebinding). So the Host must be this computer's own, an Origin must be the
panel's, and whatever changes something carries a token that only the panel's own page knows.
"""

import secrets
from collections.abc import Mapping

from dianka.bench.panel.http import Request

TOKEN_HEADER = "x-panel-token"
_SAFE_SITES = ("same-origin", "none")
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """The rules for one server at `port`. `token` is new with each start."""

    def __init__(self, port: int) -> None:
        self.token = secrets.token_urlsafe(24)
        self.hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
        self._origins = frozenset(f"http://{host}" for host in self.hosts)

    def find_fault(self, request: Request) -> tuple[int, str]:
        """Return a status and one line if the request is refused, else (0, "")."""
        if fault := find_host_fault(request.headers, self.hosts):
            return 421, fault
        origin = request.headers.get("origin")
        if origin is not None and origin not in self._origins:
            return 403, "this page is for its own address alone: open it by that"
        site = request.headers.get("sec-fetch-site")
        if request.method == "POST":
            if site is not None and site not in _SAFE_SITES:
                return 403, "another site's page may change nothing here"
            if not secrets.compare_digest(
                request.headers.get(TOKEN_HEADER, "").encode(), self.token.encode()
            ):
                return 403, "this page is of an earlier start: load it again"
            if request.headers.get("content-type", "").partition(";")[0] != "application/json":
                return 415, "only JSON is taken here"
        elif request.method not in ("GET", "HEAD"):
            return 405, "only GET and POST are known here"
        elif (
            site not in (None, *_SAFE_SITES) and request.headers.get("sec-fetch-mode") != "navigate"
        ):
            return 403, "this is for its own pages alone"
        return 0, ""


def find_host_fault(headers: Mapping[str, str], hosts: frozenset[str]) -> str:
    """Return one line if the request was sent to another name than this computer's own."""
    if headers.get("host", "").lower() in hosts:
        return ""
    return f"this is served to this computer alone: open http://{min(hosts)}/"
