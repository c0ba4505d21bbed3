"""Rows of the audit chains. chain.py alone makes them; the database refuses to change them."""

from django.db import models

from dianka.desk.office.audit import records


class Chain(models.Model):
    """The chain of one desk, and its head: desks do not wait for one another."""

    desk = models.CharField(max_length=40, unique=True)
    length = models.BigIntegerField(default=0)
    head = models.BinaryField(max_length=32, default=bytes(32))


class Act(models.Model):
    """One act. `moves` are its ledger entries as the hash covers them, one a line, or empty."""

    chain = models.ForeignKey(Chain, models.PROTECT)
    number = models.BigIntegerField()  # from 1, in its chain
    time = models.DateTimeField()  # the database's
    operator = models.CharField(max_length=150)
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=80)  # a meter, a card, an operator
    detail = models.TextField()
    moves = models.TextField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("chain", "number"), name="act_number_once"),)
        indexes = (models.Index(fields=("subject",), name="act_by_subject"),)

    @property
    def words(self) -> str:
        """What was done, in words: the detail without what it tells of rows."""
        return records.split(self.detail)[0]


class DigestKey(models.Model):
    """The one key of this database's digests (digests.py)."""

    key = models.BinaryField(max_length=32)
