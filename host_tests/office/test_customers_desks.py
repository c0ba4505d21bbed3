"""Several desks at once: numbers without gaps, and an account ends once.

Also run on PostgreSQL, by test_postgresql.py, where one transaction does not wait for another.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from office_kit import MANAGER, PASSWORD, dianka

DESKS, CUSTOMERS = 3, 8
BEFORE = """
from django.db import transaction
from closing_kit import open_shift, read_meter, sell
from estate_kit import make_actor, make_contract
with transaction.atomic():
    for number in range(3):
        open_shift(make_actor("manager", f"desk{number}"))
    contract = make_contract(7, 100)
    sell(contract, 5000)
    print(read_meter(contract, 1200).pk)
"""
DESK = """
import sys
from closing_kit import consent
from dianka.card_port import CardError
from dianka.desk.office.customers.closing import close_account
from dianka.desk.office.customers.records import Details, add_customer
from estate_kit import make_actor
desk, reading = sys.argv[1], int(sys.argv[2])
actor = make_actor("manager", desk)
yes = consent(actor, "closing", "000000000007", 3800)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(8):
    print(add_customer(actor, Details(desk)).number)
try:
    close_account(actor, 7, reading, yes)
    print("closed")
except CardError as error:
    print(error)
"""
AFTER = """
from dianka.desk.office import checking
from dianka.desk.office.ledger import proof
print(list(checking.find_faults()), proof.sum_by_kind())
"""
OPEN = """
import os, sys
from pathlib import Path
sys.path[:0] = os.environ["KITS"].split(":")
from dianka.desk.office.opening import open_office
open_office(Path(os.environ["DIANKA_OFFICE"]))
"""


def begin(script: str, folder: Path, url: str, *words: object) -> subprocess.Popen[str]:
    kits = str(Path(__file__).parents[1] / "kits")
    return subprocess.Popen(
        [sys.executable, "-c", OPEN + script, *map(str, words)],
        env=os.environ | {"DIANKA_OFFICE": str(folder), "DIANKA_DATABASE": url, "KITS": kits},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def own_database() -> str:
    """An empty database beside that of the tests, or none where they are on SQLite."""
    url = os.environ.get("DIANKA_DATABASE", "")
    if url:
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE customers_desks")
    head, _, tail = url.partition("?")
    return f"{head.rpartition('/')[0]}/customers_desks?{tail}" if url else ""


@pytest.mark.slow
def test_desks_at_once(tmp_path: Path) -> None:
    folder, url = tmp_path / "office", own_database()
    words = ("office", "init", folder, "--manager", MANAGER)
    assert dianka(*words, given=PASSWORD + "\n", DIANKA_DATABASE=url).returncode == 0
    reading = begin(BEFORE, folder, url).communicate(timeout=60)[0].strip()
    desks = [begin(DESK, folder, url, f"desk{number}", reading) for number in range(DESKS)]
    for desk in desks:
        assert desk.stdout and desk.stdout.readline() == "ready\n"
    for desk in desks:
        assert desk.stdin
        desk.stdin.write("go\n")
        desk.stdin.flush()
    numbers, ends = [], []
    for desk in desks:
        *said, end = desk.communicate(timeout=120)[0].splitlines()
        numbers += map(int, said)
        ends.append(end)
    assert sorted(numbers) == list(range(1, DESKS * CUSTOMERS + 1)), "each once, no gap"
    assert sorted(ends)[0] == "closed" and ends.count("closed") == 1, ends
    assert sum("has no account" in end for end in ends) == DESKS - 1, ends
    after = begin(AFTER, folder, url).communicate(timeout=60)[0]
    assert after == "[] {'cash': 1200, 'meter': 0, 'transit': 0, 'used': -1200}\n"
