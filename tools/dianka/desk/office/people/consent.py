"""A second person's consent: given under his own password, used once, by the act it is for."""

from datetime import timedelta

from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office.audit import chain
from dianka.desk.office.people.models import Consent
from dianka.desk.office.people.rights import Actor
from dianka.desk.office.people.sign_in import check_password, make_actor, raise_if_must_change
from dianka.desk.office.state.told import tell

GOOD_FOR = timedelta(minutes=15)


class ConsentError(CardError):
    """There is no consent to that. Nothing is done."""


def give_consent(
    actor: Actor, name: str, password: str, kind: str, subject: str, amount_fen: int = 0
) -> int:
    """Record that `name` consents to this act of the actor, and return the consent's number.

    SignInError if his password is wrong, RightError if he may not consent, ConsentError if he is
    the actor himself.
    """
    operator = check_password(name, password, actor.desk)
    raise_if_must_change(operator)
    second = make_actor(operator, actor.desk)
    second.require("consent")
    if second.operator == actor.operator:
        raise ConsentError(f"{name} can't consent to what he does himself: ask another person")
    with transaction.atomic():
        row = Consent.objects.create(
            kind=kind,
            subject=subject,
            amount_fen=amount_fen,
            asked_by=actor.operator,
            given_by=second.operator,
            given_at=chain.read_time(),
        )
        told = _describe(row)
        chain.append(actor.desk, second.operator, "consent", subject, told, rows=tell(row))
    return row.pk


def use_consent(
    actor: Actor, number: int | None, kind: str, subject: str, amount_fen: int = 0
) -> str:
    """Use a consent up and return who gave it. The caller is in the transaction of the act.

    ConsentError if it is for something else, was used, or is older than 15 minutes. One of a time
    to come is older as well: the clock was set back since.
    """
    row = Consent.objects.select_for_update().filter(pk=number).first()
    right = (kind, subject, amount_fen, actor.operator)
    if row is None or (row.kind, row.subject, row.amount_fen, row.asked_by) != right:
        raise ConsentError(f"{kind} takes a second person's consent: ask a supervisor or a manager")
    now = chain.read_time()
    if row.used_at or not timedelta() <= now - row.given_at <= GOOD_FOR:
        raise ConsentError(
            "that consent was used or was not given in the last 15 minutes: ask for it again"
        )
    row.used_at = now
    row.save(update_fields=["used_at"])
    return row.given_by


def _describe(row: Consent) -> str:
    return f"consents to {row.kind} of {row.amount_fen} fen by {row.asked_by}"
