"""The thresholds of the rules of suspicion: one table, which a manager may change."""

from dataclasses import dataclass, fields, replace

from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office.audit import chain
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.state.told import tell
from dianka.desk.office.statistics.models import RuleLimit

HIGHEST = 1_000_000


@dataclass(frozen=True)
class Limits:
    """The thresholds. Names end in their unit; those of points say how much a rule counts."""

    z1_days: int = 90  # without a purchase
    z1_intervals: int = 3  # and so many times the customer's own median interval
    z2_days: int = 60  # since the purchase, without its receipt
    new_days: int = 90  # after its opening an account is not suspected of not buying
    d1_percent: int = 50  # of the use of the same days a year ago
    d1_lost_wh: int = 1000  # a day
    d1_window_days: int = 90
    d1_group_percent: int = 70  # of the building or area that dropped as well
    d2_percent: int = 4  # a month down, over 12 months
    p1_percent: int = 25  # of the median of the peers
    p1_peers: int = 10  # that many are needed
    b1_fen: int = 1
    t1_off_percent: int = 20  # of the time without supply
    t1_low_percent: int = 50  # of the median of the peers
    n1_overdraft_fen: int = 0  # that meters allow
    f1_technical_permille: int = 70
    f1_permille: int = 30  # above it, two months running
    f1_days: int = 35  # that a receipt may be older than the month's end
    o1_times: int = 3  # the office's median of reversals
    o1_permille: int = 20  # of the sales
    o1_reissues: int = 3  # to one customer in a year
    o1_open_hour: int = 7  # local hours of selling
    o1_close_hour: int = 21
    z1_points: int = 3
    z2_points: int = 2
    d1_points: int = 3
    d2_points: int = 2
    p1_points: int = 2
    b1_points: int = 5
    c1_points: int = 4
    t1_points: int = 4
    n1_points: int = 5
    f1_points: int = 1  # on top of D1 or P1 in the area
    o1_points: int = 3
    visit_points: int = 3  # from this score on a place is on the list


def read_limits() -> Limits:
    """Return the thresholds as they are set now."""
    known = {field.name for field in fields(Limits)}
    rows = RuleLimit.objects.values_list("name", "value")
    return replace(Limits(), **{name: value for name, value in rows if name in known})


@needs("change limits")
def set_limit(actor: Actor, name: str, value: int) -> None:
    """Set one threshold. CardError if there is none of this name, or the value can't be meant."""
    former = getattr(read_limits(), name, None)
    if former is None:
        raise CardError(f"there is no threshold {name!r}: see dianka office limits")
    if not 0 <= value <= HIGHEST:
        raise CardError(f"a threshold is from 0 to {HIGHEST}, not {value}")
    with transaction.atomic():
        row, _ = RuleLimit.objects.update_or_create(name=name, defaults={"value": value})
        told = f"{former} becomes {value}"
        chain.append(actor.desk, actor.operator, "threshold", name, told, rows=tell(row))
