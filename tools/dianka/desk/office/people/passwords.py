"""What a name and a new password must be, and wrong passwords counted.

Five wrong ones in a row for a name at a desk lock that name there for some minutes; elsewhere its
owner signs in as before, so that nobody locks another out of all desks.
"""

from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import override

from dianka.card_port import CardError
from dianka.desk.office.audit import chain
from dianka.desk.office.people.models import Operator, WrongPasswords

MOST_WRONG = 5
LOCKED_FOR = timedelta(minutes=5)
LONGEST_NAME = 40


class PasswordError(CardError):
    """A name or password that can't be, or a locked sign-in."""


def check_new(name: str, password: str) -> None:
    """Raise PasswordError unless these may be an operator's name and password."""
    if len(name) > LONGEST_NAME:
        raise PasswordError(f"a name has up to {LONGEST_NAME} characters: give another")
    with override("en"):
        try:
            Operator.username_validator(name)
            validate_password(password, Operator(username=name))
        except ValidationError as error:
            raise PasswordError(f"{error.messages[0]} Give another one.") from None


def check_not_locked(name: str, desk: str) -> None:
    """Raise PasswordError if too many wrong passwords were given for this name at this desk."""
    row = WrongPasswords.objects.filter(name=name, desk=desk).first()
    if row and row.count >= MOST_WRONG and _is_within(row, chain.read_time()):
        minutes = LOCKED_FOR // timedelta(minutes=1)
        raise PasswordError(
            f"{name} is locked at {desk} after {MOST_WRONG} wrong passwords: wait {minutes} minutes"
        )


def count_wrong(name: str, desk: str) -> None:
    """Count a wrong password. The caller is in a transaction."""
    now = chain.read_time()
    row, new = WrongPasswords.objects.select_for_update().get_or_create(
        name=name, desk=desk, defaults={"count": 1, "last_at": now}
    )
    if not new:
        # A lock that is over begins a new row of wrong ones.
        over = row.count >= MOST_WRONG and not _is_within(row, now)
        row.count, row.last_at = 1 if over else row.count + 1, now
        row.save(update_fields=["count", "last_at"])


def forget_wrong(name: str, desk: str = "") -> None:
    """Begin to count anew at a desk, or at all."""
    rows = WrongPasswords.objects.filter(name=name)
    with transaction.atomic():
        (rows.filter(desk=desk) if desk else rows).delete()


def _is_within(row: WrongPasswords, now: datetime) -> bool:
    """Return whether the last wrong one is no longer ago than a lock lasts.

    One of a time to come is not: the clock was set back, and the lock would last that long.
    """
    return timedelta() <= now - row.last_at < LOCKED_FOR
