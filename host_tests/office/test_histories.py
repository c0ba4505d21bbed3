"""Who did what: acts looked up in all chains, and the histories of a meter and a card.

Also run on PostgreSQL, by test_postgresql.py.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from closing_kit import consent, open_shift, read_meter, sell
from dianka.card_port import CardError
from dianka.cardos import kinds
from estate_kit import make_actor, make_contract
from shift_kit import begin_sale, find_seller

BEGIN = datetime(2090, 3, 1, tzinfo=UTC)  # after the founding
OPERATORS, KINDS, SUBJECTS = ("lin", "wu"), ("sale", "tariff"), ("000000000042", "home", "7")


@pytest.fixture(autouse=True)
def few_at_once(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dianka.desk.office.vending import act_list

    monkeypatch.setattr(act_list, "_AT_ONCE", 3)


def add(minute: int, operator: str, kind: str, subject: str, desk: str = "desk1") -> None:
    """Add an act by hand, with a gap in the numbers before it: what a desk has undone."""
    from dianka.desk.office.audit.models import Act, Chain

    chain, _ = Chain.objects.get_or_create(desk=desk)
    last = Act.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    Act.objects.create(
        pk=last + 1 + minute % 5, chain=chain, number=last + 1, operator=operator, kind=kind,
        time=BEGIN + timedelta(minutes=minute), subject=subject, detail="", moves="", hash=b"",
    )  # fmt: skip


def find(role: str = "manager", **wanted: Any) -> Any:
    from dianka.desk.office.vending.act_list import Wanted, find_acts

    return find_acts(make_actor(role), Wanted(**wanted))


maybe = st.none() | st.integers(0, 120)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    acts=st.lists(
        st.tuples(
            st.integers(1, 9),
            st.sampled_from(OPERATORS),
            st.sampled_from(KINDS),
            st.sampled_from(SUBJECTS),
        ),
        max_size=25,
    ),
    subject=st.sampled_from(("", "", "42", "home", "7")),
    operator=st.sampled_from(("", "", *OPERATORS)),
    kind=st.sampled_from(("", "", *KINDS)),
    since=maybe,
    until=maybe,
    most=st.integers(1, 25),
)
def test_the_newest_acts_as_a_slow_list_finds_them(
    acts: list, subject: str, operator: str, kind: str, since: Any, until: Any, most: int
) -> None:
    from django.db import transaction

    if until is not None and (since or 0) >= until:
        return
    with transaction.atomic():
        minute, slow = 0, []
        for later, *words in acts:
            minute += later
            add(minute, *words)
            slow.append((minute, *words))
        names = {"42": ("000000000042",)}.get(subject, (subject,))
        slow = [
            (minute, who, what, whom)
            for minute, who, what, whom in reversed(slow)
            if (not subject or whom in names)
            and operator in ("", who)
            and kind in ("", what)
            and (since is None or minute >= since)
            and (until is None or minute < until)
        ]
        begin, end = (
            None if at is None else BEGIN + timedelta(minutes=at) for at in (since, until)
        )
        begin = begin or BEGIN  # not the founding's acts
        found = find(
            subject=subject, operator=operator, kind=kind, since=begin, until=end, most=most
        )
        told = [
            (int((act.time - BEGIN).total_seconds()) // 60, act.operator, act.kind, act.subject)
            for act in found.acts
        ]
        assert told == slow[:most]
        assert bool(found.rest) == (len(slow) > most)
        transaction.set_rollback(True)


def test_it_looks_back_so_far_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from dianka.desk.office.vending import act_list

    monkeypatch.setattr(act_list, "LOOKED_AT", 9)
    add(0, "lin", "tariff", "home")
    for minute in range(1440, 1440 + 100, 5):
        add(minute, "wu", "sale", "000000000042")
    found = find(kind="tariff")
    assert (found.acts, found.rest[:25]) == ([], "looked back to 2090-03-02")
    found = find(kind="tariff", until=BEGIN + timedelta(hours=1))
    assert [act.operator for act in found.acts] == ["lin"] and not found.rest


def test_what_can_t_be_listed() -> None:
    for most in (0, 1001):
        with pytest.raises(CardError, match="ask for 1 to 1000"):
            find(most=most)
    with pytest.raises(CardError, match="ends before it begins"):
        find(since=BEGIN, until=BEGIN)
    open_shift(make_actor("manager"))
    with pytest.raises(CardError, match="your own shift is counted before its acts are shown"):
        find()
    assert find("auditor", most=1).acts


def test_numbers_that_somebody_typed_are_masked_for_who_may_not_see_them() -> None:
    from dianka.desk.office.customers.contracts import suspend_account
    from dianka.desk.office.customers.history import list_history

    make_contract(7)
    suspend_account(
        make_actor(), 7, "call 13812345678 or 11010119900101101X, card 00a1381234567800"
    )
    (seen,) = find(kind="account suspended").acts
    (masked,) = find("auditor", kind="account suspended").acts
    assert "13812345678" in seen.detail and "11010119900101101X" in seen.detail
    assert masked.detail.endswith("call 138****5678 or 110***********101X, card 00a1381234567800")
    assert "meter 000000000007" in masked.detail
    for role, whole in (("clerk", False), ("manager", True)):
        texts = " ".join(event.text for event in list_history(make_actor(role), 7))
        assert ("call 13812345678" in texts, "call 138****5678" in texts) == (whole, not whole)


def test_a_meter_s_history() -> None:
    from dianka.desk.office.customers.closing import exchange_meter
    from dianka.desk.office.customers.history import list_meter_history
    from dianka.desk.office.estate.meters import add_meters, scrap_meter

    actor = make_actor("manager")
    add_meters(actor, 40, 3, "DDS")
    add_meters(actor, 45)
    contract = make_contract(7)
    open_shift(actor)
    sell(contract, 5000)
    reading = read_meter(contract, 1200)
    yes = consent(actor, "exchange", "000000000007 for 000000000042", 3800)
    exchange_meter(actor, 7, 42, reading.pk, "dark", yes)
    scrap_meter(actor, 7)
    meter, events = list_meter_history(make_actor(), 7)
    assert (meter.state, [event.time for event in events]) == (
        "scrapped",
        sorted(event.time for event in events),
    )
    told = [(event.kind, event.text.partition(":")[0]) for event in events]
    for event in (
        ("contract", "opened"),
        ("act", "sale, a-manager at desk1"),
        ("reading", f"{reading.pk} (receipt) of meter 000000000007"),
        ("contract", "closed"),
        ("act", "meter removed, a-manager at desk1"),
    ):
        assert event in told, event
    assert told[-1] == ("act", "meter scrapped, a-manager at desk1")
    new, events = list_meter_history(make_actor(), 42)
    assert (new.state, new.model) == ("installed", "DDS")
    assert events[0].text.startswith("meters added, a-manager at desk1: 3 meters up to")
    assert "meter installed" in events[1].text and "at East 1 7" in events[1].text
    begin_sale(find_seller(), contract_of(42), 300)
    unfinished = list_meter_history(make_actor(), 42)[1][-1]
    assert unfinished.text.startswith("3.00 yuan, purchase 2, pending")
    assert "45" in list_meter_history(make_actor(), 45)[1][0].text
    with pytest.raises(CardError, match="there is no meter 000000000099"):
        list_meter_history(make_actor(), 99)


def contract_of(meter_no: int) -> Any:
    from dianka.desk.office.customers.models import Contract

    return Contract.objects.get(meter__number=meter_no)


def test_no_adding_is_taken_for_another_one() -> None:
    """One of an earlier delivery, of numbers that end before, or too far off to be looked at."""
    from dianka.desk.office.estate import meters

    actor = make_actor("technician")
    meters.add_meters(actor, 1, 3)
    made = make_contract(4).meter
    assert meters.find_adding(made) is None
    act = meters.find_adding(meters.find_meter(3))
    assert act and act.subject == "000000000001"


def test_a_card_s_history() -> None:
    from dianka.desk.office.cards import register
    from dianka.desk.office.customers.history import list_card_history

    technician, serials = make_actor("technician"), [bytes([0] * 7 + [at]) for at in (1, 2)]
    contract = make_contract(7)
    making = register.Making(kinds.USER, contract=contract)
    register.begin_making(technician, serials[0], making)
    former = register.finish_making(technician, serials[0])
    seller = find_seller()
    from dianka.desk.office.vending import sales

    sales.post(seller, begin_sale(seller, contract, 5000, card_serial=former.serial))
    read_meter(contract)
    replacing = register.Making(kinds.USER, contract=contract, replaces=former, count=1)
    register.begin_replacement(technician, serials[1], replacing)
    register.finish_making(technician, serials[1])
    register.note_cleared(technician, serials[0])
    other = make_contract(8)
    register.begin_making(technician, serials[0], register.Making(kinds.USER, contract=other))
    card, events = list_card_history(make_actor(), former.serial)
    told = [event.text.partition(":")[0].partition(", a-")[0] for event in events]
    assert card.state == "making" and card.contract == other
    assert [word for word in told if not word.startswith("50.00")] == [
        "card begun",
        "card made",
        "0000000000000002 made in place of it, now used",
        "card replaced",
        "card cleared",
        "card begun",
    ]
    assert "50.00 yuan, purchase 1, loaded, desk1 number 1, receipt 1" in told, "of its former life"
    with pytest.raises(CardError, match="is not in the register"):
        list_card_history(make_actor(), "00" * 8)


def test_by_command(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer import Typer

    from dianka.desk.cli.office import acts, cards, customers, estate
    from dianka.desk.office.estate.meters import add_meters

    for module in (acts, cards, customers, estate):
        monkeypatch.setattr(module, "open_as_actor", lambda folder: make_actor("manager"))
    add_meters(make_actor("technician"), 42, 3)
    app = Typer()
    app.command("acts")(acts.acts_command)

    def run(app: Typer, *words: str) -> list[str]:
        done = CliRunner().invoke(app, [*words, "--office", str(office)])
        return done.output.splitlines()

    row, rest = run(app, "--subject", "42")
    assert row.endswith(
        "a-technician  meters added  000000000042  3 meters up to 000000000044, model ''"
    )
    assert rest == "nothing older"
    assert run(app, "--subject", "43") == ["none"]
    assert run(app, "--since", "2099-01-01", "--until", "2099-12-31") == ["none"]
    assert (
        run(app, "--most", "1")[1]
        == "the newest 1 are shown: give --most, or --until an earlier day"
    )
    assert "is no day" in run(app, "--since", "1.3.2026")[0]
    assert "from 2000 to 2099" in run(app, "--until", "9999-12-31")[0]
    head, *_, adding = run(estate.meter_app, "show", "44")
    assert head == "meter 000000000044" and "meters added" in adding
    assert "is not in the register" in run(cards.card_app, "show", "00" * 8)[0]
