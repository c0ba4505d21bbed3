"""`dianka desk` on an office of its own, as a process, with two folders for its readers.

One program founds the office, with a clerk in his shift and customers who have cards in a tray.
"""

import copy
import html
import http.cookiejar
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dianka.cardos.image import CardFileError, lock_file
from dianka.firmware import ROOT
from office_kit import PASSWORD

CLERK = "zhao"
_LOOK_S, _LOOKS = 0.05, 1200  # a minute, for a busy computer
READY = re.compile(r"desk\d+ is at (https?)://127\.0\.0\.1:(\d+)/")
_FOUND = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
folder, tray, count = Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
from office_kit import new_office
new_office(folder)
import cards_kit, shift_kit
from dianka.cardos.image import dump
from dianka.desk.office.vending import shifts
from estate_kit import make_actor, make_contract
from registry_kit import make_card
control = cards_kit.control_card()
(tray / "control.card").write_bytes(dump(control.state))
people = {"zhao": "clerk", "wu": "supervisor", "li": "technician", "sun": "auditor"}
for name, role in people.items():
    shift_kit.add_operator(name, role)
shifts.open_shift(make_actor("clerk", "desk1", "zhao"), shift_kit.count_notes(0))
names = []
for number in range(count):
    contract = make_contract(cards_kit.METER_NO + number, cards_kit.CUSTOMER_NO + number)
    chip = make_card(control, contract, 100 + number)
    (tray / f"{number}.card").write_bytes(dump(chip.state))
    names.append(contract.customer.name)
print(json.dumps(names))
"""


class DeskStage:
    """An office, a tray with cards, two readers, and the desk's server."""

    def __init__(self, folder: Path, customers: int, database: str = "") -> None:
        self._environment = {"DIANKA_DATABASE": database} if database else {}
        self.office, self.tray = folder / "office", folder / "tray"
        self.slot, self.control_slot = folder / "slot", folder / "control"
        for each in (self.tray, self.slot, self.control_slot):
            each.mkdir(parents=True)
        kits = str(ROOT / "host_tests" / "kits")
        words = (kits, str(self.office), str(self.tray), str(customers))
        self.names: list[str] = json.loads(_run(_FOUND, *words, **self._environment))
        (self.tray / "control.card").rename(self.control_slot / "control.card")
        self.port, self.desk = 0, "desk1"
        self._process: subprocess.Popen[str] | None = None

    def add_desk(self, desk: str) -> "DeskStage":
        """Return the stage of another desk of the same office, with a copy of the control card."""
        other = copy.copy(self)
        other.desk, other.port, other._process = desk, 0, None
        other.slot, other.control_slot = (
            self.office.with_name(f"{desk}-{name}") for name in ("slot", "control")
        )
        for each in (other.slot, other.control_slot):
            each.mkdir()
        shutil.copy(self.control_slot / "control.card", other.control_slot)
        return other

    def run(self, program: str, *words: str) -> str:
        """Run a program on this office; return what it prints."""
        return _run(program, *words, **self._environment)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self, *readers: str) -> None:
        """Start the server at the port that it had, with its folders or with other readers."""
        own = ("--reader", f"folder:{self.slot}", "--control", f"folder:{self.control_slot}")
        words = ("--desk", self.desk, *(readers or own))
        found = start_desk(self.office, self.port, *words, **self._environment)
        self._process, self.port = found

    def stop(self) -> str:
        """End the server as Ctrl-C does; return what it printed as errors."""
        process, self._process = self._process, None
        return end_desk(process) if process else ""

    def kill(self) -> None:
        """End the server as a power cut does; its card process ends after its job."""
        assert self._process
        self._process.kill()
        self._process.communicate(timeout=60)
        self._process = None

    def find_card_process(self) -> int:
        """Return the number of the card process, as soon as there is one."""
        assert self._process
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for _ in range(_LOOKS):
            for child in children.read_text().split():
                words = Path(f"/proc/{child}/cmdline").read_bytes()
                if b"spawn_main" in words:
                    return int(child)
            time.sleep(_LOOK_S)
        raise AssertionError("no card process")

    def read_cpu_ms(self) -> int:
        """Return the processor time that server and card process have taken so far."""
        assert self._process
        ticks = 0
        for number in (self._process.pid, self.find_card_process()):
            told = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            ticks += int(told[11]) + int(told[12])
        return ticks * 1000 // os.sysconf("SC_CLK_TCK")

    def await_card_in_use(self) -> None:
        """Wait until a job holds the card."""
        (file,) = self.slot.glob("*.card")
        for _ in range(_LOOKS):
            try:
                lock_file(file).close()
            except CardFileError:
                return
            time.sleep(_LOOK_S)
        raise AssertionError("no job holds the card")

    def put_in(self, number: int) -> None:
        """Put a customer's card into the reader."""
        name = f"{number}.card"
        (self.tray / name).rename(self.slot / name)

    def take_out(self) -> None:
        """Take the card out of the reader, back into the tray."""
        (file,) = self.slot.glob("*.card")
        file.rename(self.tray / file.name)

    def empty(self) -> None:
        """Take out what is in, if anything is."""
        for file in self.slot.glob("*.card"):
            file.rename(self.tray / file.name)

    def list_sales(self) -> list[tuple[int, str]]:
        """Return amount and state of each sale, from the database itself."""
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(self.office / "office.sqlite3", timeout=30)) as base:
            return base.execute(
                "SELECT amount_fen, state FROM vending_sale ORDER BY number"
            ).fetchall()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody else write to the office meanwhile."""
        import sqlite3
        from contextlib import closing

        file = self.office / "office.sqlite3"
        with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as base:
            base.execute("BEGIN IMMEDIATE")
            yield
            base.execute("ROLLBACK")


class Plain:
    """A browser without any script: it follows links, keeps cookies and sends forms."""

    def __init__(self, stage: DeskStage) -> None:
        self.stage = stage
        self._cookies = http.cookiejar.CookieJar(
            http.cookiejar.DefaultCookiePolicy(hide_cookie2=True)
        )
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self._cookies), _Quiet()
        )
        self._opener.addheaders = [("Accept-Language", "en")]
        self.page, self.address = "", ""

    def open(self, address: str) -> int:
        return self._send(urllib.request.Request(urllib.parse.urljoin(self.stage.url, address)))

    def send(self, action: str, **typed: str) -> int:
        """Fill in the form of the page that goes to this address, and send it."""
        fields = list_fields(self.page, action) | typed
        data = urllib.parse.urlencode(fields).encode()
        address = urllib.parse.urljoin(self.stage.url, action)
        return self._send(urllib.request.Request(address, data, {"Origin": self.stage.url[:-1]}))

    def sign_in(self, name: str = CLERK) -> None:
        self.open("/sign-in")
        assert self.send("/sign-in", name=name, password=PASSWORD) == 200, self.text

    def await_text(self, address: str, text: str) -> None:
        """Open a page again and again until it says this: readers report with a delay."""
        for _ in range(_LOOKS):
            self.open(address)
            if text in self.text:
                return
            time.sleep(_LOOK_S)
        raise AssertionError(self.text)

    @property
    def text(self) -> str:
        page = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", " ", self.page)
        return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", page).split()))

    def _send(self, request: urllib.request.Request) -> int:
        with self._opener.open(request, timeout=180) as response:
            self.page, self.address = response.read().decode(), response.url
            return response.status


class _Quiet(urllib.request.HTTPErrorProcessor):
    """Takes a refusal for an answer, and follows what leads elsewhere."""

    def http_response(self, request: Any, response: Any) -> Any:
        if response.status in (301, 302, 303):
            return super().http_response(request, response)
        return response


def list_fields(page: str, action: str) -> dict[str, str]:
    """Return what a form on a page sends if nothing is typed into it."""
    forms = re.findall(r"(?s)<form\b.*?</form>", page)
    form = next((each for each in forms if f'action="{action}"' in each), None)
    assert form, f"no form goes to {action}"
    fields = {}
    for tag in re.findall(r"<input\b[^>]*>", form):
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name and ('type="radio"' not in tag or "checked" in tag):
            fields[name[1]] = html.unescape(value[1]) if value else ""
    return fields


def start_desk(
    office: Path, port: int, *words: str, **environment: str
) -> tuple[subprocess.Popen[str], int]:
    """Start `dianka desk`; return the process and its port, as soon as it says it."""
    command = [sys.executable, "-m", "dianka", "desk", "--office", str(office)]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DIANKA_")}
    process = subprocess.Popen(
        [*command, "--port", str(port), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=kept | environment,
    )
    assert process.stdout
    line = process.stdout.readline()
    ready = READY.match(line)
    if not ready:
        process.kill()
        raise AssertionError((line, process.communicate(timeout=60)))
    return process, int(ready[2])


def end_desk(process: subprocess.Popen[str]) -> str:
    """End it, and return what it said as an error."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        return process.communicate(timeout=60)[1]
    process.kill()
    return process.communicate(timeout=60)[1]


def _run(program: str, *words: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


__all__ = ["CLERK", "PASSWORD", "DeskStage", "Plain", "end_desk", "list_fields", "start_desk"]
