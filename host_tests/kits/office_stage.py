"""Runs `dianka` on an office as processes of their own, which are killed at a chosen point.

One program imports all and founds the office; each command is a fork of it. A point is a command to
any chip, a file on its way to the disk, or a commit of the database. Instead of the command its
database may be struck, a server stopped or a file locked: then each statement is a point as well.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from dianka.firmware import ROOT

_PROGRAM = """
import json, os, select, signal, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
folder = Path(sys.argv[2])
from office_kit import MANAGER, PASSWORD, new_office
new_office(folder)
from django.conf import settings
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
import dianka.__main__, dianka.cli
import dianka.desk.cli.office.cards, dianka.desk.cli.issue, dianka.desk.cli.replacing
from dianka.cardos.chip import Chip
from dianka.desk.cli.office.signed_in import keep_token
from dianka.desk.office.cards import recognising, verifying
from dianka.desk.office.people.sign_in import sign_in
from dianka.desk.office.vending import patience
from estate_kit import make_contract
from postgresql_kit import stop
from shift_kit import add_operator
keep_token(folder, sign_in(MANAGER, PASSWORD, "desk1"))
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast
add_operator("wu", "supervisor")


heard = [0]


LOCK = '''
import sqlite3, sys, time
base = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
base.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
'''


def lock(seconds):
    # Where this process is in a transaction, the other one gets in as soon as that ends.
    words = [sys.executable, "-c", LOCK, connection.settings_dict["NAME"], str(seconds)]
    locking = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    select.select([locking.stdout], [], [], 0.3)


def kill_at(order):
    struck = order["struck"]

    def strike():
        if "server" in struck:
            stop(struck["server"])
        elif "locked_s" in struck:
            lock(struck["locked_s"])
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(act, answers=True):
        def watched(*words):
            heard[0] += 1
            own = heard[0]  # a command to a chip contains its file's way to the disk
            if own == order["at"] and not order["after"]:
                strike()
            answer = act(*words)
            if own == order["at"] and order["after"]:
                strike()
                if "server" in struck and not answers:
                    raise OperationalError("server closed the connection unexpectedly")
            return answer
        return watched

    patience.LIMIT_S = struck.get("limit_s", patience.LIMIT_S)
    if struck and connection.vendor == "postgresql":
        import psycopg
        psycopg.Cursor.execute = watch(psycopg.Cursor.execute)
    elif struck:
        CursorWrapper.execute = watch(CursorWrapper.execute)
        connection.settings_dict["OPTIONS"]["timeout"] = 0.2  # not 20 s
    Chip.process = watch(Chip.process)
    # A server that stops in a commit has done it or not, and says neither.
    BaseDatabaseWrapper._commit = watch(BaseDatabaseWrapper._commit, answers=False)
    os.fsync = watch(os.fsync)


def child(order):
    os.chdir(order["folder"])
    reading, writing = os.pipe()
    os.write(writing, order["given"].encode())
    os.close(writing)
    os.dup2(reading, 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.stdin = open(0, closefd=False)
    kill_at(order)
    sys.argv = ["dianka", *order["words"]]
    dianka.__main__.main()


def enter_sale(order):
    from dianka.desk.office.cards import register, terms
    from registry_kit import enter_sale
    contract = terms.find_contract(meter_no=order["sold_to"])
    card = register.find_card_of(contract)
    enter_sale(contract, bytes.fromhex(card.serial), order["amount_fen"])


def find_faults(order):
    from dianka.desk.office import checking
    from dianka.desk.office.cards.models import Card
    from dianka.desk.office.ledger import proof
    sums = proof.sum_by_kind()
    return {"faults": list(checking.find_faults()), "cash_fen": sums.get("cash", 0), "cards": [
        [card.serial, card.state, card.contract and card.contract.meter.number]
        for card in Card.objects.all()]}


def serve(order):
    connection.close()  # its server may have been started again since
    if "sold_to" in order:
        enter_sale(order)
        return {}
    if "resident" in order:
        from dianka.desk.office.figures.small_estate import make_resident
        folder = Path(order["folder"])
        make_resident(folder, folder / "control.card", order["resident"])
        return {}
    if "contract" in order:
        make_contract(order["contract"])
        return {}
    if "words" not in order:
        return find_faults(order)
    pid = os.fork()
    if not pid:
        status = 70
        try:
            child(order)
            status = 0
        except SystemExit as ended:
            status = ended.code or 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            Path(order["folder"], "points").write_text(str(heard[0]))
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    read = lambda name: open(os.path.join(order["folder"], name), encoding="utf-8").read()
    return {"status": os.waitstatus_to_exitcode(status), "out": read("out"), "err": read("err"), \
"points": int(read("points") if not status else 0)}


print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(serve(json.loads(line))), flush=True)
"""


class OfficeStage:
    """The program: `run` a command, and say what the office has."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        # What is done at a point: {} kills the command, {"server": its pid} stops the server,
        # {"locked_s": 1.5} locks the file; "limit_s" is how long a sale waits then.
        self.struck: dict[str, int | float] = {}

    def run(
        self, folder: Path, words: str, given: str = "", at: int = 0, after: bool = False
    ) -> dict[str, Any]:
        """Run a command, killed at its nth point if `at` is given.

        Return status, out, err, and if it ended well how many points it has.
        """
        order = {"folder": str(folder), "words": words.split(), "given": given}
        return self._ask(order | {"at": at, "after": after, "struck": self.struck})

    def make_resident(self, folder: Path, number: int) -> None:
        """Open a contract whose meter has this number; card and ESAM are files in the folder."""
        self._ask({"resident": number, "folder": str(folder)})

    def make_contract(self, meter_no: int) -> None:
        """Open a contract at a new meter."""
        self._ask({"contract": meter_no})

    def enter_sale(self, meter_no: int, amount_fen: int) -> None:
        """Enter the first sale to the card in use at this meter."""
        self._ask({"sold_to": meter_no, "amount_fen": amount_fen})

    def look(self) -> dict[str, Any]:
        """Return the office's faults, its cash, and its cards as serial, state and meter."""
        return self._ask({})

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        cast(IO[str], self._process.stdin).write(json.dumps(order) + "\n")
        cast(IO[str], self._process.stdin).flush()
        line = cast(IO[str], self._process.stdout).readline()
        assert line, "the program has ended"
        return json.loads(line)


@contextmanager
def staged_office(folder: Path, database: str = "") -> Iterator[OfficeStage]:
    """Run the program with an office of its own in this folder, or in a PostgreSQL database."""
    kits = str(ROOT / "host_tests" / "kits")
    words = [sys.executable, "-c", _PROGRAM, kits, str(folder / "office")]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DIANKA_")}
    own = {"XDG_STATE_HOME": str(folder / "state"), "DIANKA_OFFICE": str(folder / "office")}
    own |= {"DIANKA_DATABASE": database} if database else {}
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=kept | own
    ) as process:
        try:
            assert cast(IO[str], process.stdout).readline() == "ready\n"
            yield OfficeStage(process)
        finally:
            cast(IO[str], process.stdin).close()
            process.wait(timeout=60)
