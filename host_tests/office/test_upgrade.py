"""An office of an older version is brought to this one: all or nothing, and nothing lost."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from office_kit import dianka
from postgresql_kit import new_database, serving_postgresql
from roles_kit import programs, run

# The form of an office before the last steps of four of its parts; with acts, sales and a reading.
OLDER = """
from dianka.desk.office.founding import write_secret
from dianka.desk.office.opening import SECRET, configure
folder.mkdir()
write_secret(folder / SECRET)
configure(folder)
from dianka.desk.office.audit import records
from dianka.desk.office.state import told
records.join = lambda detail, rows: detail  # acts did not tell of rows
told._list_lines = lambda table, rows: []
from django.core.management import call_command
from django.db import connection, transaction
for step in (
    "people 0003_passwords", "ledger 0004_server", "estate 0002_guards", "customers 0003_search",
    "cards 0003_guards", "vending 0003_counter", "statistics 0002_guards",
):
    call_command("migrate", *step.split(), verbosity=0)
# The models write columns that came by later steps.
LATER = ("customers_contract", "readings_before"), ("vending_shift", "sales_before")
with connection.cursor() as cursor:
    for table, column in LATER:
        cursor.execute(f"ALTER TABLE {table} ADD COLUMN {column} bigint")
from dianka.desk.office.audit import chain
from dianka.desk.office.vending.models import Desk
from estate_kit import make_contract
from shift_kit import add_operator, find_seller, sell
add_operator("lin", "manager")
with transaction.atomic():
    Desk.objects.create(name="desk1")
    chain.append("desk1", "lin", "founding", "lin", "first manager")
    for number in (1, 2, 3):
        sell(find_seller(), make_contract(number), 5_000 * number)
with connection.cursor() as cursor:
    for table, column in LATER:
        cursor.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    cursor.execute(
        "INSERT INTO estate_reading (meter_id, source, seen_at, meter_minute, count, balance_fen, "
        "illegal_cards, loaded_fen, used_fen, unexplained_fen) "
        "SELECT id, 'receipt', '2026-01-01 00:00:00', 0, 0, 0, 0, 0, 0, 0 FROM estate_meter "
        "WHERE number = 1"
    )
    # What the database does of an act came by a step of its own.
    cursor.execute("DELETE FROM django_migrations WHERE name = '0004_server'")
    if connection.vendor == "postgresql":
        for name in ("office_post", "office_account", "office_lock_chain"):
            cursor.execute(f"DROP FUNCTION {name}")
"""
# Runs the statements that it is given, and tells what became of them and how the office is then.
STATE = """
from dianka.desk.office.opening import configure
configure(folder)
from django.db import DatabaseError, connection
for statement in words:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
        said.append("done")
    except DatabaseError as error:
        said.append(str(error).splitlines()[0])
with connection.cursor() as cursor:
    for query in (
        "SELECT app, name FROM django_migrations ORDER BY app, name",
        "SELECT desk, length FROM audit_chain",
        "SELECT amount_fen, state FROM vending_sale ORDER BY id",
        "SELECT count FROM estate_reading",
    ):
        cursor.execute(query)
        said.append([list(row) for row in cursor.fetchall()])
    columns = connection.introspection.get_table_description(cursor, "estate_reading")
    said.append([column.name for column in columns])
"""
WORKING = """
from dianka.desk.office.opening import open_office
open_office(folder)
from django.db import transaction
from dianka.desk.office import checking
from dianka.desk.office.customers.models import Contract
from shift_kit import find_seller, read_meter, sell
for contract in Contract.objects.order_by("pk"):
    if contract.meter.number > 1:
        read_meter(contract, 1_000)
        with transaction.atomic():
            sell(find_seller(), contract, 700)
said.extend(checking.find_faults())
"""
LACKING = (
    "audit 0003_digest_key",
    "cards 0004_batch_terms",
    "customers 0004_phones_apart",
    "customers 0005_readings_before",
    "estate 0003_reading_proved",
    "estate 0004_reading_statement",
    "ledger 0004_server",
    "ledger 0005_proved_sums",
    "vending 0004_sale_in_transit",
    "vending 0005_desk_guards",
    "vending 0006_shift_sales",
)
UNPROVED = (
    "not provable, as no act of this version has told of them yet: 1 of operator, 1 of role, "
    "1 of desk, 1 of area, 3 of premise, 3 of meter, 1 of reading, 3 of customer, 1 of tariff, "
    "1 of price, 3 of contract"
)
ADVICE = "is of an older version of dianka: run dianka office upgrade FILE, which makes a backup"


@dataclass
class Older:
    """An office of an older version, and the address of its database if that is elsewhere."""

    folder: Path
    url: str
    other: str  # that of an empty one

    def dianka(self, *words: str | Path, elsewhere: Path | None = None) -> Any:
        environment = {"PATH": programs()}
        if self.url:
            environment["DIANKA_DATABASE"] = self.other if elsewhere else self.url
        return dianka("office", *words, "--office", elsewhere or self.folder, **environment)

    def run(self, script: str, *words: str) -> list[Any]:
        return run(script, self.folder, self.url, *words)


@pytest.fixture(
    scope="module",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
)
def older(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Older]:
    folder = tmp_path_factory.mktemp("older") / "office"
    if request.param == "sqlite":
        office = Older(folder, "", "")
        office.run(OLDER)
        yield office
        return
    with serving_postgresql() as server:
        office = Older(folder, new_database(server, "older"), new_database(server, "other"))
        office.run(OLDER)
        yield office


def refused(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.slow
def test_upgraded_all_or_nothing(older: Older, tmp_path: Path) -> None:
    assert ADVICE in refused(older.dianka("check"))
    assert ADVICE in refused(dianka_init(older))
    done, *was = older.run(STATE, "CREATE INDEX sale_in_transit ON vending_sale (id)")
    assert done == "done" and "proved" not in was[-1]

    said = refused(older.dianka("upgrade", tmp_path / "first"))
    assert said.startswith("the upgrade failed, and the office is as it was (")
    assert "sale_in_transit" in said and "already exists" in said
    done, *state = older.run(STATE, "DROP INDEX sale_in_transit")
    assert done == "done" and state == was, "not even the steps before it"

    file = tmp_path / "second"
    done = older.dianka("upgrade", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{len(LACKING)} steps to this version: {', '.join(LACKING)}",
        f"{file} holds 9 acts, read back whole",
        "the office is of this version now",
        UNPROVED,
        "all acts, entries and rows are as they were written",
    ]
    rewriting = ("UPDATE estate_reading SET count = 1", "UPDATE vending_desk SET receipts = 0")
    *said, steps, acts, sales, readings, columns = older.run(STATE, *rewriting)
    assert said == ["a reading is never changed", "a number is given out once"]
    assert acts == [*was[1], ["office:upgrades", 1]]
    assert [sales, readings] == was[2:-1] and columns == [*was[-1], "proved"]
    assert len(steps) == len(was[0]) + len(LACKING)
    assert older.run(WORKING) == []

    new = tmp_path / "new"
    done = older.dianka("restore", file, elsewhere=new)
    assert done.stdout.splitlines()[-1] == (
        "it is of an older version: run dianka office upgrade FILE"
    ), done.stderr
    assert older.dianka("upgrade", tmp_path / "third", elsewhere=new).returncode == 0

    fourth = tmp_path / "fourth"
    done = older.dianka("upgrade", fourth)
    assert done.stdout == "the office is of this version already: nothing is done\n"
    newer = (
        "INSERT INTO django_migrations (app, name, applied) VALUES ('ledger', '0099', '2030-01-01')"
    )
    assert older.run(STATE, newer)[0] == "done"
    assert "made by a newer version of dianka" in refused(older.dianka("upgrade", fourth))
    assert not fourth.exists()


def dianka_init(older: Older) -> "subprocess.CompletedProcess[str]":
    """Found the office once more, which must not change it."""
    environment = {"DIANKA_DATABASE": older.url} if older.url else {}
    words = ("office", "init", older.folder, "--manager", "wu")
    return dianka(*words, given="another long one\n", **environment)
