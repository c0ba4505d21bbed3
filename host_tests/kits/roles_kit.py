"""An office on PostgreSQL whose desks have roles of their own, worked on by scripts.

Each script is a process of its own, as an office is opened once in one. It has `folder` and `words`
and adds to `said`.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from dianka.desk.office.opening import FOLDER, URL

KITS = str(Path(__file__).parent)
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
opened = shifts.open_shift(clerk, kit.count_notes(10_000))
for contract in Contract.objects.order_by("pk"):
    sale = sales.post(clerk, kit.begin_sale(clerk, contract, 5_000))
    said.append(receipts_text.copy_receipt(clerk, sale.receipt).splitlines()[0].strip())
    kit.read_meter(contract, 1_000)
shifts.hand_over(clerk, 8_000, kit.give_consent(clerk, shifts.HAND_OVER, "desk1", 8_000))
shift = shifts.close_shift(clerk, opened.number, kit.count_notes(22_000))
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
PROVING = """
from dianka.desk.office.opening import open_office
open_office(folder)
from dianka.card_port import CardError
from dianka.desk.office import nightly
from dianka.desk.office.audit.nights import read_last
try:
    proof = nightly.prove()
    said.append([proof.faults, proof.night.number])
except CardError as error:
    said.append(str(error))
said.append(read_last() and read_last().number)
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
    "UPDATE ledger_provedsum SET sum_fen = 0": "permission denied for table ledger_provedsum",
    "INSERT INTO ledger_provedsum (account_id, sum_fen) VALUES (1, 1)": "permission denied for",
    "SELECT office_post('office:nights', 'office', 'night', 'night 1', '{}', '{}', '{}', NULL)": (
        "a desk does not add to chain office:nights"
    ),
    "SET SESSION AUTHORIZATION postgres": "permission denied to set session authorization",
    "UPDATE vending_sale SET amount_fen = 1": "permission denied for table vending_sale",
    "UPDATE vending_sale SET state = 'pending'": "a sale only goes forward",
    "DELETE FROM vending_sale": "permission denied for table vending_sale",
    "UPDATE vending_desk SET receipts = 0": "a number is given out once",
    "UPDATE vending_shift SET report = ''": "a closed shift is final",
    "UPDATE estate_reading SET balance_fen = 0": "permission denied for table estate_reading",
    "UPDATE customers_tariffversion SET price_e4 = 1": "permission denied for table",
    "INSERT INTO customers_tariffversion (tariff_id, number, price_e4, begins, approved_by) "
    "VALUES (1, 2, 1, 0, 'wu')": "permission denied for table customers_tariffversion",
    "UPDATE customers_contract SET tariff_id = 1": "permission denied for table customers_contract",
    "UPDATE customers_contract SET hoard_limit_fen = 0": "permission denied for table customers_",
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


def programs() -> str:
    """Return a PATH on which PostgreSQL's own programs come first, if the tests have them."""
    found = importlib.util.find_spec("pgserver")
    path = os.environ.get("PATH", "")
    if found is None or found.origin is None:
        return path
    return f"{Path(found.origin).parent}/pginstall/bin{os.pathsep}{path}"
