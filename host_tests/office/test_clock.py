"""A clock that is wrong writes no act, and two people may accept it.

On SQLite the database's own clock is set: the function that tells the time is put in place of the
built-in one. PostgreSQL's can't be, so there the acts before are dated otherwise. Also run on
PostgreSQL, by test_postgresql.py.
"""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import clock_kit
import shift_kit
from dianka.card_port import CardError
from estate_kit import make_actor, make_contract
from office_kit import MANAGER, PASSWORD, dianka, drop_guards, make_guards

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SetClock = Callable[[timedelta], None]


@pytest.fixture
def set_clock(office: Path) -> Iterator[SetClock]:
    """Return what sets the clock of the office that far from its own time, forward or back."""
    from django.db import connection

    now = timedelta()

    def set_it(difference: timedelta) -> None:
        nonlocal now
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                drop_guards("audit")
                shift: Any = difference - now
                cursor.execute("UPDATE audit_act SET time = time - %s", [shift])
                make_guards("ledger")
            else:
                clock_kit.replace_clock(lambda: now)
        now = difference

    yield set_it
    now = timedelta()  # the function stays with the connection, and tells the time as it is


def act() -> Any:
    """Write an act of desk1, as anybody might."""
    from dianka.desk.office.vending.limits import set_limit

    return set_limit(make_actor("manager", name=MANAGER), "sale", 100_000)


def count_acts() -> int:
    from dianka.desk.office.audit.models import Act

    return Act.objects.count()


def accept(name: str = MANAGER, second: str = "wu", password: str = PASSWORD) -> str:
    from dianka.desk.office import clock

    return clock.accept(clock.identify(name, PASSWORD, "desk1"), second, password)


def refused(match: str) -> None:
    before = count_acts()
    with pytest.raises(CardError, match=match) as told:
        act()
    assert "\n" not in str(told.value) and count_acts() == before
    assert "have it accepted with dianka office clock accept NAME --consent OTHER" in str(
        told.value
    )


def is_sqlite() -> bool:
    from django.db import connection

    return connection.vendor == "sqlite"


@pytest.mark.parametrize(
    ("minutes", "wrong"),
    [(-4, ""), (-6, "desk1 has an act of"), (30 * 24 * 60, ""), (32 * 24 * 60, "32 days after")],
)
def test_which_clock_is_refused(
    office: Path, set_clock: SetClock, minutes: int, wrong: str
) -> None:
    act()
    set_clock(minutes * MINUTE)
    if wrong:
        refused(wrong)
        set_clock(timedelta())
    act()


def test_two_people_accept_a_clock(office: Path, set_clock: SetClock) -> None:
    from dianka.desk.office import checking, nightly
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.audit.times import ACCEPTED

    shift_kit.add_operator("wu", "supervisor")
    assert nightly.prove().night
    set_clock(10 * DAY)
    act()
    assert nightly.prove().night or not is_sqlite()
    set_clock(timedelta())
    refused("desk1 has an act of")
    before = count_acts()
    for words, said in (
        (("li",), "name or password is wrong"),
        ((MANAGER, "wu", "not his"), "name or password is wrong"),
        ((MANAGER, MANAGER), "can't consent to what he does himself"),
        ((MANAGER, ""), "takes a second person's consent"),
    ):
        with pytest.raises(CardError, match=said):
            accept(*words)
        assert count_acts() == before, "no act is written in a time that is refused"
    assert "is accepted after" in accept()
    told, consent = Act.objects.order_by("pk")[before:]
    assert (told.kind, told.operator, told.subject) == (ACCEPTED, MANAGER, "desk1")
    assert " becomes " in told.words and told.words.endswith(", consent wu")
    assert (consent.kind, consent.operator) == ("consent", "wu")
    act()
    if is_sqlite():  # elsewhere the test has dated acts otherwise
        assert nightly.prove().night, "it is accepted for the chains of all desks"
        assert checking.find_faults() == []
    with pytest.raises(CardError, match="there is nothing to accept"):
        accept()


def test_who_is_alone_accepts_alone(office: Path, set_clock: SetClock) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.audit.times import ACCEPTED

    act()
    set_clock(-DAY)
    accept(second="")
    assert Act.objects.get(kind=ACCEPTED).words.endswith("alone: nobody else could consent")
    act()


def test_wrong_passwords_are_counted_all_the_same(office: Path, set_clock: SetClock) -> None:
    from dianka.desk.office import clock

    act()
    set_clock(-DAY)
    for _ in range(5):
        with pytest.raises(CardError, match="name or password is wrong"):
            clock.identify(MANAGER, "not his", "desk1")
    with pytest.raises(CardError, match="is locked at desk1"):
        clock.identify(MANAGER, PASSWORD, "desk1")


def test_nothing_is_sold_by_a_wrong_clock(office: Path, set_clock: SetClock) -> None:
    """Before the card is written; a sale that was begun in time stays unfinished."""
    from dianka.desk.office.vending import sales
    from dianka.desk.office.vending.models import Sale

    seller, contract = shift_kit.find_seller(), make_contract(1)
    begun = shift_kit.begin_sale(seller, contract, 5_000)
    set_clock(-DAY)
    with pytest.raises(CardError, match="desk1 has an act of"):
        sales.post(seller, begun)
    assert Sale.objects.get(pk=begun.pk).state == "pending"
    if is_sqlite():  # PostgreSQL's server refuses when it is posted
        with pytest.raises(CardError, match="desk1 has an act of"):
            shift_kit.begin_sale(seller, make_contract_in_time(set_clock), 700)
    set_clock(timedelta())
    assert sales.post(seller, begun).state == "written"


def make_contract_in_time(set_clock: SetClock) -> Any:
    set_clock(timedelta())
    contract = make_contract(2)
    set_clock(-DAY)
    return contract


def test_a_pc_whose_clock_is_not_the_server_s(
    office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dianka.desk.office import clock

    for minutes, wrong in ((4, False), (-4, False), (6, True), (-6, True)):
        monkeypatch.setattr(clock, "read_pc_time", lambda m=minutes: datetime.now(UTC) + m * MINUTE)
        if wrong and not is_sqlite():
            with pytest.raises(CardError, match=r"this PC's clock says .*, the database's"):
                clock.raise_if_apart()
        else:
            clock.raise_if_apart()


@pytest.mark.slow
def test_on_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "office"
    office = {"DIANKA_OFFICE": str(folder), "XDG_STATE_HOME": str(tmp_path)}

    def run(words: str, *given: str) -> tuple[int, str]:
        done = dianka("office", *words.split(), given="\n".join((*given, "")), **office)
        assert len(done.stderr.splitlines()) <= 1
        return done.returncode, done.stdout + done.stderr

    assert run(f"init {folder} --manager lin", PASSWORD)[0] == 0
    assert run("sign-in lin", PASSWORD)[0] == 0
    with sqlite3.connect(folder / "office.sqlite3") as base:
        base.execute("DROP TRIGGER audit_act_no_update")
        base.execute("UPDATE audit_act SET time = '2037-01-01 00:00:00'")
    for words, *given in (("limit set sale 100",), ("sign-in lin", PASSWORD), ("prove",)):
        code, said = run(words, *given)
        assert code == 1 and ("desk1 has an act of 2037-01-01 08:00" in said or words == "prove")
    assert "name or password is wrong" in run("clock accept lin", "not his")[1]
    code, said = run("clock accept lin", PASSWORD)
    assert code == 0 and "is accepted after 2037-01-01 08:00" in said
    assert run("limit set sale 100")[0] == 0
