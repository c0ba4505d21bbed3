"""Accounts and entries. posting.py alone makes them; the database refuses to change entries.

One row is one debit account, one credit account and an amount above zero, so that the ledger
balances by construction. A trigger keeps the balance of both accounts in the same statement.
"""

from django.db import models
from django.db.models import F, Q

from dianka.desk.office.audit.models import Act


class Account(models.Model):
    """Where money is. `owner` is a desk's name or a meter's 12 digits.

    `balance_fen` is debits minus credits: cash is above zero, what is owed to customers below.
    """

    class Kind(models.TextChoices):
        CASH = "cash"  # taken over a desk's counter, by `method` of payment
        TRANSIT = "transit"  # sold, not yet proved to be in the meter
        METER = "meter"  # in the meter, as its last receipt says
        USED = "used"  # used up, as receipts show
        REFUND = "refund"  # paid back without a desk's cash
        DIFFERENCE = "difference"  # counted more or less than there should be
        OUTSIDE = "outside"  # bought outside of these books: by meter, from its cards and receipts
        SAFE = "safe"  # handed over by a desk to safe or bank, less the floats that it was given

    kind = models.CharField(max_length=10, choices=Kind.choices)
    owner = models.CharField(max_length=40)
    method = models.CharField(max_length=20, blank=True)  # of payment, for cash and safe alone
    balance_fen = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("kind", "owner", "method"), name="account_once"),
            models.CheckConstraint(
                condition=~Q(kind="transit") | Q(balance_fen__lte=0), name="no_more_than_in_transit"
            ),
        )

    def __str__(self) -> str:
        return ":".join(word for word in (self.kind, self.owner, self.method) if word)


class Entry(models.Model):
    """`amount_fen` debited to one account and credited to another, by one act."""

    act = models.ForeignKey(Act, models.PROTECT)
    place = models.SmallIntegerField()  # among the entries of its act, from 0
    debit = models.ForeignKey(Account, models.PROTECT, related_name="debits")
    credit = models.ForeignKey(Account, models.PROTECT, related_name="credits")
    amount_fen = models.BigIntegerField()
    reverses = models.OneToOneField("self", models.PROTECT, null=True, related_name="reversed_by")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("act", "place"), name="entry_place_once"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="amount_above_zero"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="two_accounts"),
        )


class ProvedSum(models.Model):
    """What an account's entries sum up to, up to the last night. sums.py alone writes it.

    It is no record: it can be made anew from the entries, and the night's act has a hash over all.
    """

    # Without a constraint in the database: an account is never deleted, and checking each of
    # millions would double the time of the first proof.
    account = models.OneToOneField(
        Account, models.PROTECT, primary_key=True, db_constraint=False, related_name="proved"
    )
    sum_fen = models.BigIntegerField()
