"""The register of cards: who may, in which order, and what the database refuses itself.

Also run on PostgreSQL, by test_postgresql.py.
"""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dianka.card_port import CardError
from dianka.cardos import kinds
from estate_kit import make_actor, make_contract
from office_kit import PASSWORD
from registry_kit import begin_sale, enter_sale, load

LIVE = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def serial_of(number: int) -> bytes:
    return number.to_bytes(8, "big")


def making(**words: Any) -> Any:
    from dianka.desk.office.cards.register import Making

    return Making(words.pop("kind", kinds.USER), **words)


def made(number: int, **words: Any) -> Any:
    """Return a card that was begun and finished."""
    from dianka.desk.office.cards import register

    technician = make_actor("technician")
    register.begin_making(technician, serial_of(number), making(**words))
    return register.finish_making(technician, serial_of(number))


def consented(contract: Any, amount_fen: int, by: str = "a-clerk") -> int:
    """Return a supervisor's consent to a replacement with this money."""
    from dianka.desk.office.cards.register import WITH_MONEY
    from dianka.desk.office.people.consent import give_consent
    from dianka.desk.office.people.models import Operator
    from dianka.desk.office.people.roles import give_role

    second, new = Operator.objects.get_or_create(username="wu")
    if new:
        second.set_password(PASSWORD)
        second.save()
        give_role(second, "supervisor")
    actor = make_actor(name=by)
    return give_consent(actor, "wu", PASSWORD, WITH_MONEY, str(contract.meter), amount_fen)


def test_each_step_is_an_act(office: Path) -> None:
    from dianka.desk.office import checking
    from dianka.desk.office.audit.models import Act

    contract, before = make_contract(42), Act.objects.count()
    made(1, contract=contract, holder="")
    acts = Act.objects.order_by("id")[before:]
    assert [(act.kind, act.operator) for act in acts] == [
        ("card begun", "a-technician"),
        ("card made", "a-technician"),
    ]
    assert list(checking.find_faults()) == []


def test_every_act_as_every_role(office: Path) -> None:
    """Rights are checked where things are done, before anything else."""
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.cards import recognising, register  # noqa: F401
    from dianka.desk.office.people.models import ROLES
    from dianka.desk.office.people.rights import ACTS, RIGHTS, RightError

    before, tried = Act.objects.count(), 0
    for name, (right, act) in ACTS.items():
        for role in set(ROLES) - RIGHTS[right] if ".cards." in name else ():
            with pytest.raises(RightError):
                act(make_actor(role))
            tried += 1
    assert tried >= 8 and Act.objects.count() == before


def test_a_contract_has_one_card(office: Path) -> None:
    from dianka.desk.office.cards.register import RegisterError, begin_making

    contract, technician = make_contract(42), make_actor("technician")
    made(1, contract=contract)
    with pytest.raises(RegisterError, match="has card 0000000000000001 already"):
        begin_making(technician, serial_of(2), making(contract=contract))
    with pytest.raises(RegisterError, match="is a user card"):
        begin_making(technician, serial_of(1), making(kind=kinds.INSPECTION))
    contract.state = "suspended"
    contract.save()
    with pytest.raises(RegisterError, match="has card"):
        begin_making(technician, serial_of(2), making(contract=contract))
    other = make_contract(43)
    other.state = "closed"
    other.save()
    with pytest.raises(RegisterError, match="is closed: no card is made for it"):
        begin_making(technician, serial_of(2), making(contract=other))


def test_two_makings_of_one_contract_end_as_one_card(office: Path) -> None:
    """The first chip was broken off and another was taken: the first is replaced, whole or not."""
    from dianka.desk.office.cards import register

    contract, technician = make_contract(42), make_actor("technician")
    for number in (1, 2):
        register.begin_making(technician, serial_of(number), making(contract=contract))
    register.finish_making(technician, serial_of(2))
    with pytest.raises(register.RegisterError, match="is not being made"):
        register.finish_making(technician, serial_of(1))
    first = register.find_card(serial_of(1))
    assert first and first.state == "replaced"


def test_a_meter_number_is_given_out_once(office: Path) -> None:
    from dianka.desk.office.cards.register import RegisterError, begin_making

    technician = make_actor("technician")
    words = {"kind": kinds.INIT, "meter_no": 42}
    begin_making(technician, serial_of(1), making(**words))
    begin_making(technician, serial_of(1), making(**words))  # the same chip, broken off
    with pytest.raises(RegisterError, match="was given out, as the office knows"):
        begin_making(technician, serial_of(2), making(**words))
    begin_making(technician, serial_of(2), making(**words, again=True))
    begin_making(technician, serial_of(3), making(**words, again=True))
    make_contract(43)  # its meter is installed: it has its number
    words["meter_no"] = 43
    with pytest.raises(RegisterError, match="was given out"):
        begin_making(technician, serial_of(4), making(**words))
    begin_making(technician, serial_of(4), making(**words, again=True))


def test_the_database_gives_a_number_out_once_too(office: Path) -> None:
    from django.db import IntegrityError, transaction

    from dianka.desk.office.cards.models import Card

    first = made(1, kind=kinds.INIT, meter_no=42)
    with pytest.raises(IntegrityError), transaction.atomic():
        Card.objects.create(
            serial="02", kind="init", state="making", meter_no=42, desk="d",
            made_at=first.made_at, seen_at=first.seen_at,
        )  # fmt: skip


STATEMENTS = [
    "DELETE FROM cards_card",
    "UPDATE cards_card SET serial = '00'",
    "UPDATE cards_card SET state = 'making'",
    "UPDATE cards_card SET kind = 'init'",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_database_refuses(office: Path, statement: str) -> None:
    from django.db import DatabaseError, connection, transaction

    made(1, contract=make_contract(42))
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_replacement_carries_what_was_sold_and_nothing_else(office: Path) -> None:
    from dianka.desk.office.cards import register

    contract, clerk = make_contract(42), make_actor()
    former = made(1, contract=contract)
    sale = enter_sale(contract, serial_of(1), 5000)
    for count, money_fen in ((1, 4999), (2, 5000), (0, 5000), (2, 0)):
        wrong = making(contract=contract, replaces=former, count=count, money_fen=money_fen)
        with pytest.raises(CardError, match="the last purchase of contract"):
            register.begin_replacement(clerk, serial_of(2), wrong)
    for replaces in (None, made(9, contract=make_contract(43))):
        wrong = making(contract=contract, replaces=replaces)
        with pytest.raises(register.RegisterError, match="the card of contract"):
            register.begin_replacement(clerk, serial_of(2), wrong)
    load(sale)
    wrong = making(contract=contract, replaces=former, count=1, money_fen=5000)
    with pytest.raises(CardError, match=r"1 with 0\.00 yuan in transit, not 1 with 50\.00"):
        register.begin_replacement(clerk, serial_of(2), wrong)
    right = making(contract=contract, replaces=former, count=1)
    register.begin_replacement(clerk, serial_of(2), right)
    register.finish_making(clerk, serial_of(2))
    former.refresh_from_db()
    assert former.state == "replaced"


def test_a_card_that_was_reported_lost_is_replaced(office: Path) -> None:
    """It counts as replaced from the report on; the new card still names it."""
    from dianka.desk.office.cards import register

    contract, clerk = make_contract(42), make_actor()
    lost = made(1, contract=contract)
    register.set_state(clerk, lost, "replaced", "card lost", "on the bus")
    assert register.find_former(contract) == lost
    register.begin_replacement(clerk, serial_of(2), making(contract=contract, replaces=lost))
    new = register.finish_making(clerk, serial_of(2))
    assert (register.find_successor(lost), register.find_former(contract)) == (new, new)


def test_a_replacement_ends_before_the_next_sale(office: Path) -> None:
    """Its making was broken off, and the former card went on: the chip has the count before."""
    from dianka.desk.office.cards import register

    contract, clerk = make_contract(42), make_actor()
    former = made(1, contract=contract)
    register.begin_replacement(clerk, serial_of(2), making(contract=contract, replaces=former))
    enter_sale(contract, serial_of(1), 5000)
    with pytest.raises(register.RegisterError, match="was begun with 0: make another card"):
        register.finish_making(clerk, serial_of(2))
    former.refresh_from_db()
    assert former.state == "used"
    register.note_cleared(clerk, serial_of(1))
    with pytest.raises(register.RegisterError, match="has bought before"):
        register.begin_making(make_actor("technician"), serial_of(3), making(contract=contract))


def test_no_more_than_the_ledger_has_in_transit(office: Path) -> None:
    """A sale that says written, and its money is not there: whoever took it, no card carries it."""
    from dianka.desk.office.cards.purchases import read_last_purchase
    from dianka.desk.office.ledger import posting

    contract = make_contract(42)
    enter_sale(contract, serial_of(1), 5000)
    transit = posting.of_meter(posting.TRANSIT, 42)
    back = posting.Move(transit, posting.Place(posting.REFUND, "desk1"), 1)
    posting.post("desk1", "lin", "refund", "42", [back])
    with pytest.raises(CardError, match=r"of 50\.00 yuan, and 49\.99 yuan are in transit"):
        read_last_purchase(contract)


def test_a_sale_that_is_not_finished_is_carried_with_its_money(office: Path) -> None:
    """Its card is lost and may have it. The new card has it, so the next look at it posts it."""
    from dianka.desk.office.cards import register

    contract, clerk = make_contract(42), make_actor()
    former = made(1, contract=contract)
    begin_sale(contract, serial_of(1), 5000)
    without = making(contract=contract, replaces=former, count=1)
    with pytest.raises(CardError, match=r"the sale of 50\.00 yuan is not finished"):
        register.begin_replacement(clerk, serial_of(2), without)
    carried = making(contract=contract, replaces=former, count=1, money_fen=5000)
    with pytest.raises(CardError, match="second person's consent"):
        register.begin_replacement(clerk, serial_of(2), carried)
    register.begin_replacement(clerk, serial_of(2), carried, consented(contract, 5000))
    assert register.finish_making(clerk, serial_of(2)).state == "used"


def test_money_takes_a_second_person(office: Path) -> None:
    from dianka.desk.office.cards import register
    from dianka.desk.office.ledger import proof
    from dianka.desk.office.people.consent import ConsentError

    contract, clerk = make_contract(42), make_actor()
    former = made(1, contract=contract)
    enter_sale(contract, serial_of(1), 5000)
    sums = proof.sum_by_kind()
    wanted = making(contract=contract, replaces=former, count=1, money_fen=5000)
    other = consented(make_contract(43), 5000), consented(contract, 4900)
    for number in (None, *other, consented(contract, 5000, by="somebody else")):
        with pytest.raises(ConsentError):
            register.begin_replacement(clerk, serial_of(2), wanted, number)
        assert register.find_card(serial_of(2)) is None, "nothing is done"
    consent = consented(contract, 5000)
    register.begin_replacement(clerk, serial_of(2), wanted, consent)
    register.begin_replacement(clerk, serial_of(2), wanted)  # broken off: the same chip once more
    with pytest.raises(ConsentError):
        register.begin_replacement(clerk, serial_of(3), wanted, consent)
    register.finish_making(clerk, serial_of(2))
    assert proof.sum_by_kind() == sums, "the money stays in transit"


def test_the_price_that_a_card_has(office: Path) -> None:
    """A card that opens the account sets the meter's price: never one that is only planned."""
    from dianka.desk.office.cards.terms import make_user_data
    from dianka.desk.office.customers.models import TariffVersion

    contract, now = make_contract(42), 2601050800
    assert list(make_user_data(contract, True, now).rates_e4) == [5000]
    words = {"tariff": contract.tariff, "approved_by": "a-manager"}
    contract.price = TariffVersion.objects.create(**words, number=2, price_e4=6000, begins=now + 1)
    assert list(make_user_data(contract, True, now).rates_e4) == [5000]
    assert list(make_user_data(contract, False, now).rates_e4) == [5000], "until then"
    for opens in (True, False):
        assert list(make_user_data(contract, opens, now + 1).rates_e4) == [6000]
    other = make_contract(43, price_e4=7000)
    other.price = TariffVersion.objects.create(
        tariff=other.tariff, approved_by="a", number=2, price_e4=1, begins=now + 1
    )
    with pytest.raises(CardError, match="is in force yet"):
        make_user_data(other, True, -1)


def test_scrapping_has_a_reason_and_no_card_in_use(office: Path) -> None:
    from dianka.desk.office.cards.register import RegisterError, find_card, scrap

    technician = make_actor("technician")
    made(1, contract=make_contract(42))
    made(2, kind=kinds.INSPECTION)
    for number, reason, said in ((1, "bent", "in use"), (2, " ", "reason"), (3, "x", "not in")):
        with pytest.raises(RegisterError, match=said):
            scrap(technician, serial_of(number), reason)
    scrap(technician, serial_of(2), "bent")
    card = find_card(serial_of(2))
    assert card and card.state == "scrapped"


# ****** The register's states, against a model ******

steps = st.tuples(
    st.sampled_from(("begin", "replace", "finish", "clear", "scrap", "receive")),
    st.integers(1, 3),  # the chip
    st.integers(0, 1),  # the contract
)


class Model:
    """What the register should say, by rules that are written a second time."""

    def __init__(self) -> None:
        self.state: dict[int, str] = {}
        self.of: dict[int, int] = {}  # chip: contract
        self.by: dict[int, int | None] = {}  # chip: the one that it replaces

    def used(self, contract: int) -> int | None:
        return next(
            (c for c, of in self.of.items() if of == contract and self.state[c] == "used"), None
        )

    def begin(self, chip: int, contract: int, replaces: int | None) -> bool:
        if self.state.get(chip, "stock") not in ("stock", "making", "cleared"):
            return False
        self.state[chip], self.of[chip], self.by[chip] = "making", contract, replaces
        return True

    def step(self, what: str, chip: int, contract: int) -> bool:
        """Do it; return whether it is allowed."""
        state, used = self.state.get(chip), self.used(contract)
        if what == "begin":
            return used is None and self.begin(chip, contract, None)
        if what == "replace":
            return used is not None and self.begin(chip, contract, used)
        if what == "finish" and state == "making":
            of, by = self.of[chip], self.by[chip]
            if self.used(of) not in (None, by):
                return False
            for other, its in self.of.items():
                if its == of and other != chip and self.state[other] in ("used", "making"):
                    self.state[other] = "replaced"
            self.state[chip] = "used"
            return True
        if what == "clear":
            if state in ("used", "replaced"):
                self.state[chip] = "cleared"
            return True
        if what == "receive" and state is None:
            self.state[chip] = "stock"
            return True
        if what == "scrap" and state not in (None, "used", "scrapped"):
            self.state[chip] = "scrapped"
            return True
        return False


def do(what: str, serial: bytes, contract: Any) -> None:
    """Do one step of the register."""
    from dianka.desk.office.cards import register

    actor = make_actor("supervisor")
    if what == "begin":
        register.begin_making(actor, serial, making(contract=contract))
    elif what == "replace":
        used = register.find_card_of(contract)
        register.begin_replacement(actor, serial, making(contract=contract, replaces=used))
    elif what == "finish":
        register.finish_making(actor, serial)
    elif what == "clear":
        register.note_cleared(actor, serial)
    elif what == "scrap":
        register.scrap(actor, serial, "bent")
    else:
        register.receive_blank(actor, serial, kinds.USER)


@LIVE
@given(tries=st.lists(steps, max_size=20))
def test_random_steps_against_a_model(office: Path, tries: list[tuple[str, int, int]]) -> None:
    from django.db import transaction

    from dianka.desk.office import checking
    from dianka.desk.office.cards.models import Card
    from dianka.desk.office.cards.register import RegisterError

    with transaction.atomic():
        model, contracts = Model(), [make_contract(42), make_contract(43)]
        for what, chip, place in tries:
            if what == "replace" and model.used(place) is None:
                continue  # of a card that was never seen: as begin
            if model.step(what, chip, place):
                do(what, serial_of(chip), contracts[place])
            else:
                with pytest.raises(RegisterError):
                    do(what, serial_of(chip), contracts[place])
            states = {int(card.serial, 16): card.state for card in Card.objects.all()}
            assert states == model.state
        assert list(checking.find_faults()) == []
        transaction.set_rollback(True)
