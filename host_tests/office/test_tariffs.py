"""Tariffs: versions that never change, two managers at once, and which price a sale brings along.

Also run on PostgreSQL, by test_postgresql.py.
"""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from estate_kit import make_actor, make_contract
from shift_kit import give_consent

FUTURE = 9_901_010_000


def boss() -> Any:
    return make_actor("manager", name="lin")


def agreed(name: str, number: int, price_e4: int, begins: int) -> int:
    from dianka.desk.office.customers.tariffs import name_version

    return give_consent(boss(), "tariff", name_version(name, number, price_e4, begins))


def add(name: str = "flat", price_e4: int = 5000) -> Any:
    from dianka.desk.office.customers import tariffs

    return tariffs.add_tariff(boss(), name, price_e4, agreed(name, 1, price_e4, 0))


def change(number: int, price_e4: int, begins: int = FUTURE, **more: Any) -> Any:
    from dianka.desk.office.customers import tariffs

    consent = agreed("flat", number, price_e4, begins)
    return tariffs.add_version(boss(), "flat", number, price_e4, begins, consent, **more)


def test_a_version_takes_a_second_person_and_is_for_ever(office: Path) -> None:
    from django.db import DatabaseError, connection, transaction

    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.customers import tariffs
    from dianka.desk.office.people.consent import ConsentError

    assert (add().approved_by, change(2, 6000).approved_by) == ("boss", "boss")
    acts = Act.objects.filter(kind="tariff").values_list("subject", flat=True)
    assert list(acts) == ["flat 1: 5000 from 0", f"flat 2: 6000 from {FUTURE}"]
    for wrong in (None, agreed("flat", 3, 6001, FUTURE), agreed("flat", 3, 6000, FUTURE + 1)):
        with pytest.raises(ConsentError):
            tariffs.add_version(boss(), "flat", 3, 6000, FUTURE, wrong)
    for statement in ("UPDATE customers_tariffversion SET price_e4 = 1", "DELETE FROM customers_tariffversion"):  # fmt: skip  # noqa: E501
        with pytest.raises(DatabaseError, match="a price is never changed"):  # noqa: SIM117
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)


def test_the_second_of_two_managers_is_told(office: Path) -> None:
    add()
    change(2, 6000)
    with pytest.raises(Exception, match=r"flat has version 2 already, 0\.6000 yuan/kWh from 2099"):
        change(2, 6100)
    assert change(3, 6100).number == 3


@pytest.mark.parametrize(
    ("said", "price_e4", "begins"),
    [
        ("2020-01-01 00:00 has passed", 5100, 2_001_010_000),
        ("60 % above the former 0.5000 yuan/kWh: give --really", 8000, FUTURE),
        ("a price is from 0.0001", 0, FUTURE),
        ("a price is from 0.0001", 100_000_000, FUTURE),
    ],
)
def test_what_is_no_price(office: Path, said: str, price_e4: int, begins: int) -> None:
    from dianka.desk.office.customers.tariffs import TariffError

    add()
    with pytest.raises(TariffError, match=said):
        change(2, price_e4, begins)
    with pytest.raises(TariffError, match="there is a tariff flat"):
        add()


def test_a_far_price_that_is_meant(office: Path) -> None:
    add()
    assert change(2, 8000, really=True).price_e4 == 8000


class Meter:
    """What a meter makes of a price that a purchase brings (docs/cards/sessions.md)."""

    def __init__(self, price_e4: int) -> None:
        self.price_e4, self.plan = price_e4, (0, 0)

    def bring(self, price_e4: int, minute: int) -> None:
        self.plan = minute, price_e4

    def read(self, now: int) -> int:
        if 0 < self.plan[0] <= now:
            self.price_e4, self.plan = self.plan[1], (0, 0)
        return self.price_e4


steps = st.lists(
    st.tuples(st.just("version"), st.integers(1, 30), st.integers(1, 9))
    | st.tuples(st.just("sale"), st.integers(1, 2), st.just(0))
    | st.tuples(st.just("wait"), st.integers(1, 12), st.just(0)),
    max_size=25,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_a_meter_has_the_price_in_force_after_each_sale(
    office: Path, steps: list[tuple[str, int, int]]
) -> None:
    """And the coming one as well, after a second sale."""
    from dianka.desk.office.customers import tariffs
    from dianka.desk.office.customers.models import Tariff, TariffVersion

    tariff, now, meter = Tariff(pk=1), 1, Meter(100)
    versions = [TariffVersion(pk=1, tariff=tariff, number=1, price_e4=100, begins=0)]
    own = versions[0]
    for step, number, price in steps:
        if step == "wait":
            now += number
        elif step == "version":
            pk = len(versions) + 1
            words = {"number": pk, "price_e4": 100 * pk + price, "begins": now + number}
            versions.append(TariffVersion(pk=pk, tariff=tariff, **words))
        else:
            for _ in range(number):
                meter.read(now)  # time has passed there as well
                due = tariffs.pick_among(own, versions, now)
                if due is not own:
                    own = due
                    meter.bring(due.price_e4, due.begins or now)
                # The card has been in the meter before it is sold to again.
                assert meter.read(now) == price_at(versions, now)
            coming = sorted({version.begins for version in versions if version.begins > now})
            if number == 2 and coming:
                until = [at for at in coming if price_at(versions, at) != meter.price_e4][:1]
                later = Meter(meter.price_e4)
                later.plan = meter.plan
                assert all(later.read(at) == price_at(versions, at) for at in until)


def price_at(versions: list[Any], now: int) -> int:
    """The price that the tariff has at a minute, by its words: the newest that has begun."""
    price_e4 = 0
    for version in versions:
        if version.begins <= now:
            price_e4 = version.price_e4
    return price_e4


def test_what_a_sale_brings(office: Path) -> None:
    from dianka.desk.office.customers import tariffs
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.prices import NewPrice

    contract, now = make_contract(7), tariffs.read_minute()
    assert tariffs.price_due(contract, now) is None
    contract.tariff = add().tariff
    contract.price = tariffs.list_versions(contract.tariff)[0]
    contract.save()
    coming = change(2, 6000)
    contract = Contract.objects.get(pk=contract.pk)
    assert tariffs.pick_version(contract, now) == coming
    assert tariffs.price_due(contract, now) == NewPrice(6000, FUTURE, at_once=True)
    assert tariffs.price_due(contract, FUTURE) == NewPrice(6000, FUTURE, at_once=True)
    Contract.objects.filter(pk=contract.pk).update(price=coming)
    assert tariffs.price_due(Contract.objects.get(pk=contract.pk), FUTURE + 1) is None
