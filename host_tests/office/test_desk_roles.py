"""A desk's own role of the database: it sells all day, and rewrites nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dianka.desk.office.opening import FOLDER, URL
from estate_kit import make_actor
from postgresql_kit import new_database, serving_postgresql

KITS = str(Path(__file__).parents[1] / "kits")
FOUNDING = """
new_office(folder)
from estate_kit import make_actor, make_contract
from shift_kit import add_operator
for number in range(1, 5):
    make_contract(number)
add_operator("zhou", "clerk")
from dianka.desk.office.vending import desk_list
from dianka.desk.office.vending import desk_roles
manager = make_actor("manager")
for name in ("desk1", "desk2"):
    if name != "desk1":
        desk_list.add_desk(manager, name)
    said.append(desk_roles.make_role(manager, name))
"""
SELLING = """
from dianka.desk.office.opening import open_office
open_office(folder)
import shift_kit as kit
from estate_kit import make_actor
from dianka.desk.office.customers.models import Contract
from dianka.desk.office.people.sign_in import sign_in
from dianka.desk.office.vending import receipts_text, sales, shifts
from office_kit import PASSWORD
sign_in("zhou", PASSWORD, "desk1")
clerk = make_actor("clerk", "desk1", "zhou")
shifts.open_shift(clerk, kit.count_notes(10_000))
for contract in Contract.objects.order_by("pk"):
    sale = sales.post(clerk, kit.begin_sale(clerk, contract, 5_000))
    said.append(receipts_text.copy_receipt(clerk, sale.receipt).splitlines()[0].strip())
    kit.read_meter(contract, 1_000)
shifts.hand_over(clerk, 8_000, kit.give_consent(clerk, shifts.HAND_OVER, "desk1", 8_000))
shift = shifts.close_shift(clerk, 1, kit.count_notes(22_000))
said.append([shift.expected_fen, shift.counted_fen])
"""
REWRITING = """
from dianka.desk.office.opening import open_office
open_office(folder)
from django.db import DatabaseError, connection, transaction
for statement in json.loads(words[0]):
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        said.append("done")
    except DatabaseError as error:
        said.append(str(error).splitlines()[0])
"""
CHECKING = """
from dianka.desk.office.opening import open_office
open_office(folder)
from dianka.desk.office import checking
said.extend(checking.find_faults())
"""
# How a thief tries to rewrite the database, and what it says.
REFUSED = {
    "UPDATE audit_act SET detail = 'nothing'": "permission denied for table audit_act",
    "INSERT INTO audit_act (chain_id, number, time, operator, kind, subject, detail, moves, hash) "
    "SELECT chain_id, number + 1, time, operator, kind, subject, detail, moves, hash "
    "FROM audit_act": "permission denied for table audit_act",
    "UPDATE audit_chain SET length = length - 1": "permission denied for table audit_chain",
    "DELETE FROM ledger_entry": "permission denied for table ledger_entry",
    "INSERT INTO ledger_entry (act_id, place, debit_id, credit_id, amount_fen) "
    "SELECT act_id, 9, debit_id, credit_id, 1 FROM ledger_entry": "permission denied for table",
    "UPDATE ledger_account SET balance_fen = 0": "permission denied for table ledger_account",
    "UPDATE vending_sale SET amount_fen = 1": "a sale keeps what was sold",
    "UPDATE vending_sale SET state = 'pending'": "a sale only goes forward",
    "DELETE FROM vending_sale": "permission denied for table vending_sale",
    "UPDATE vending_desk SET receipts = 0": "a number is given out once",
    "UPDATE vending_shift SET report = ''": "a closed shift is final",
    "UPDATE estate_reading SET balance_fen = 0": "permission denied for table estate_reading",
    "UPDATE customers_tariffversion SET price_e4 = 1": "permission denied for table",
    "INSERT INTO customers_tariffversion (tariff_id, number, price_e4, begins, approved_by) "
    "VALUES (1, 2, 1, 0, 'wu')": "permission denied for table customers_tariffversion",
    "INSERT INTO vending_limit (name, owner, amount_fen) VALUES ('sale', '', 1)": "permission",
    "UPDATE people_operator SET is_active = false": "permission denied for table people_operator",
    "UPDATE people_consent SET given_by = 'chief'": "permission denied for table people_consent",
    "INSERT INTO people_operator_groups (operator_id, group_id) VALUES (1, 1)": "permission denied",
    "ALTER TABLE audit_act DISABLE TRIGGER ALL": "must be owner of table audit_act",
    "DROP FUNCTION office_post": "must be owner of function office_post",
    "CREATE OR REPLACE FUNCTION office_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RETURN NEW; END $$": "permission denied for schema public",
    "CREATE TEMP TABLE audit_chain (id bigint, desk text, length bigint, head bytea); "
    "SELECT office_lock_chain('desk1'); SELECT 1 / count(*) FROM public.audit_chain "
    "WHERE desk = 'desk1'; SELECT 1 / count(*) FROM pg_temp.audit_chain": "division by zero",
}


@pytest.fixture(scope="module")
def owner_url() -> Iterator[str]:
    with serving_postgresql() as url:
        yield new_database(url, "roles")


@pytest.fixture(scope="module")
def founded(owner_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """An office, and the addresses of the database for its two desks."""
    folder = tmp_path_factory.mktemp("roles") / "office"
    return folder, run(FOUNDING, folder, owner_url)


def run(script: str, folder: Path, url: str, *words: str) -> list[Any]:
    """Run a script in a process of its own, as an office is opened once; return what it said."""
    begin = "import json, sys\nfrom pathlib import Path\nsaid, words = [], sys.argv[2:]\n"
    begin += "from office_kit import new_office\nfolder = Path(sys.argv[1])\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{begin}{script}\nprint(json.dumps(said))", str(folder), *words],
        env=os.environ | {URL: url, FOLDER: str(folder), "PYTHONPATH": KITS},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_desk_works_all_day_with_its_role(
    owner_url: str, founded: tuple[Path, list[str]]
) -> None:
    """And what it has written can be added to, and not rewritten, by who has its password."""
    folder, (address, _) = founded
    assert address.startswith("postgresql://roles_desk_1:") and "/roles?" in address
    *copies, sums = run(SELLING, folder, address)
    assert copies == ["售电收据 副本 1"] * 4
    assert sums == [22_000, 22_000]
    said = run(REWRITING, folder, address, json.dumps(list(REFUSED)))
    for (statement, wanted), line in zip(REFUSED.items(), said, strict=True):
        assert wanted in line, statement
    assert run(CHECKING, folder, owner_url) == []


def test_a_desk_makes_no_roles(founded: tuple[Path, list[str]]) -> None:
    folder, (address, _) = founded
    making = """
from dianka.desk.office.opening import open_office
open_office(folder)
from dianka.card_port import CardError
from dianka.desk.office.vending import desk_roles
from estate_kit import make_actor
try:
    said.append(desk_roles.make_role(make_actor("manager"), "desk2"))
except CardError as error:
    said.append(str(error))
"""
    (line,) = run(making, folder, address)
    assert "this address of the database may not make roles" in line and "\n" not in line


def test_an_office_of_one_file_has_no_roles(office: Path) -> None:
    from dianka.card_port import CardError
    from dianka.desk.office.vending import desk_roles

    with pytest.raises(CardError, match="roles are for an office on PostgreSQL"):
        desk_roles.make_role(make_actor("manager"), "desk1")


def test_a_new_password_ends_the_former_one_and_a_closed_desk_ends_all(
    owner_url: str, founded: tuple[Path, list[str]]
) -> None:
    folder, (_, former) = founded
    verifier = "SELECT rolpassword FROM pg_authid WHERE rolname = 'roles_desk_2'"
    again = """
from dianka.desk.office.opening import open_office
open_office(folder)
from dianka.desk.office.vending import desk_roles
from dianka.desk.office.vending import desk_list
from django.db import connection
from estate_kit import make_actor
manager = make_actor("manager")
with connection.cursor() as cursor:
    cursor.execute(words[0])
    before = cursor.fetchone()
    said.append(desk_roles.make_role(manager, "desk2"))
    cursor.execute(words[0])
    said.append([before != cursor.fetchone(), before[0][:14]])
desk_list.close_desk(manager, "desk2")
"""
    address, verifiers = run(again, folder, owner_url, verifier)
    assert address != former and verifiers == [True, "SCRAM-SHA-256$"]
    with pytest.raises(AssertionError, match="not permitted to log in"):
        run(CHECKING, folder, address)
