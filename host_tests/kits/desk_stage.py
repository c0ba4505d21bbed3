"""`dianka desk` on an office of its own, as a process, with two folders for its readers.

One program founds the office, with a clerk in his shift and customers who have cards in a tray.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dianka.firmware import ROOT
from office_kit import PASSWORD

CLERK = "zhao"
READY = re.compile(r"desk1 is at (https?)://127\.0\.0\.1:(\d+)/")
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

    def __init__(self, folder: Path, customers: int) -> None:
        self.office, self.tray = folder / "office", folder / "tray"
        self.slot, self.control_slot = folder / "slot", folder / "control"
        for each in (self.tray, self.slot, self.control_slot):
            each.mkdir(parents=True)
        kits = str(ROOT / "host_tests" / "kits")
        words = (kits, str(self.office), str(self.tray), str(customers))
        self.names: list[str] = json.loads(_run(_FOUND, *words))
        (self.tray / "control.card").rename(self.control_slot / "control.card")
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start the server, at the port that it had."""
        readers = ("--reader", f"folder:{self.slot}", "--control", f"folder:{self.control_slot}")
        self._process, self.port = start_desk(self.office, self.port, *readers)

    def stop(self) -> None:
        """End the server as Ctrl-C does."""
        if self._process:
            end_desk(self._process)
            self._process = None

    def kill(self) -> None:
        """End the server as a power cut does; its card process ends after its job."""
        assert self._process
        self._process.kill()
        self._process.communicate(timeout=60)
        self._process = None

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


def start_desk(office: Path, port: int, *words: str) -> tuple[subprocess.Popen[str], int]:
    """Start `dianka desk`; return the process and its port, as soon as it says it."""
    command = [sys.executable, "-m", "dianka", "desk", "--office", str(office)]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DIANKA_")}
    process = subprocess.Popen(
        [*command, "--port", str(port), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=kept,
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


def _run(program: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


__all__ = ["CLERK", "PASSWORD", "DeskStage", "end_desk", "start_desk"]
