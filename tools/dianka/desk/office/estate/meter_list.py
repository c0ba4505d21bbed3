"""Lists of meters: by state, by number, and which is installed where."""

from collections.abc import Iterable

from dianka.desk.office.estate.models import Meter
from dianka.desk.office.people.rights import Actor, needs

MOST = 1000


@needs("look things up")
def list_meters(actor: Actor, state: str = "", begins_with: str = "") -> list[Meter]:
    """Return meters by number, MOST at most, of a state and with numbers that begin so."""
    found = Meter.objects.select_related("premise__area").order_by("number")
    if state:
        found = found.filter(state=state)
    digits = begins_with.strip()
    if digits.isascii() and digits.isdigit() and len(digits) <= 12:
        room = 10 ** (12 - len(digits))
        found = found.filter(number__range=(int(digits) * room, (int(digits) + 1) * room - 1))
    return list(found[:MOST])


@needs("look things up")
def list_meters_at(actor: Actor, premises: Iterable[int]) -> dict[int, Meter]:
    """Return the meters that are installed at these premises, by the premise's number."""
    found = Meter.objects.filter(premise__in=list(premises), state=Meter.State.INSTALLED)
    return {meter.premise.pk: meter for meter in found.select_related("premise") if meter.premise}
