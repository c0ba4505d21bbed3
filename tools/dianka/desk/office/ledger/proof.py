"""Prove the ledger: every fen that was sold is somewhere, and nothing was changed by hand.

All from the entries themselves; what the balances say is compared with them, and not believed.
"""

from collections.abc import Iterator
from itertools import groupby

from django.db.models import F, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from dianka.desk.office.audit.models import Act
from dianka.desk.office.ledger.models import Account, Entry
from dianka.desk.office.ledger.posting import is_allowed, moves_of
from dianka.money import signed_yuan


def sum_by_kind() -> dict[str, int]:
    """Return the sum of all balances of each kind, in fen: debits minus credits."""
    found = Account.objects.values("kind").order_by("kind").annotate(fen=Sum("balance_fen"))
    return {row["kind"]: row["fen"] for row in found}


def find_faults() -> Iterator[str]:
    """Yield one line for each thing that is wrong, with its name and fen."""
    yield from _find_wrong_balances()
    yield from _find_wrong_pairs()
    yield from _find_wrong_acts()


def _find_wrong_balances() -> Iterator[str]:
    summed = Account.objects.annotate(
        debited=Coalesce(_sum_entries("debits"), 0), credited=Coalesce(_sum_entries("credits"), 0)
    )
    wrong = summed.exclude(balance_fen=F("debited") - F("credited")).order_by("id")
    for account in wrong.iterator(2000):
        right = getattr(account, "debited") - getattr(account, "credited")  # noqa: B009  annotated
        yield (
            f"account {account}: its balance is {signed_yuan(account.balance_fen)} yuan, "
            f"its entries sum up to {signed_yuan(right)}"
        )


def _find_wrong_pairs() -> Iterator[str]:
    pairs = (
        Entry.objects.filter(reverses=None)
        .values_list("debit__kind", "credit__kind", "debit__owner", "credit__owner")
        .distinct()
    )
    for debit_kind, credit_kind, debit_owner, credit_owner in pairs.iterator(2000):
        debit, credit = (
            Account(kind=debit_kind, owner=debit_owner),
            Account(kind=credit_kind, owner=credit_owner),
        )
        if not is_allowed(debit, credit):
            yield f"an entry moves money from {debit} to {credit}, which no act may"


def _find_wrong_acts() -> Iterator[str]:
    """Compare the entries of each act with the lines that the act's hash covers."""
    entries = Entry.objects.select_related("act", "debit", "credit").order_by("act_id", "place")
    left = groupby(entries.iterator(2000), lambda entry: entry.act.pk)
    acts = (
        Act.objects.exclude(moves="")
        .order_by("id")
        .values_list("id", "chain__desk", "number", "moves")
    )
    found = next(left, None)
    for act_id, desk, number, moves in acts.iterator(2000):
        if found and found[0] == act_id:
            posted = moves_of(found[1])
            found = next(left, None)
        else:
            posted = ""
        if posted != moves:
            yield f"act {number} of desk {desk}: its entries are not those that it tells"
    if found:
        yield f"entry of act row {found[0]}: no act tells of it"


def _sum_entries(side: str) -> Subquery:
    name = side.removesuffix("s")
    rows = Entry.objects.filter(**{name: OuterRef("pk")}).values(name)
    return Subquery(rows.annotate(fen=Sum("amount_fen")).values("fen"))
