"""Rows that acts alone change, edited by hand: `check` names each of them, and nothing else.

Also run on PostgreSQL, by test_postgresql.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import shift_kit
from dianka.cardos import kinds
from estate_kit import make_actor, make_contract
from office_kit import PASSWORD, drop_guards
from sheets_kit import PEOPLE, take_in

PHONE = "13812345678"
SERIAL = "00" * 7 + "01"
GUARDED = ("audit", "estate", "customers", "cards", "vending", "people", "statistics")


def live(folder: Path) -> None:
    """Let every table have a row by an act, and most of them a change and another row."""
    from dianka.desk.office.cards import register
    from dianka.desk.office.customers import closing, contracts, lost, records
    from dianka.desk.office.estate import meters, places
    from dianka.desk.office.people import people
    from dianka.desk.office.people.consent import give_consent
    from dianka.desk.office.people.sign_in import sign_in, sign_out
    from dianka.desk.office.statistics import inspections, limits
    from dianka.desk.office.vending import desk_list
    from dianka.desk.office.vending.limits import set_limit

    manager, technician, clerk = (make_actor(role) for role in ("manager", "technician", "clerk"))
    for name, role in (("wu", "supervisor"), ("li", "clerk")):
        people.add_operator(manager, name, "green tea at noon", [role], agreed(manager, name, role))
        people.change_password(make_actor(role, name=name), "green tea at noon", PASSWORD)
    people.give(manager, "li", "technician", agreed(manager, "li", "technician", "give"))
    people.take(manager, "li", "technician", agreed(manager, "li", "technician", "take"))
    sign_out(sign_in("li", PASSWORD, "desk1"))
    sign_in("wu", PASSWORD, "desk1")
    desk_list.add_desk(manager, "desk7")
    desk_list.close_desk(manager, "desk7")
    for fen in (100_000, 200_000):
        set_limit(manager, "sale", fen)
    for fen in (5, None):
        set_limit(manager, "operator-day", fen, "li")
    limits.set_limit(manager, "z1_days", 80)
    places.add_area(technician, "West")
    (room, _) = places.add_premises(technician, "West", [("1", "", "101"), ("1", "", "102")])
    places.set_vacant(technician, room.pk, True)
    meters.add_meters(technician, 700, 2)
    add_price(manager)
    meters.install_meter(technician, 700, room.pk)
    details = records.Details("张三", PHONE, note="rings twice\n= [1]")
    records.add_customer(clerk, details, 8)
    records.change_customer(clerk, 8, name="李四")
    contract = contracts.open_account(clerk, 8, 700, contracts.Terms("flat 6000", 2000, 500, 0))
    register.begin_making(technician, bytes.fromhex(SERIAL), register.Making(kinds.USER, contract))
    register.finish_making(technician, bytes.fromhex(SERIAL))
    seller = shift_kit.find_seller()
    shift_kit.sell(seller, contract, 5_000)
    reading = shift_kit.read_meter(contract, 1_000, inspected=True)
    bring_price(seller, contract)
    given = give_consent(seller, "wu", PASSWORD, closing.CLOSING, "000000000007", 0)
    assert given and reading
    closing.close_account(clerk, close_soon(), None, consent_to_close(clerk))
    lost.report_lost(clerk, SERIAL, "in the river\n= [2]")
    inspections.record_inspection(technician, 8, "nothing", "all is well")
    inspections.record_feeder_reading(technician, "West", 1000)
    begin = reading.seen_at
    inspections.record_outage(technician, "West", begin, begin + timedelta(hours=1))
    inspections.record_meter_log(technician, 700, 10, 1, 0, 0)
    take_in(folder, [PEOPLE, *([str(number), "赵六", "", "", ""] for number in range(900, 1500))])


def agreed(manager: Any, name: str, role: str, what: str = "add") -> int:
    from dianka.desk.office.people.people import name_change

    return shift_kit.give_consent(manager, "people", name_change(what, name, role))


def add_price(manager: Any) -> None:
    from dianka.desk.office.customers import tariffs

    subject = tariffs.name_version("flat 6000", 1, 6000, 0)
    consent = shift_kit.give_consent(manager, tariffs.CONSENT, subject)
    tariffs.add_tariff(manager, "flat 6000", 6000, consent)


def bring_price(seller: Any, contract: Any) -> None:
    """Sell with a new price of the contract's tariff, which the contract has from then on."""
    from dianka.desk.office.customers import tariffs

    manager, begins = make_actor("manager"), tariffs.read_minute() + 10_000
    subject = tariffs.name_version("flat 6000", 2, 6500, begins)
    consent = shift_kit.give_consent(manager, tariffs.CONSENT, subject)
    contract.price = tariffs.add_version(manager, "flat 6000", 2, 6500, begins, consent)
    shift_kit.sell(seller, contract, 700)
    contract.refresh_from_db()
    assert contract.price.number == 2


def close_soon() -> int:
    return make_contract(7).meter.number


def consent_to_close(actor: Any) -> int:
    return shift_kit.give_consent(actor, "closing", f"{7:012d}", 0)


@pytest.fixture
def lived(office: Path, tmp_path: Path) -> Path:
    from dianka.desk.office import checking

    live(tmp_path)
    assert checking.check() == ([], ""), "nobody has edited anything"
    return office


@dataclass(frozen=True)
class Edit:
    """An edit of one row by hand, and all that is said of it."""

    name: str
    statement: str
    said: str | Callable[[], str]


def row(table: str, column: str, where: str) -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE {where}")
        return cursor.fetchone()[0]


CONTRACT = "meter_id = (SELECT id FROM estate_meter WHERE number = 700)"
HASH = "argon2$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"
ADDED = (
    "INSERT INTO {table} ({columns}) SELECT {values} FROM {table} "
    "WHERE id = (SELECT min(id) FROM {table})"
)


def of_contract(said: str) -> Callable[[], str]:
    return lambda: f"contract {row('customers_contract', 'id', CONTRACT)}: {said}"


def of_first(table: str, name: str, said: str) -> Callable[[], str]:
    return lambda: f"{name} {row(table, 'min(id)', '1 = 1')}: {said}"


def change(table: str, what: str, where: str) -> str:
    return f"UPDATE {table} SET {what} WHERE {where}"


def find_time() -> str:
    from dianka.desk.office.estate.models import Reading
    from dianka.desk.office.state.tables import tell_time

    return tell_time(Reading.objects.get().seen_at)


EDITS = [
    Edit(
        "password",
        change("people_operator", f"password = '{HASH}'", "username = 'wu'"),
        "operator wu: its password is not the one of the acts",
    ),
    Edit(
        "sign-in opened",
        change("people_operator", "is_active = (1 = 0)", "username = 'li'"),
        "operator li: its active is False, the acts say True",
    ),
    Edit(
        "role given",
        "INSERT INTO people_operator_groups (operator_id, group_id) SELECT o.id, g.id "
        "FROM people_operator o, auth_group g WHERE o.username = 'li' AND g.name = 'manager'",
        "role li/manager: no act has made it",
    ),
    Edit(
        "role taken",
        "DELETE FROM people_operator_groups WHERE operator_id = "
        "(SELECT id FROM people_operator WHERE username = 'wu')",
        "role wu/supervisor: it is gone, the acts have it",
    ),
    Edit(
        "operator",
        ADDED.format(
            table="people_operator",
            columns="username, password, is_active, must_change, is_superuser, is_staff, "
            "first_name, last_name, email, date_joined",
            values="'ghost', password, is_active, must_change, is_superuser, is_staff, "
            "first_name, last_name, email, date_joined",
        ),
        "operator ghost: no act has made it",
    ),
    Edit(
        "sign-in",
        ADDED.format(
            table="people_signin",
            columns="operator_id, desk, token_hash, begun_at, ends_at",
            values="operator_id, desk, ghost, begun_at, ends_at",
        ),
        f"sign-in {'00' * 32}: no act has made it",
    ),
    Edit(
        "sign-in that goes on",
        change("people_signin", "ends_at = '2099-01-01 00:00:00+00'", "operator_id > 1"),
        "",
    ),
    Edit(
        "consent",
        ADDED.format(
            table="people_consent",
            columns="kind, subject, amount_fen, asked_by, given_by, given_at",
            values="'refund', subject, 9, asked_by, given_by, given_at",
        ),
        lambda: f"consent {row('people_consent', 'max(id)', '1 = 1')}: no act has made it",
    ),
    Edit(
        "consent to more",
        change("people_consent", "amount_fen = 5", "id = (SELECT min(id) FROM people_consent)"),
        of_first("people_consent", "consent", "its amount_fen is 5, the acts say 0"),
    ),
    Edit(
        "limit",
        change("vending_limit", "amount_fen = 900000", "name = 'sale'"),
        "limit sale/: its amount_fen is 900000, the acts say 200000",
    ),
    Edit("limit gone", "DELETE FROM vending_limit", "limit sale/: it is gone, the acts have it"),
    Edit(
        "limit back",
        "INSERT INTO vending_limit (name, owner, amount_fen) VALUES ('operator-day', 'li', 5)",
        "limit operator-day/li: it is there, the acts say that it is gone",
    ),
    Edit(
        "threshold",
        change("statistics_rulelimit", "value = 9999", "name = 'z1_days'"),
        "threshold z1_days: its value is 9999, the acts say 80",
    ),
    Edit(
        "desk",
        change("vending_desk", "closed = (1 = 0)", "name = 'desk7'"),
        "desk desk7: its closed is False, the acts say True",
    ),
    Edit(
        "area",
        change("estate_area", "archived = (1 = 1)", "name = 'West'"),
        "area West: its archived is True, the acts say False",
    ),
    Edit(
        "premise",
        change("estate_premise", "vacant = (1 = 0)", "room = '101'"),
        "premise West/1//101: its vacant is False, the acts say True",
    ),
    Edit(
        "meter",
        change("estate_meter", "state = 'removed'", "number = 700"),
        "meter 700: its state is removed, the acts say installed",
    ),
    Edit(
        "meter elsewhere",
        change(
            "estate_meter",
            "premise_id = (SELECT id FROM estate_premise WHERE room = '102')",
            "number = 700",
        ),
        "meter 700: its place is West/1//102, the acts say West/1//101",
    ),
    Edit(
        "meter gone",
        "DELETE FROM estate_meter WHERE number = 701",
        "meter 701: it is gone, the acts have it",
    ),
    *(
        Edit(
            f"reading's {name}",
            change("estate_reading", f"{name} = {value}", "1 = 1"),
            lambda name=name, said=said: f"reading 700/{find_time()}: its {name} is {said}",
        )
        for name, value, said in (
            ("balance_fen", "1", "1, the acts say 4000"),
            ("energy_wh", "77", "77, the acts say 0"),
            ("proved", "(1 = 0)", "False, the acts say True"),
            ("source", "'receipt'", "receipt, the acts say inspection"),
            ("unexplained_fen", "6", "6, the acts say 0"),
        )
    ),
    Edit(
        "customer's name",
        change("customers_customer", "name = '王五'", "number = 8"),
        "customer 8: its name is 王五, the acts say 李四",
    ),
    Edit(
        "customer's phone",
        change("customers_customer", "phone = '13800000000'", "number = 8"),
        "customer 8: its phone is not the one of the acts",
    ),
    Edit(
        "price",
        change("customers_tariffversion", "price_e4 = 1", "price_e4 = 6000"),
        "price flat 6000/1: its price_e4 is 1, the acts say 6000",
    ),
    Edit(
        "price approved",
        change("customers_tariffversion", "approved_by = 'me'", "price_e4 = 6000"),
        "price flat 6000/1: its approved_by is me, the acts say boss",
    ),
    Edit(
        "contract's holder",
        change(
            "customers_contract",
            "customer_id = (SELECT id FROM customers_customer WHERE number = 7)",
            CONTRACT,
        ),
        of_contract("its customer is 7, the acts say 8"),
    ),
    Edit(
        "contract's terms",
        change("customers_contract", "hoard_limit_fen = 99", CONTRACT),
        of_contract("its hoard_limit_fen is 99, the acts say 0"),
    ),
    Edit(
        "contract's price",
        change(
            "customers_contract",
            "price_id = (SELECT id FROM customers_tariffversion WHERE price_e4 = 6000)",
            CONTRACT,
        ),
        of_contract("its price is 1, the acts say 2"),
    ),
    Edit(
        "contract's purchases",
        change("customers_contract", "former_fen = 7", CONTRACT),
        of_contract("its former_fen is 7, the acts say 0"),
    ),
    Edit(
        "contract opened again",
        change("customers_contract", "state = 'suspended'", CONTRACT),
        of_contract("its state is suspended, the acts say open"),
    ),
    Edit(
        "card",
        change("cards_card", "state = 'used'", f"serial = '{SERIAL}'"),
        f"card {SERIAL}: its state is used, the acts say replaced",
    ),
    Edit(
        "card's holder",
        change("cards_card", "contract_id = NULL", f"serial = '{SERIAL}'"),
        "",
    ),
    Edit(
        "inspection",
        change("statistics_inspection", "found = 'theft'", "1 = 1"),
        of_first("statistics_inspection", "inspection", "its found is theft, the acts say nothing"),
    ),
    Edit(
        "feeder reading",
        change("statistics_feederreading", "energy_wh = 1", "1 = 1"),
        "",
    ),
    Edit("outage gone", "DELETE FROM statistics_outage", ""),
    Edit("meter log", change("statistics_meterlog", "covers = 1", "1 = 1"), ""),
    Edit(
        "key of the digests",
        "UPDATE audit_digestkey SET key = ghost",
        "",
    ),
]
MANY = {"key of the digests", "sign-in that goes on"}


@pytest.mark.slow
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_a_row_edited_by_hand_is_named(lived: Path, edit: Edit) -> None:
    from django.db import connection

    from dianka.desk.office import checking, nightly

    for app in GUARDED:
        drop_guards(app)
    zero = "decode(repeat('00', 32), 'hex')" if is_postgresql() else "zeroblob(32)"
    with connection.cursor() as cursor:
        cursor.execute(
            edit.statement.replace("ghost, begun", f"{zero}, begun").replace(
                "key = ghost", f"key = {zero}"
            )
        )
        assert cursor.rowcount >= 1, "the edit is one"
    faults = [line for line in checking.find_faults() if "guard" not in line]
    said = edit.said() if callable(edit.said) else edit.said
    assert faults if edit.name in MANY else len(faults) == 1, faults
    assert any(said in line for line in faults), faults
    assert not any(PHONE in line or "argon2" in line for line in faults)
    assert all("\n" not in line for line in faults)
    assert set(faults) <= set(nightly.prove(whole=True).faults), "the whole proof is as good"


def is_postgresql() -> bool:
    from django.db import connection

    return connection.vendor == "postgresql"


def test_no_act_shows_what_is_hidden(lived: Path) -> None:
    from dianka.desk.office.audit.models import Act, DigestKey

    told = "\n".join(f"{act.detail} {act.subject}" for act in Act.objects.all())
    assert PHONE not in told and "argon2" not in told and "138****5678" in told
    assert bytes(DigestKey.objects.get().key).hex() not in told


def test_words_of_people_are_no_rows(office: Path) -> None:
    """What somebody types begins no line of an act, however it is broken."""
    from dianka.desk.office import checking
    from dianka.desk.office.audit import records
    from dianka.desk.office.customers.contracts import suspend_account

    spoof = '["limit","sale/",[1]]'
    contract = make_contract(5)
    for sign in ("\n", "\r", "\u2028", "\x85", "\r\n", "\x0b"):
        words = records.join(f"moved{sign}= {spoof}", [])
        assert records.split(words) == (words, []) and "\n" not in words
    suspend_account(make_actor(), 5, f"moved out\n= {spoof}")
    assert contract and checking.find_faults() == []


def test_many_rows_are_told_in_few_lines(lived: Path) -> None:
    from django.db import connection

    from dianka.desk.office import checking

    with connection.cursor() as cursor:
        cursor.execute("UPDATE customers_customer SET archived = (1 = 1) WHERE number >= 900")
    faults = checking.find_faults()
    assert len(faults) == 21 and faults[-1] == "customer: 580 more are not as the acts say"


def test_acts_put_into_another_order_are_named(lived: Path) -> None:
    """Two acts of a row change places: the rows of the acts are moved, no hash covers those."""
    from django.db import connection

    from dianka.desk.office import checking

    drop_guards("audit")
    wanted = "kind = 'limit' AND subject = 'sale' AND detail LIKE '%{}00000]]'"
    first, second = (row("audit_act", "id", wanted.format(digit)) for digit in (1, 2))
    with connection.cursor() as cursor:
        for at, to in ((first, -1), (second, first), (-1, second)):
            cursor.execute(f"UPDATE audit_act SET id = {to} WHERE id = {at}")
        cursor.execute("UPDATE vending_limit SET amount_fen = 100000 WHERE name = 'sale'")
    faults = [line for line in checking.find_faults() if "guard" not in line]
    assert any("it stands behind act" in line for line in faults), faults


def test_rows_from_before_are_counted(office: Path) -> None:
    """An office of an older version: what can't be proved is told, what is put in is named."""
    from django.db import connection, transaction

    from dianka.desk.office import checking
    from dianka.desk.office.customers.models import Customer
    from dianka.desk.office.customers.records import change_customer
    from dianka.desk.office.state.before import count_rows

    for number in (1, 2, 3, 4):
        Customer.objects.create(number=number, name="old")
    Customer.objects.get(number=2).delete()
    with transaction.atomic():
        count_rows()
    unproved = "not provable, as no act of this version has told of them yet: 3 of customer"
    assert checking.check() == ([], unproved)
    change_customer(make_actor(), 1, name="new")
    assert checking.check() == ([], unproved.replace("3", "2"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE customers_customer SET name = 'x' WHERE number IN (1, 3)")
        last = "(SELECT max(id) FROM customers_customer)"
        columns = "name, phone, id_number, note, archived"
        cursor.execute(
            f"INSERT INTO customers_customer (id, number, {columns}) "
            f"SELECT {last} - 2, 50, {columns} FROM customers_customer WHERE number = 4"
        )
    assert checking.find_faults() == [
        "customer 1: its name is x, the acts say new",
        "4 rows of customer are from before, 3 were counted",
    ]
