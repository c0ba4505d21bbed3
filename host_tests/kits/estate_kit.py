"""A small estate for tests of the office: an area, a tariff, contracts, and actors of each role."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.people.rights import Actor

PRICE_E4 = 5000


def make_actor(role: str = "clerk", desk: str = "desk1", name: str = "") -> "Actor":
    """Return an actor of this role, who need not be an operator in the database."""
    from dianka.desk.office.people.rights import Actor

    return Actor(name or f"a-{role}", desk, frozenset({role}))


def make_contract(
    meter_no: int, customer_no: int = 0, area: str = "East", price_e4: int = PRICE_E4
) -> "Contract":
    """Make a customer with an installed meter and an open contract; all rows that it needs."""
    from dianka.desk.office.audit import chain
    from dianka.desk.office.customers.models import Contract, Customer, Tariff, TariffVersion
    from dianka.desk.office.estate.models import Area, Meter, Premise

    place, _ = Area.objects.get_or_create(name=area)
    tariff, _ = Tariff.objects.get_or_create(name=f"flat {price_e4}")
    price, _ = TariffVersion.objects.get_or_create(
        tariff=tariff,
        number=1,
        defaults={"price_e4": price_e4, "begins": 0, "approved_by": "a-manager"},
    )
    premise = Premise.objects.create(area=place, building="1", room=str(meter_no))
    meter = Meter.objects.create(number=meter_no, state="installed", premise=premise)
    number = customer_no or meter_no
    customer = Customer.objects.create(number=number, name=f"customer {number}")
    return Contract.objects.create(
        customer=customer,
        meter=meter,
        premise=premise,
        tariff=tariff,
        price=price,
        alarm1_fen=2000,
        alarm2_fen=500,
        hoard_limit_fen=0,
        opened_at=chain.read_time(),
    )
