"""People: added, promoted, closed by two; passwords that are wrong, forgotten, of another's making.

Also run on PostgreSQL, by test_postgresql.py.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from estate_kit import make_actor
from office_kit import MANAGER, PASSWORD
from shift_kit import give_consent

OTHER = "nine lamps burn"


def lin() -> Any:
    return make_actor("manager", name=MANAGER)


def agreed(*change: str, name: str = "boss") -> int:
    from dianka.desk.office.people.people import name_change

    return give_consent(lin(), "people", name_change(*change), name=name)


def add(name: str, *roles: str, consent: int | None = None) -> Any:
    from dianka.desk.office.people import people

    return people.add_operator(lin(), name, PASSWORD, list(roles), consent)


def refused(act: Any, *words: Any) -> str:
    from dianka.card_port import CardError

    with pytest.raises(CardError) as told:
        act(*words)
    return str(told.value)


def test_the_first_manager_adds_the_second_person_alone(office: Path) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.people import people
    from dianka.desk.office.people.consent import ConsentError

    add("wu", "clerk")  # a clerk could not consent: still alone
    add("boss", "supervisor")
    for roles in (["clerk"], ["manager"]):
        with pytest.raises(ConsentError, match="takes a second person's consent"):
            add("li", *roles)
    with pytest.raises(ConsentError):  # of another role than was agreed to
        add("li", "manager", consent=agreed("add", "li", "clerk"))
    add("li", "technician", "clerk", consent=agreed("add", "li", "clerk", "technician"))
    people.give(lin(), "li", "manager", agreed("give", "li", "manager"))
    people.take(lin(), "li", "clerk", agreed("take", "li", "clerk"))
    told = Act.objects.filter(kind="people").order_by("id")
    assert [(act.subject, act.words) for act in told] == [
        ("add wu clerk", "alone: nobody else could consent"),
        ("add boss supervisor", "alone: nobody else could consent"),
        ("add li clerk technician", "consent boss"),
        ("give li manager", "consent boss"),
        ("take li clerk", "consent boss"),
    ]
    roles = {
        row.username: {group.name for group in row.groups.all()}
        for row in people.list_people(lin())
    }
    assert roles["li"] == {"manager", "technician"}


def test_one_manager_stays(office: Path) -> None:
    from dianka.desk.office.people import people

    for act in (people.close, lambda *words: people.take(*words[:2], "manager", *words[2:])):
        assert "keeps a manager with an open sign-in" in refused(act, lin(), MANAGER)
    add("wu", "manager")
    people.take(lin(), MANAGER, "manager", agreed("take", MANAGER, "manager", name="wu"))
    wu = make_actor("manager", name="wu")
    assert people.is_alone(wu)
    assert "keeps a manager" in refused(people.close, wu, "wu")


def test_a_closed_sign_in_signs_nobody_in(office: Path) -> None:
    from dianka.desk.office.people import people, sign_in

    add("boss", "supervisor")
    make_own_password("boss")
    token = sign_in.sign_in("boss", OTHER, "desk1")
    assert sign_in.find_actor(token).operator == "boss"
    people.close(lin(), "boss", agreed("close", "boss"))
    assert "nobody is signed in" in refused(sign_in.find_actor, token)
    assert "name or password is wrong" in refused(sign_in.sign_in, "boss", OTHER, "desk1")
    people.reopen(lin(), "boss")  # alone again
    assert sign_in.sign_in("boss", OTHER, "desk1")
    assert "nobody is signed in" in refused(sign_in.find_actor, token)


def make_own_password(name: str, former: str = PASSWORD, password: str = OTHER) -> None:
    from dianka.desk.office.people import people

    people.change_password(make_actor(name=name), former, password)


def test_a_password_of_another_s_making_is_good_for_one_thing(office: Path) -> None:
    from dianka.desk.office.people import people, sign_in
    from dianka.desk.office.people.consent import give_consent as consent

    add("boss", "supervisor")
    said = "another person has set this password: choose your own"
    assert said in refused(sign_in.sign_in, "boss", PASSWORD, "desk1")
    assert said in refused(consent, lin(), "boss", PASSWORD, "refund", "sale desk1 1", 5)
    for password, why in (
        (PASSWORD, "that is the former password"),
        ("short", "too short"),
        ("password123", "too common"),
    ):
        assert why in refused(make_own_password, "boss", PASSWORD, password)
    make_own_password("boss")
    token = sign_in.sign_in("boss", OTHER, "desk1")
    people.reset_password(lin(), "boss", PASSWORD)  # nobody but he could consent
    assert "nobody is signed in" in refused(sign_in.find_actor, token)
    assert said in refused(sign_in.sign_in, "boss", PASSWORD, "desk1")


def test_a_reset_takes_a_third_person_if_there_is_one(office: Path) -> None:
    from dianka.desk.office.people import people
    from dianka.desk.office.people.consent import ConsentError

    add("boss", "supervisor")
    add("wu", "manager", consent=agreed("add", "wu", "manager"))
    with pytest.raises(ConsentError):
        people.reset_password(lin(), "boss", OTHER)
    people.reset_password(lin(), "boss", OTHER, agreed("reset", "boss", name="wu"))


def test_five_wrong_passwords_lock_a_name_at_a_desk(
    office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dianka.desk.office.audit import chain
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.people.sign_in import check_password

    def wrong(times: int) -> None:
        for _ in range(times):
            assert "is wrong" in refused(check_password, MANAGER, "no", "desk1")

    wrong(4)
    assert check_password(MANAGER, PASSWORD, "desk1"), "and counted anew"
    wrong(5)
    said = "lin is locked at desk1 after 5 wrong passwords: wait 5 minutes"
    assert refused(check_password, MANAGER, PASSWORD, "desk1") == said
    assert check_password(MANAGER, PASSWORD, "desk2"), "another desk is not locked"
    assert Act.objects.filter(kind="sign-in refused", chain__desk="desk1").count() == 9
    later = chain.read_time() + timedelta(minutes=5, seconds=1)
    monkeypatch.setattr(chain, "read_time", lambda: later)
    wrong(1)
    assert check_password(MANAGER, PASSWORD, "desk1")


@pytest.mark.parametrize(
    ("name", "roles", "said"),
    [
        ("a b", ["clerk"], "Enter a valid username"),
        ("x" * 41, ["clerk"], "a name has up to 40 characters"),
        ("wu", [], "one role or more of clerk, technician"),
        ("wu", ["root"], "one role or more of clerk, technician"),
        ("LIN", ["clerk"], "there is an operator LIN"),
    ],
)
def test_who_can_t_be_added(office: Path, name: str, roles: list[str], said: str) -> None:
    assert said in refused(lambda: add(name, *roles))


def test_desks_are_added_and_closed(office: Path) -> None:
    import shift_kit
    from dianka.desk.office.people.sign_in import sign_in
    from dianka.desk.office.vending import desk_list
    from dianka.desk.office.vending.shifts import close_shift, open_shift

    assert "desk2 is no open desk of this office" in refused(sign_in, MANAGER, PASSWORD, "desk2")
    desk_list.add_desk(lin(), "desk2")
    assert "there is a desk desk2" in refused(desk_list.add_desk, lin(), "desk2")
    assert "without a colon" in refused(desk_list.add_desk, lin(), "a:b")
    clerk = make_actor("clerk", "desk2", "li")
    shift = open_shift(clerk, shift_kit.count_notes(0))
    assert "a shift is open at desk2" in refused(desk_list.close_desk, lin(), "desk2")
    close_shift(clerk, shift.number, shift_kit.count_notes(0))
    desk_list.close_desk(lin(), "desk2")
    assert "desk desk2 is closed" in refused(open_shift, clerk, shift_kit.count_notes(0))
    assert "no open desk" in refused(sign_in, MANAGER, PASSWORD, "desk2")
    assert "no open desk desk2" in refused(desk_list.close_desk, lin(), "desk2")
    assert not desk_list.add_desk(lin(), "desk2").closed


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM people_operator", "an operator is never deleted"),
        ("UPDATE people_consent SET given_by = 'x'", "a consent is (never changed|used once)"),
        ("UPDATE people_consent SET used_at = NULL", "a consent is used once"),
        ("DELETE FROM people_consent", "a consent is never deleted"),
    ],
)
def test_the_database_keeps_people_and_consents(office: Path, statement: str, said: str) -> None:
    from django.db import DatabaseError, connection, transaction

    from dianka.desk.office.people.consent import use_consent

    use_consent(lin(), agreed("close", "li"), "people", "close li")
    with pytest.raises(DatabaseError, match=said):  # noqa: SIM117
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
