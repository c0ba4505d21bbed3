"""Real chips, put in: what the register says of each, and which are refused with what reason.

Also run on PostgreSQL, by test_postgresql.py.
"""

from pathlib import Path

import pytest

import cards_kit as kit
from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.desk import replace, sell
from estate_kit import make_actor, make_contract
from registry_kit import (
    begin_sale,
    load,
    look,
    make_card,
    make_data,
    make_outside,
    sell_to,
    state_of,
)


@pytest.fixture
def control(office: Path) -> Chip:
    return kit.control_card()


def refused(control: Chip, chip: Chip) -> str:
    """Why a card is refused. The refusal is an act, and nothing else is changed."""
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.cards.recognising import CardSuspectError

    with pytest.raises(CardSuspectError) as error:
        look(control, chip)
    act = Act.objects.latest("id")
    assert (act.kind, act.subject) == ("card refused", chip.state.serial.hex())
    assert act.words in str(error.value) and "\n" not in str(error.value)
    return act.words


def test_a_card_in_use_is_whose_it_is(control: Chip) -> None:
    contract = make_contract(42)
    chip = make_card(control, contract, 20)
    card = look(control, chip)
    assert (card.state, card.contract, card.made_by) == ("used", contract, "a-technician")
    sale = sell_to(control, chip, contract, 5000)
    assert look(control, chip).state == "used"
    load(sale)
    assert look(control, chip).pk == card.pk


def test_a_card_of_another_system_is_refused_before_anything(control: Chip) -> None:
    contract = make_contract(42)
    stranger = kit.control_card(seed=9)
    ours, theirs = make_card(control, contract, 20), make_outside(stranger, contract, 21)
    for chip in (theirs, kit.inspection_card(stranger), kit.restore_card(stranger)):
        with pytest.raises(CardError, match="is of another system"):
            look(control, chip)
        assert not chip.state.tries, "it costs the card no try"
    with pytest.raises(CardError, match="is of another system"):
        look(stranger, ours)
    from dianka.desk.office.cards.models import Card

    assert Card.objects.count() == 1


def test_a_card_made_outside_is_taken_in(control: Chip) -> None:
    from dianka.desk.office.cards.recognising import recognise

    contract = make_contract(42)
    chip = make_outside(control, contract, 20)
    sell.sell(control, chip, 700)
    seen = recognise(make_actor(), control, chip)
    assert seen.card and (seen.card.made_by, seen.card.contract) == ("", contract)
    assert ("to do", seen.told) in seen.describe()
    assert seen.told.startswith("purchases 1 to 1 are not in the books")
    contract.refresh_from_db()
    assert contract.former_count == 0, "a look at a card takes no purchase in"
    assert look(control, chip) == seen.card, "once"
    contract.former_count = 1
    contract.save()
    assert recognise(make_actor(), control, chip).told == ""


def test_a_card_sold_to_here_and_then_elsewhere_is_told(control: Chip) -> None:
    contract = make_contract(kit.METER_NO, kit.CUSTOMER_NO)
    chip, esam = make_outside(control, contract, 20), kit.private_esam(control)
    look(control, chip)
    sell_to(control, chip, contract, 5000)
    assert kit.use_in_meter(esam, chip)
    sell.sell(control, chip, 700)
    assert "it was sold to outside of this office" in refused(control, chip)


def test_without_a_contract_it_says_to_open_the_account(control: Chip) -> None:
    from dianka.desk.office.cards.words import describe_card

    chip = kit.user_card(control)
    card = look(control, chip)
    assert card.contract is None
    assert ("holder", "no contract has this meter and customer: open the account") in describe_card(
        card
    )
    contract = make_contract(kit.METER_NO, kit.CUSTOMER_NO)
    assert look(control, chip).contract == contract, "the account was opened since"


def test_a_second_card_of_a_contract_is_refused(control: Chip) -> None:
    contract = make_contract(42)
    first, second = make_card(control, contract, 20), make_outside(control, contract, 21)
    said = refused(control, second)
    assert said.startswith(f"is a second card of contract {contract.pk}, beside ")
    assert first.state.serial.hex() in said and state_of(first) == "used"


def test_a_copied_file_is_told_by_its_count(control: Chip) -> None:
    contract = make_contract(42)
    chip = make_card(control, contract, 20)
    copy = Chip(kit.snapshot(chip))
    sell_to(control, chip, contract, 5000)
    assert refused(control, copy) == (
        "says purchase 0, the office knows of 1: it is a copy of what the card was before"
    )
    sell.sell(control, copy, 4900)  # by somebody who has the control card
    assert "says 49.00 yuan for purchase 1, the office's sale is of 50.00" in refused(control, copy)
    assert look(control, chip).state == "used"


def test_a_card_sold_to_elsewhere_is_told(control: Chip) -> None:
    contract = make_contract(42)
    chip = make_card(control, contract, 20)
    sell.sell(control, chip, 5000)
    assert refused(control, chip) == (
        "says purchase 1, the office knows of 0: it was sold to outside of this office"
    )


def test_a_sale_that_is_not_finished_allows_both_counts(control: Chip) -> None:
    contract = make_contract(42)
    chip = make_card(control, contract, 20)
    begin_sale(contract, chip.state.serial, 5000)
    assert look(control, chip).state == "used"
    sell.sell(control, chip, 5000)
    assert look(control, chip).state == "used"


def test_a_card_with_other_numbers_than_its_contract(control: Chip) -> None:
    contract = make_contract(42)
    chip = kit.blank(kinds.USER, control, 20)
    from dianka.desk.office.cards import register

    technician = make_actor("technician")
    making = register.Making(kinds.USER, contract=contract)
    register.begin_making(technician, chip.state.serial, making)
    kit.issue.make_user(control, chip, make_data(make_contract(43)))
    assert "says meter 000000000043 and customer 000000000043" in refused(control, chip)
    assert state_of(chip) == "making"


def test_a_making_that_was_broken_off_is_resolved_by_the_chip(control: Chip) -> None:
    from dianka.desk.office.cards import register

    contract, technician = make_contract(42), make_actor("technician")
    chip = kit.blank(kinds.USER, control, 20)
    making = register.Making(kinds.USER, contract=contract)
    register.begin_making(technician, chip.state.serial, making)
    assert look(control, chip).state == "stock", "the chip is blank still"
    register.begin_making(technician, chip.state.serial, making)
    kit.issue.make_user(control, chip, make_data(contract))
    assert look(control, chip).state == "used"


def test_a_replaced_card_that_turns_up(control: Chip) -> None:
    from dianka.desk.office.cards import register

    contract, clerk = make_contract(42), make_actor()
    lost = make_card(control, contract, 20)
    row = register.find_card(lost.state.serial)
    new = kit.blank(kinds.USER, control, 21)
    making = register.Making(kinds.USER, contract=contract, replaces=row)
    register.begin_replacement(clerk, new.state.serial, making)
    kit.issue.make_user(control, new, make_data(contract))
    assert look(control, new).state == "used"
    said = refused(control, lost)
    assert said.startswith("was replaced on 20") and said.endswith(f" by {new.state.serial.hex()}")
    replace.clear_card(control, lost)
    assert look(control, lost).state == "cleared"
    kit.issue.make_user(control, lost, make_data(contract))
    assert "was cleared on" in refused(control, lost)


def test_a_blank_card_that_is_not_the_one_clears_no_row(control: Chip) -> None:
    contract = make_contract(42)
    chip = make_card(control, contract, 20)
    false = Chip.new(kinds.USER, chip.state.serial, rng=kit.seeded(5))
    with pytest.raises(CardError, match="does not prove that it is the one"):
        look(control, false)
    assert state_of(chip) == "used"


@pytest.mark.parametrize("kind", [k for k in kinds.ALL if k not in (kinds.USER, kinds.PART)])
def test_every_other_kind_is_taken_in_once(control: Chip, kind: str) -> None:
    made = {
        kinds.INIT: kit.init_card,
        kinds.KEYS: kit.keys_card,
        kinds.RESTORE: kit.restore_card,
        kinds.INSPECTION: kit.inspection_card,
        kinds.TEST_CREDIT: kit.test_credit_card,
        kinds.TEST: kit.production_card,
        kinds.CONTROL: lambda control: Chip(kit.snapshot(control)),
        kinds.ESAM: kit.private_esam,
    }
    chip = made[kind](control)
    first = look(control, chip)
    assert (first.kind, first.state, first.made_by) == (kind, "used", "")
    assert look(control, chip) == first


def test_a_blank_chip_is_counted_once(control: Chip) -> None:
    from dianka.desk.office.cards import register
    from dianka.desk.office.cards.recognising import find_blank_kind, recognise

    technician = make_actor("technician")
    for number, kind in enumerate((kinds.USER, kinds.INSPECTION, kinds.KEYS, kinds.RESTORE)):
        chip = kit.blank(kind, control, 30 + number)
        seen = recognise(technician, control, chip)
        assert (seen.kind, seen.card) == (kind, None)
        assert seen.describe() == [("register", f"blank {kind} card, not in the register")]
        register.receive_blank(technician, chip.state.serial, find_blank_kind(chip))
        with pytest.raises(register.RegisterError, match="in the register already"):
            register.receive_blank(technician, chip.state.serial, kind)
        assert look(control, chip).state == "stock"


def test_the_number_of_an_initialisation_card_is_given_out(control: Chip) -> None:
    """Made outside, it is taken in with its number. One that says another number is refused."""
    from dianka.desk.office.cards import register

    first = kit.init_card(control, 3)
    assert look(control, first).meter_no == kit.METER_NO
    second = look(control, kit.init_card(control, 4))
    assert (second.meter_no, second.again) == (kit.METER_NO, True)
    making = register.Making(kinds.INIT, meter_no=kit.METER_NO)
    with pytest.raises(register.RegisterError, match="was given out"):
        register.begin_making(make_actor("technician"), bytes(8), making)
    chip = kit.blank(kinds.INIT, control, 5)
    making = register.Making(kinds.INIT, meter_no=43)
    register.begin_making(make_actor("technician"), chip.state.serial, making)
    kit.issue.make_init(control, chip, kit.INIT_DATA)
    assert refused(control, chip) == (
        f"says meter number {kit.METER_NO:012d}, it was made for 000000000043"
    )
