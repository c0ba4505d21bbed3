"""Which readings of a meter are of its present contract, and which of a former one.

By their order in the table: a clock that was set back between two contracts would give the former
one's readings to the next. A contract from before `readings_before` was kept goes by the times.
"""

from collections.abc import Iterable

from django.db.models import Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from dianka.desk.office.customers.models import Contract
from dianka.desk.office.estate.models import Meter, Reading

# For statements that have the contract as c and the reading as r.
IS_OWN = "coalesce(r.id > c.readings_before, r.seen_at >= c.opened_at)"
# For queries of readings within one of contracts: without `readings_before` the times alone tell.
OWN_OF_OUTER = Q(meter=OuterRef("meter"), pk__gt=Coalesce(OuterRef("readings_before"), 0)) & (
    Q(pk__gt=OuterRef("readings_before")) | Q(seen_at__gte=OuterRef("opened_at"))
)


def find_last_keys(meters: Iterable[Meter]) -> dict[int, int]:
    """Return by the meters' primary keys that of the last reading of each that has one."""
    of_meters = Reading.objects.filter(meter__in=list(meters)).values_list("meter")
    return dict(of_meters.annotate(last=Max("pk")))


def list_own(contract: Contract) -> QuerySet[Reading]:
    """Return the readings of the contract's meter since the contract was opened."""
    of_meter = Reading.objects.filter(meter=contract.meter)
    if contract.readings_before is None:
        return of_meter.filter(seen_at__gte=contract.opened_at)
    return of_meter.filter(pk__gt=contract.readings_before)


def list_former(contract: Contract) -> QuerySet[Reading]:
    """Return the readings of the contract's meter from before the contract was opened."""
    of_meter = Reading.objects.filter(meter=contract.meter)
    if contract.readings_before is None:
        return of_meter.filter(seen_at__lt=contract.opened_at)
    return of_meter.filter(pk__lte=contract.readings_before)
