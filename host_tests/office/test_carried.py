"""A purchase that two cards may carry: paid back or credited, never both, and a way out of each.

Real chips and a meter's ESAM; what the meter was credited is compared with the books. Also run on
PostgreSQL, by test_postgresql.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

import cards_kit as kit
import replaced_kit
import shift_kit
from counter_kit import Resident
from dianka.card_port import CardError
from estate_kit import make_actor
from refund_kit import Refunder, balances, buy, faults, leave_unfinished

Stand = tuple[Refunder, Resident]


@pytest.fixture
def stand(office: Path) -> Iterator[Stand]:
    control = kit.control_card()
    yield Refunder(control), Resident(control)


def check_meter(clerk: Refunder, resident: Resident, fen: int, **more: int) -> None:
    """Compare what the meter was credited with the till, the books and their proof."""
    assert kit.wallet(resident.esam)[0] == fen
    right = {"cash": clerk.till_fen, "meter": -fen} | more
    assert balances() == {kind: fen for kind, fen in right.items() if fen} and faults() == []


@pytest.mark.parametrize("scrapped", [False, True], ids=["made", "scrapped"])
def test_no_refund_while_a_card_in_making_has_the_purchase(stand: Stand, scrapped: bool) -> None:
    from dianka.desk.office.cards import register

    clerk, resident = stand
    buy(clerk, resident, False)
    new = replaced_kit.break_off(clerk, resident, 21)
    serial = new.state.serial.hex()
    if scrapped:  # without a proof that it is
        register.scrap(make_actor("technician"), new.state.serial, "lost")
    said = clerk.refund(resident)
    assert f"card {serial}" in said and "use the purchase" in said and "\n" not in said, said
    assert clerk.till_fen == 5700
    if scrapped:  # lost for ever: the purchase is used, the meter credits it once
        resident.visit_meter()
        clerk.look(resident)
    else:
        assert replaced_kit.read(clerk, new) == "used"
        former, resident.card = resident.card, new
        assert "not paid back from another card: put this one into its meter" in clerk.refund(
            resident
        )
        resident.visit_meter()
        assert not kit.use_in_meter(resident.esam, former)
        clerk.look(resident)
    check_meter(clerk, resident, 5700)


def test_a_refund_goes_on_when_the_card_in_making_is_blank(stand: Stand) -> None:
    clerk, resident = stand
    buy(clerk, resident, False)
    new = replaced_kit.break_off(clerk, resident, 21, whole=False)
    assert f"read card {new.state.serial.hex()}" in clerk.refund(resident)
    assert replaced_kit.read(clerk, new) == "stock"
    assert clerk.refund(resident) == "paid"
    resident.visit_meter()
    clerk.look(resident)
    check_meter(clerk, resident, 700)


def test_two_desks_at_once(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card is begun between the refund's intent and its entry: neither is paid for both."""
    from dianka.desk.office.vending import refund_counter

    clerk, resident = stand
    buy(clerk, resident, False)
    made: list[str] = []

    def take_off(*words: object) -> None:
        with pytest.raises(CardError) as error:
            replaced_kit.break_off(clerk, resident, 21, whole=False)
        made.append(str(error.value))
        send(*words)

    send = refund_counter.send_take_off
    with monkeypatch.context() as patch:
        patch.setattr(refund_counter, "send_take_off", take_off)
        assert clerk.refund(resident) == "paid"
    assert "refund 1 of 50.00 yuan is not finished: look at card" in made[0]


def test_an_unfinished_sale_is_not_void_while_a_card_in_making_has_it(stand: Stand) -> None:
    clerk, resident = stand
    clerk.sell(resident, 700, resident.card)
    resident.visit_meter()
    leave_unfinished(clerk, resident)
    new = replaced_kit.break_off(clerk, resident, 21)
    (told,) = clerk.look(resident)
    assert " at desk1 of 50.00 yuan is not finished: sell 50.00 to complete it (card" in told
    assert f"card {new.state.serial.hex()}" in told and clerk.till_fen == 5700
    assert replaced_kit.read(clerk, new) == "used"
    resident.card = new
    (told,) = clerk.look(resident)
    assert told.endswith("of 50.00 yuan is on the card, and posted now")
    resident.visit_meter()
    clerk.look(resident)
    check_meter(clerk, resident, 5700)


def test_an_unfinished_sale_is_completed_when_the_card_in_making_is_lost(stand: Stand) -> None:
    clerk, resident = stand
    clerk.sell(resident, 700, resident.card)
    resident.visit_meter()
    leave_unfinished(clerk, resident)
    new = replaced_kit.break_off(clerk, resident, 21)
    assert clerk.sell(resident, 5000, resident.card) == "completed"
    resident.visit_meter()
    assert not kit.use_in_meter(resident.esam, new), "it turns up"
    clerk.look(resident)
    assert clerk.sell(resident, 100, resident.card) == "sold"
    assert "make another card" in replaced_kit.read(clerk, new)
    resident.visit_meter()
    clerk.look(resident)
    check_meter(clerk, resident, 5800)


def test_a_card_with_an_earlier_sale_s_money_does_not_come_into_use(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its purchase was paid back, by an office that did not ask, and its count sold anew."""
    from dianka.desk.office.vending import refunds

    clerk, resident = stand
    buy(clerk, resident, False)
    new = replaced_kit.break_off(clerk, resident, 21)
    with monkeypatch.context() as patch:
        patch.setattr(refunds, "raise_if_carried", lambda *_words: None)
        assert clerk.refund(resident) == "paid"
    resident.visit_meter()
    assert clerk.sell(resident, 100, resident.card) == "sold"
    for _ in range(2):
        assert "let it into no meter, and make another card" in replaced_kit.read(clerk, new)
    stale, kept = Resident.__new__(Resident), resident.card
    stale.contract, stale.card = resident.contract, new
    with pytest.raises(CardError, match="let it into no meter"):
        clerk.look(stale)
    resident.card = kept
    resident.visit_meter()
    clerk.look(resident)
    check_meter(clerk, resident, 800)


def test_a_card_without_the_money_of_a_later_sale_does_not_come_into_use(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another purchase was waived than the one that its count would void."""
    from dianka.desk.office.vending import refunds

    clerk, resident = stand
    buy(clerk, resident, False)
    new = replaced_kit.break_off(clerk, resident, 21, waived=True)
    assert f"card {new.state.serial.hex()}" in clerk.refund(resident)
    with monkeypatch.context() as patch:
        patch.setattr(refunds, "raise_if_carried", lambda *_words: None)
        assert clerk.refund(resident) == "paid"
    resident.visit_meter()
    assert clerk.sell(resident, 6000, resident.card) == "sold"
    assert "let it into no meter, and make another card" in replaced_kit.read(clerk, new)


def break_refund(clerk: Refunder, resident: Resident, is_off: bool) -> None:
    """Begin a refund of the last purchase; the card is pulled at the write that takes it off."""
    from dianka.desk.office.vending.models import Refund

    for at in range(5, 40):
        if clerk.refund(resident, kit.Pulled(resident.card, at, is_off)) == "broken":
            assert Refund.objects.get(state="pending").number
            return
    raise AssertionError("no refund was broken off")


@pytest.mark.parametrize("is_off", [False, True], ids=["on", "off"])
def test_an_unfinished_refund_is_of_one_card(stand: Stand, is_off: bool) -> None:
    from dianka.desk.office.customers import lost
    from dianka.desk.office.vending import refunds
    from dianka.desk.office.vending.models import Refund, Sale

    clerk, resident = stand
    buy(clerk, resident, False)
    break_refund(clerk, resident, is_off)
    serial = resident.card.state.serial.hex()
    with pytest.raises(CardError) as error:
        replaced_kit.break_off(clerk, resident, 21, whole=False)
    assert str(error.value) == (
        f"refund 1 of 50.00 yuan is not finished: look at card {serial} first; if it is lost, "
        "report it as lost"
    )
    lost.report_lost(clerk.actor, serial, "on the bus")
    former, resident.card = resident.card, replaced_kit.make(clerk, resident, 21)
    (told,) = clerk.look(resident)
    assert told == (
        f"refund 1 of 50.00 yuan was begun with card {serial}: pay nothing, put this card into its "
        "meter"
    )
    assert "not paid back from another card" in clerk.refund(resident)
    with pytest.raises(CardError, match="card"):
        refunds.post(clerk.actor, Refund.objects.get().pk)
    assert Sale.objects.latest("id").state == "written" and clerk.till_fen == 5700
    resident.visit_meter()
    assert not kit.use_in_meter(resident.esam, former)
    assert any("is void, the meter has the purchase" in line for line in clerk.look(resident))
    check_meter(clerk, resident, 5700)


def test_an_unfinished_refund_goes_on_with_its_own_sale(stand: Stand) -> None:
    from dianka.desk.office.vending import refunds
    from dianka.desk.office.vending.models import Refund, Sale

    clerk, resident = stand
    buy(clerk, resident, False)
    break_refund(clerk, resident, False)
    older, sale = Sale.objects.order_by("id")
    order = refunds.Order("typed", "notes", None)
    serial = resident.card.state.serial.hex()
    for wrong, card in ((older, serial), (sale, "11" * 8)):
        with pytest.raises(refunds.RefundError):
            refunds.begin(clerk.actor, wrong, card, order)
    assert refunds.begin(clerk.actor, sale, serial, order) == Refund.objects.get()
    assert clerk.refund(resident) == "paid"


@pytest.mark.parametrize("role", ["technician", "auditor"])
def test_a_refund_that_the_meter_ended_is_looked_at(stand: Stand, role: str) -> None:
    """Who may look and not refund is told of it; a clerk's look ends it."""
    from dianka.desk.office.vending import counter
    from dianka.desk.office.vending.models import Refund

    clerk, resident = stand
    buy(clerk, resident, False)
    break_refund(clerk, resident, False)
    resident.visit_meter()
    told: list[str] = []
    seen = counter.look(make_actor(role), clerk.control, resident.card, tell=told.append)
    assert seen.reading and told[0].startswith("refund 1 of 50.00 yuan is not finished, pay nothi")
    assert any("is void, the meter has the purchase" in line for line in clerk.look(resident))
    assert Refund.objects.get().state == "void"
    check_meter(clerk, resident, 5700)


@pytest.mark.parametrize("role", ["clerk", "technician"])
def test_a_purchase_is_waived_by_two_people_by_name(stand: Stand, role: str) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.cards import register, replacing
    from dianka.desk.office.people.consent import ConsentError

    clerk, resident = stand
    buy(clerk, resident, False)
    actor, meter = make_actor(role, name="lin"), str(resident.contract.meter)
    planned = replacing.plan_card(actor, resident.contract.meter.number, waived=True)
    assert planned.ask() == (register.WITHOUT_MONEY, meter, 5000)
    chip = kit.blank("user", clerk.control, 21)

    def give(kind: str, fen: int) -> int:
        return shift_kit.give_consent(actor, kind, meter, fen)

    wrong = None, give(register.WITH_MONEY, 5000), give(register.WITHOUT_MONEY, 4999)
    for given in wrong:
        with pytest.raises(ConsentError, match="takes a second person's consent"):
            replacing.make_planned(actor, clerk.control, chip, planned, given)
        assert register.find_card(chip.state.serial) is None
    given = give(register.WITHOUT_MONEY, 5000)
    replacing.make_planned(actor, clerk.control, chip, planned, given)
    act = Act.objects.get(kind="purchase waived")
    assert (act.operator, act.subject) == ("lin", f"{resident.contract.meter.number:012d}")
    assert act.words == (
        f"purchase 2 of 5000 fen is not on card {chip.state.serial.hex()}, boss consents"
    )
    resident.card = chip
    resident.visit_meter()
    clerk.look(resident)
    check_meter(clerk, resident, 700, used=-5000)


def test_nothing_is_waived_of_what_the_meter_has(stand: Stand) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.cards import replacing

    clerk, resident = stand
    buy(clerk, resident, False)
    resident.visit_meter()
    clerk.look(resident)
    number = resident.contract.meter.number
    assert replacing.plan_card(clerk.actor, number, waived=True).ask() is None
    replaced_kit.make(clerk, resident, 21, waived=True)
    assert not Act.objects.filter(kind="purchase waived").exists()
