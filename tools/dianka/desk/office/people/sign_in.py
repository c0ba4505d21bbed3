"""Sign operators in and out, and find out who stands behind a token.

A token is shown at each command instead of the password. It ends by signing out or after 12 hours.
The database holds its hash alone.
"""

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth import authenticate
from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office import sql
from dianka.desk.office.audit import chain
from dianka.desk.office.people.models import Operator, SignIn
from dianka.desk.office.people.passwords import check_not_locked, count_wrong, forget_wrong
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.state.told import tell
from dianka.desk.office.vending.models import Desk

LASTS = timedelta(hours=12)


# Who shows a token, with a row for each of his roles; asked by each page.
_ACTOR = (
    "SELECT o.username, s.desk, g.name FROM people_signin s "
    "JOIN people_operator o ON o.id = s.operator_id "
    "LEFT JOIN people_operator_groups m ON m.operator_id = o.id "
    "LEFT JOIN auth_group g ON g.id = m.group_id "
    f"WHERE s.token_hash = %s AND s.ends_at > {sql.NOW} AND o.is_active"
)


class SignInError(CardError):
    """Nobody is signed in, or the password is wrong."""


class MustChangeError(SignInError):
    """Another person has set the password: its owner chooses his own first."""


def sign_in(name: str, password: str, desk: str) -> str:
    """Sign an operator in at a desk, and return his token."""
    token = secrets.token_urlsafe(32)
    raise_if_no_desk(desk)
    chain.raise_if_clock_is_wrong(desk)
    operator = check_password(name, password, desk)
    raise_if_must_change(operator)
    with transaction.atomic():
        now = chain.read_time()
        made = SignIn.objects.create(
            operator=operator,
            desk=desk,
            token_hash=_hash(token),
            begun_at=now,
            ends_at=now + LASTS,
        )
        chain.append(desk, name, "sign-in", name, rows=tell(made))
    return token


def raise_if_no_desk(desk: str) -> None:
    """Raise SignInError unless this is an open desk."""
    if not Desk.objects.filter(name=desk, closed=False).exists():
        raise SignInError(f"{desk} is no open desk of this office: name another one with --desk")


def check_password(name: str, password: str, desk: str, is_told: bool = True) -> Operator:
    """Return the operator with this name and password; SignInError if there is none.

    A wrong password is an act of the desk's chain, if `is_told`. PasswordError after too many of
    them in a row.
    """
    check_not_locked(name, desk)
    operator = authenticate(username=name, password=password)
    if not isinstance(operator, Operator):
        with transaction.atomic():
            count_wrong(name[:150], desk)
            if is_told:
                chain.append(desk, name[:150], "sign-in refused", name[:80])
        raise SignInError("name or password is wrong: give both again")
    forget_wrong(name, desk)
    return operator


def raise_if_must_change(operator: Operator) -> None:
    """Raise MustChangeError if another person has set the operator's password."""
    if operator.must_change:
        raise MustChangeError(
            f"another person has set this password: choose your own with dianka office password "
            f"{operator.username}"
        )


def find_actor(token: str) -> Actor:
    """Return who shows this token. SignInError if his sign-in or his account has ended."""
    rows = sql.fetch_all(_ACTOR, (_hash(token),))
    if not rows:
        raise SignInError("nobody is signed in here: run dianka office sign-in NAME")
    (name, desk, _), *_ = rows
    return Actor(name, desk, frozenset(role for *_, role in rows if role))


def sign_out(token: str) -> None:
    """End the sign-in of this token, if there is one."""
    with transaction.atomic():
        found = SignIn.objects.select_related("operator").filter(token_hash=_hash(token)).first()
        if found and found.ends_at > chain.read_time():
            found.ends_at = chain.read_time()
            found.save(update_fields=["ends_at"])
            name = found.operator.username
            chain.append(found.desk, name, "sign-out", name, rows=tell(found))


def make_actor(operator: Operator, desk: str) -> Actor:
    """Return the operator as the actor at a desk, with the roles that he has now."""
    roles = frozenset(operator.groups.values_list("name", flat=True))
    return Actor(operator.username, desk, roles)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
