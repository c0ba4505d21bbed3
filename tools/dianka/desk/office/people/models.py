"""Operators, their sign-ins, and what a second person has consented to.

An operator is never deleted, as the acts of all years name him; his sign-in is closed.
"""

from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q

ROLES = ("clerk", "technician", "supervisor", "manager", "auditor")


class Operator(AbstractUser):
    """Somebody who signs in as himself; his roles are groups named as in ROLES."""

    must_change = models.BooleanField(default=False)  # another person has set his password

    def check_password(self, raw_password: str | None) -> bool:
        """Return whether this is the password. Django's own also hashes it anew at times.

        The role of a desk's database may not write that; a new password has the new hash.
        """
        return check_password(raw_password, self.password)


class WrongPasswords(models.Model):
    """Wrong passwords in a row for one name at one desk."""

    name = models.CharField(max_length=150)
    desk = models.CharField(max_length=40)
    count = models.IntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("name", "desk"), name="wrong_once"),)


class SignIn(models.Model):
    """One sign-in at a desk. Who shows the token is that operator until it ends."""

    operator = models.ForeignKey(Operator, models.PROTECT)
    desk = models.CharField(max_length=40)
    token_hash = models.BinaryField(max_length=32, unique=True)  # SHA-256
    begun_at = models.DateTimeField()
    ends_at = models.DateTimeField()


class Consent(models.Model):
    """A second person's yes to one act, given under his own password. Used once."""

    kind = models.CharField(max_length=40)  # of the act
    subject = models.CharField(max_length=80)
    amount_fen = models.BigIntegerField(default=0)
    asked_by = models.CharField(max_length=150)
    given_by = models.CharField(max_length=150)
    given_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=~Q(asked_by=F("given_by")), name="two_people"),
        )
