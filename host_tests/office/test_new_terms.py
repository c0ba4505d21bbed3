"""New terms of a running contract: agreed by two people, and brought to a real meter by cards.

Also run on PostgreSQL, by test_postgresql.py.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.cardos.image import CardFile
from dianka.desk.replace import make_replacement
from estate_kit import make_actor, make_contract
from meter_kit import CUSTOMER_NO, METER_NO, PRICE_E4, USER, MeterKit
from shift_kit import find_seller, give_consent, sell

SHOP_E4, LONG_AGO = 8000, 2_001_010_000
NEW = Path("new.card")


@pytest.fixture
def shop(office: Path) -> str:
    return make_tariff("shop", SHOP_E4)


def make_tariff(name: str, price_e4: int) -> str:
    """Make a tariff whose price has held since long before the meters' clocks began."""
    from dianka.desk.office.customers.models import Tariff, TariffVersion

    tariff = Tariff.objects.create(name=name)
    words = {"price_e4": price_e4, "approved_by": "wu"}
    TariffVersion.objects.create(tariff=tariff, number=1, begins=0, **words)
    TariffVersion.objects.create(tariff=tariff, number=2, begins=LONG_AGO, **words)
    return name


def change(meter_no: int, **given: Any) -> Any:
    from dianka.desk.office.customers import new_terms

    actor = make_actor("clerk")
    terms = new_terms.plan_terms(actor, meter_no, **given)
    yes = give_consent(actor, "terms", new_terms.name_terms(meter_no, terms))
    return new_terms.change_terms(actor, meter_no, terms, yes)


def test_terms_take_consent_to_just_them(shop: str) -> None:
    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.customers import new_terms
    from dianka.desk.office.customers.models import Contract

    actor, contract = make_actor("clerk"), make_contract(7)
    terms = new_terms.plan_terms(actor, 7, shop, 3000, None, 50_000)
    assert (terms.tariff, terms.alarm1_fen, terms.alarm2_fen) == (shop, 3000, 500)
    subject = new_terms.name_terms(7, terms)
    assert subject == "000000000007 shop 3000 500 50000"
    for yes in (
        None,
        give_consent(actor, "terms", subject.replace("shop", "flat 5000")),
        give_consent(actor, "terms", subject.replace("50000", "0")),
        give_consent(actor, "terms", subject.replace("07 ", "08 ")),
        give_consent(actor, "closing", subject),
        give_consent(make_actor("manager"), "terms", subject),
    ):
        with pytest.raises(CardError, match=r"^terms takes a second person's consent"):
            new_terms.change_terms(actor, 7, terms, yes)
    former = Contract.objects.get(pk=contract.pk)
    assert vars(terms_of(former)) == vars(terms_of(contract))
    new_terms.change_terms(actor, 7, terms, give_consent(actor, "terms", subject, name="wu"))
    assert terms_of(Contract.objects.get(pk=contract.pk)) == terms
    act = Act.objects.get(kind="terms changed")
    assert (act.subject, act.words) == (
        "customer 000000000007",
        "meter 000000000007, flat 5000, alarms 20.00 and 5.00, limit 0.00 > shop, alarms 30.00 and "
        "5.00, limit 500.00; consent of wu",
    )


def terms_of(contract: Any) -> Any:
    from dianka.desk.office.customers.contracts import terms_of

    return terms_of(contract)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "has these terms already"),
        ({"alarm1_fen": 2000, "tariff": "flat 5000"}, "has these terms already"),
        ({"tariff": "x"}, "no price of a tariff 'x' holds now"),
        ({"alarm1_fen": 400}, "alarm"),
        ({"hoard_limit_fen": -1}, "alarms and limits are 0 to"),
        ({"hoard_limit_fen": 10**9}, "alarms and limits are 0 to"),
    ],
)
def test_what_are_no_terms(office: Path, given: dict, said: str) -> None:
    from dianka.desk.office.customers import new_terms

    make_contract(7)
    with pytest.raises(CardError, match=said):
        new_terms.plan_terms(make_actor(), 7, **given)
    with pytest.raises(CardError, match=r"meter 000000000008 has no account|there is no meter"):
        new_terms.plan_terms(make_actor(), 8, **given)


def test_the_longest_terms_fit_into_a_consent(office: Path) -> None:
    from dianka.desk.office.customers import new_terms
    from dianka.desk.office.customers.contracts import Terms
    from dianka.desk.office.people.models import Consent
    from dianka.money import HIGHEST_FEN

    longest = new_terms.name_terms(10**12 - 1, Terms("价" * 40, *[HIGHEST_FEN] * 3))
    field: Any = Consent._meta.get_field("subject")
    assert len(longest) <= field.max_length


def test_the_limit_holds_from_now_on(shop: str) -> None:
    contract = make_contract(7)
    contract = change(7, hoard_limit_fen=1000)
    with pytest.raises(CardError, match=r"10\.00"):
        sell(find_seller(), contract, 1001)
    sell(find_seller(), contract, 1000)


class Office:
    """A counter that serves a real meter's card."""

    def __init__(self, folder: Path) -> None:
        self.kit = MeterKit.new(folder)
        self.contract = make_contract(METER_NO, CUSTOMER_NO, price_e4=PRICE_E4)
        self.seller = find_seller()

    def sell(self, amount_fen: int, card: Path = USER) -> Any:
        from dianka.desk.office.vending import counter

        with self.kit.open(card) as file:
            return counter.sell(self.seller, self.kit.control.chip, file.chip, amount_fen)

    def look(self, card: Path = USER) -> None:
        from dianka.desk.office.vending import counter

        with self.kit.open(card) as file:
            counter.look(self.seller, self.kit.control.chip, file.chip)

    def replace(self) -> None:
        """Make a replacement in place of a card that is lost, as the office says."""
        from dianka.desk.office.cards import purchases, register, terms

        contract = terms.find_contract(meter_no=METER_NO)
        last = purchases.read_last_purchase(contract)
        data = terms.make_user_data(contract, last.opens)
        money_fen = 0 if last.in_meter else last.amount_fen
        making = register.Making(
            kinds.USER,
            contract=contract,
            replaces=register.find_former(contract),
            count=last.count,
            money_fen=money_fen,
        )
        with CardFile.create(self.kit.folder / NEW, kinds.USER, rng=self.kit.rng) as new:
            serial = new.chip.state.serial
            asked = register.WITH_MONEY, str(contract.meter), money_fen
            yes = give_consent(self.seller, *asked)
            register.begin_replacement(self.seller, serial, making, yes)
            make_replacement(self.kit.control.chip, new.chip, data, last)
            register.finish_making(self.seller, serial)

    def visit(self, card: Path = USER) -> int:
        """Put the card into the meter; return the price that it has then."""
        assert self.kit.run_session(card).code == 0, self.kit.lines[-5:]
        return self.kit.state.price_e4


@pytest.fixture
def meter(shop: str, tmp_path: Path) -> Iterator[Office]:
    meter = Office(tmp_path)
    yield meter
    meter.kit.close()


def test_the_next_sale_brings_the_price_to_the_meter(meter: Office) -> None:
    from dianka.desk.office.customers.models import Contract

    meter.sell(1000)
    assert meter.visit() == PRICE_E4
    change(METER_NO, tariff="shop")
    assert Contract.objects.get().price.price_e4 == PRICE_E4, "what the meter has"
    assert meter.sell(500).price.price_e4 == SHOP_E4
    assert meter.visit() == SHOP_E4
    change(METER_NO, tariff=make_tariff("back", PRICE_E4))
    meter.sell(500)
    assert meter.visit() == PRICE_E4 and meter.kit.state.count == 3


def test_terms_that_change_before_the_first_sale(meter: Office) -> None:
    """The opening card is made already: its first sale brings everything."""
    change(METER_NO, tariff="shop", alarm1_fen=3000, alarm2_fen=700)
    meter.sell(1000)
    assert meter.visit() == SHOP_E4
    assert (meter.kit.state.alarm1_fen, meter.kit.state.alarm2_fen) == (3000, 700)


def test_later_cards_carry_the_alarms_and_the_meter_keeps_its_own(meter: Office) -> None:
    meter.sell(1000)
    meter.visit()
    meters_own = meter.kit.state.alarm1_fen, meter.kit.state.alarm2_fen
    change(METER_NO, alarm1_fen=3000)
    meter.sell(500)
    assert meter.kit.on_card().params["alarm1_fen"] == 3000
    meter.visit()
    assert (meter.kit.state.alarm1_fen, meter.kit.state.alarm2_fen) == meters_own


@pytest.mark.parametrize("sold", [True, False])
def test_a_replacement_brings_the_price_too(meter: Office, sold: bool) -> None:
    """Of the lost card's sale, which the meter never saw; or before anything is sold."""
    meter.sell(1000)
    assert meter.visit() == PRICE_E4
    meter.look()
    change(METER_NO, tariff="shop")
    if sold:
        meter.sell(500)
    meter.replace()
    assert meter.visit(NEW) == SHOP_E4
    assert meter.kit.state.bought_fen == 1000 + 500 * sold
    meter.look(NEW)
    meter.sell(200, NEW)
    assert meter.visit(NEW) == SHOP_E4 and meter.kit.state.bought_fen == 1200 + 500 * sold


def test_a_price_that_the_meter_has_is_not_brought_again(meter: Office) -> None:
    from dianka.desk.office.cards import terms

    meter.sell(1000)
    meter.visit()
    meter.look()
    contract = terms.find_contract(meter_no=METER_NO)
    assert not terms.make_user_data(contract, opens=False).next_rates_e4
    meter.sell(500)
    assert not terms.make_user_data(contract, opens=False).next_rates_e4
    change(METER_NO, tariff="shop")
    contract = terms.find_contract(meter_no=METER_NO)
    assert list(terms.make_user_data(contract, opens=False).next_rates_e4) == [SHOP_E4]
    assert list(terms.make_user_data(contract, opens=True).rates_e4) == [SHOP_E4]
