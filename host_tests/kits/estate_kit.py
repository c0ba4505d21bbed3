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
    from dianka.desk.office.figures import small_estate

    return small_estate.make_contract(meter_no, customer_no, area, price_e4)
