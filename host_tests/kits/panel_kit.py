"""A running `dianka bench panel` and a browser's side of it: requests, and the stream followed."""

import contextlib
import http.client
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

LIMIT_S = 120  # of wall time, for anything to be seen: computers may be ten times too busy
_START_S = 180
Picture = dict[str, Any]


class Refused(Exception):
    """The panel refused an act: the key of its text is the message."""


class Stream:
    """One browser's stream: the newest picture of each meter, all lines, exchanges and texts."""

    def __init__(self, host: str, base: str = "") -> None:
        self._connection = http.client.HTTPConnection(host, timeout=30)
        self._connection.request("GET", f"{base}/events", headers={"Host": host})
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, self._answer.read()
        self.headers = dict(self._answer.getheaders())
        self.pictures: dict[str, Picture] = {}
        self.count = 0
        self.texts: list[str] = []  # of all meters' displays, each once when it comes
        self.lines: list[str] = []
        self.exchanges: list[dict[str, Any]] = []
        self.cards: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        if self._connection.sock:
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(2)
        self._thread.join(10)
        self._connection.close()

    def wait(self, holds: Callable[[], object], what: str, limit_s: float = LIMIT_S) -> None:
        """Wait until this holds, looking whenever something comes."""
        with self._changed:
            if not self._changed.wait_for(holds, limit_s):
                raise AssertionError(f"not seen: {what}; last texts {self.texts[-8:]}")

    def wait_for_picture(
        self, holds: Callable[[Picture], object], what: str, meter: str = "meter1"
    ) -> Picture:
        self.wait(lambda: meter in self.pictures and holds(self.pictures[meter]), what)
        return self.pictures[meter]

    def wait_for_text(self, text: str, since: int = 0) -> None:
        self.wait(lambda: text in self.texts[since:], f"the display's {text}")

    def find_place(self, name: str) -> str:
        return next((card["place"] for card in self.cards if card["name"] == name), "")

    def _follow(self) -> None:
        kind = ""
        try:
            for line in self._answer:
                text = line.decode().rstrip()
                if text.startswith("event: "):
                    kind = text.removeprefix("event: ")
                elif text.startswith("data: "):
                    with self._changed:
                        self._take(kind, json.loads(text.removeprefix("data: ")))
                        self._changed.notify_all()
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            if not self._closing:
                raise

    def _take(self, kind: str, data: Any) -> None:
        self.count += 1
        if kind == "cards":
            self.cards = data
        elif kind == "picture":
            self.pictures[data["meter"]] = data["news"]
            if self.texts[-1:] != [data["news"]["text"]]:
                self.texts.append(data["news"]["text"])
        elif kind == "log":
            self.lines.append(data["news"]["text"])
        elif kind == "exchange":
            self.exchanges.append(data["news"])


class PanelKit:
    """The panel as a process of its own, on any free port; `base` is where it is mounted."""

    def __init__(self, folder: Path, *options: str, which: str = "panel", base: str = "") -> None:
        self.base = base
        command = [sys.executable, "-m", "dianka", "bench", which, "--port", "0"]
        self.process = subprocess.Popen(
            [*command, "--no-browser", "--folder", str(folder), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        self.streams: list[Stream] = []
        try:
            self.url = self._read_url()
            self.host = self.url.removeprefix("http://").partition("/")[0]
            page = self.get(f"{base}/")[2].decode()
            self.token = re.findall('name="token" content="([^"]+)"', page)[0]
        except BaseException:
            self.process.kill()
            raise

    def _read_url(self) -> str:
        assert self.process.stdout and self.process.stderr
        ready, _, _ = select.select([self.process.stdout], [], [], _START_S)
        line = self.process.stdout.readline().decode() if ready else ""
        if line.startswith("making"):  # of a first start
            line = self.process.stdout.readline().decode()
        found = re.search(r"http://\S+", line)
        if not found:
            self.process.kill()
            raise AssertionError(f"no panel: {line}{self.process.stderr.read().decode()}")
        return found[0]

    def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in {"Host": self.host, **(headers or {})}.items():
                connection.putheader(name, value)
            if body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def get(
        self, path: str, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        return self.request("GET", path, headers=headers)

    def do(self, act: str, **given: Any) -> Any:
        """Do an act as the page does. Refused if the panel refuses it."""
        headers = {"Content-Type": "application/json", "X-Panel-Token": self.token}
        status, _, body = self.request(
            "POST", f"{self.base}/do/{act}", json.dumps(given).encode(), headers
        )
        if status == 409:
            raise Refused(json.loads(body)["refused"][0])
        assert status == 200, (status, body)
        return json.loads(body)

    def watch(self) -> Stream:
        self.streams.append(Stream(self.host, self.base))
        return self.streams[-1]

    def close(self) -> tuple[int, str]:
        """End the panel as Ctrl-C does; return its status and what it said on stderr."""
        for stream in self.streams:
            stream.close()
        self.process.send_signal(signal.SIGINT)
        try:
            _, said = self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, said.decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.close()


@contextlib.contextmanager
def watched_panel(folder: Path, *options: str) -> Iterator[tuple[PanelKit, Stream]]:
    """Give a running panel and a stream of it."""
    with PanelKit(folder, *options) as panel:
        yield panel, panel.watch()


def count_cpu_ms(pids: list[int]) -> int:
    """Return the processor time that these processes and their children have used so far."""
    tick_ms = 1000 // os.sysconf("SC_CLK_TCK")
    used = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used * tick_ms


def wait_until(holds: Callable[[], object], limit_s: float = LIMIT_S) -> bool:
    """Poll what sends no event."""
    until_s = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.02)
    return True
