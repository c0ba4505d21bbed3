"""Every report by its name: what makes its table."""

from collections.abc import Callable

from dianka.card_port import CardError
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.statistics import field_reports, inspections, sales_reports, suspects
from dianka.desk.office.statistics.query import Query
from dianka.desk.office.statistics.table import Table

REPORTS: dict[str, Callable[[Actor, Query], Table]] = {
    "sales": sales_reports.sales,
    "operators": sales_reports.operators,
    "energy": field_reports.energy,
    "transit": field_reports.transit,
    "balance": field_reports.balance,
    "not-bought": field_reports.not_bought,
    "days-left": field_reports.days_left,
    "loss": field_reports.loss,
    "suspects": suspects.suspects,
    "hit-rate": inspections.hit_rate,
}


def make_report(actor: Actor, name: str, query: Query) -> Table:
    """Return the report of this name. CardError if there is none; RightError as it says."""
    if name not in REPORTS:
        raise CardError(f"there is no report {name!r}: take one of {', '.join(REPORTS)}")
    return REPORTS[name](actor, query)
