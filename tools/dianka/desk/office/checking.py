"""Read audit, ledger, sales and what acts tell of, and name each fault: `check` and `prove`.

Whole, from the first act and entry on, or what has come since the last night (audit/nights.py).
All is read in one view, so that desks may go on meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dianka.desk.office import guards
from dianka.desk.office.audit import links, nights
from dianka.desk.office.audit.links import Head
from dianka.desk.office.audit.models import Chain
from dianka.desk.office.audit.nights import Night, NightError
from dianka.desk.office.ledger import proof, sums
from dianka.desk.office.ledger.sums import Compared
from dianka.desk.office.one_view import one_view
from dianka.desk.office.state.replay import replay
from dianka.desk.office.vending import proof as sales_proof
from dianka.desk.office.vending import refund_proof, shift_proof
from dianka.desk.office.vending.proof import Sold


@dataclass(frozen=True)
class Books:
    """The books at one moment: what is wrong with them, and what a night tells of them."""

    faults: list[str]
    compared: Compared
    former: Night | None
    whole: bool
    heads: list[Head]
    series: Mapping[str, tuple[int, int]]
    sold: Sold  # since the former night
    unproved: str  # what the whole can't prove, in one line


def find_faults() -> list[str]:
    """Return one line for each fault; none if all is as it was written."""
    return check()[0]


def check() -> tuple[list[str], str]:
    """Return one line for each fault, and a line on what can't be proved, or an empty one."""
    with one_view():
        books = _read(whole=True)
        return [*books.faults, *books.compared.odd_sums], books.unproved


def find_ledger_faults() -> list[str]:
    """Return the faults of guards, chains and ledger alone, whatever stands on them."""
    with one_view():
        compared = sums.compare(None, True, links.read_heads())
        chains = links.find_faults()
        return [*guards.find_missing(), *chains, *compared.faults, *proof.find_faults()]


def read_books(whole: bool = False) -> Books:
    """Prove what has come since the last night; the whole from the first act on without a night."""
    with one_view():
        return _read(whole)


def _read(whole: bool) -> Books:
    faults = list(guards.find_missing())
    former = _find_former(faults)
    heads, series = links.read_heads(), sales_proof.read_series()
    night = None if whole else former
    since = [head for head in night.heads if head.desk != nights.OFFICE] if night else []
    faults += links.find_faults(since)
    compared = sums.compare(former, whole, heads)
    faults += compared.faults
    faults += proof.find_faults(night.heads if night else None)
    faults += sales_proof.find_faults(night)
    faults += refund_proof.find_faults(whole=night is None)
    faults += shift_proof.find_faults({head.desk: head.length for head in since})
    if former and night is None:
        faults += nights.find_faults()
    unproved = ""
    if night is None:
        replayed = replay()
        faults += replayed.faults
        unproved = replayed.describe_unproved()
    sold = sales_proof.sum_sold(former.series if former else {})
    return Books(faults, compared, former, night is None, heads, series, sold, unproved)


def _find_former(faults: list[str]) -> Night | None:
    """Return the last night, None if there is none that can be believed: `faults` says why."""
    own = Chain.objects.filter(desk=nights.OFFICE).first()
    if own is None or links.find_fault(own):
        return None  # the fault is found once more with the other chains
    try:
        return nights.read_last()
    except NightError as error:
        faults.append(str(error))
        return None
