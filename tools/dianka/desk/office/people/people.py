"""Who works here: operators, their roles and their sign-ins. Nobody is ever deleted.

A change of rights takes a second person's consent. There is none to be had while nobody else could
consent: so the first manager adds the second person alone, and so does one who is left alone; the
chain says so. One manager with an open sign-in always stays.
"""

from django.contrib.auth.models import Group
from django.db import transaction

from dianka.card_port import CardError
from dianka.desk.office.audit import chain
from dianka.desk.office.people import passwords
from dianka.desk.office.people.consent import use_consent
from dianka.desk.office.people.models import ROLES, Operator, SignIn
from dianka.desk.office.people.rights import RIGHTS, Actor, needs
from dianka.desk.office.people.roles import give_role
from dianka.desk.office.people.sign_in import check_password
from dianka.desk.office.state.told import tell, tell_gone, tell_role

CONSENT = "people"  # the kind of the consent; its subject is `name_change`
ADD, GIVE, TAKE, CLOSE, REOPEN, RESET = "add", "give", "take", "close", "reopen", "reset"


class PeopleError(CardError):
    """People can't be changed so. Nothing is done."""


def name_change(what: str, name: str, *roles: str) -> str:
    """Return what a second person consents to."""
    return " ".join((what, name, *sorted(roles)))[:80]


@needs("change people")
def add_operator(
    actor: Actor, name: str, password: str, roles: list[str], consent: int | None = None
) -> Operator:
    """Add an operator. He chooses a password of his own when he first signs in."""
    if not roles or set(roles) - set(ROLES):
        raise PeopleError(f"an operator has one role or more of {', '.join(ROLES)}: give them")
    passwords.check_new(name, password)
    with transaction.atomic():
        _lock_people()
        if Operator.objects.filter(username__iexact=name).exists():
            raise PeopleError(f"there is an operator {name}: take another name, or reopen his")
        change = name_change(ADD, name, *roles)
        agreed = _agree(actor, consent, change)
        operator = Operator(username=name, must_change=True)
        operator.set_password(password)
        operator.save()
        for role in roles:
            give_role(operator, role)
        _append(actor, change, agreed, [*tell(operator), *tell_role(name, *roles)])
        return operator


@needs("change people")
def give(actor: Actor, name: str, role: str, consent: int | None = None) -> None:
    """Give an operator a role."""
    if role not in ROLES:
        raise PeopleError(f"{role!r} is no role: take one of {', '.join(ROLES)}")
    with transaction.atomic():
        operator = _find(name)
        agreed = _agree(actor, consent, name_change(GIVE, name, role))
        give_role(operator, role)
        _append(actor, name_change(GIVE, name, role), agreed, tell_role(name, role))


@needs("change people")
def take(actor: Actor, name: str, role: str, consent: int | None = None) -> None:
    """Take a role from an operator."""
    with transaction.atomic():
        operator = _find(name)
        group = operator.groups.filter(name=role).first()
        if group is None:
            raise PeopleError(f"{name} is no {role}: see dianka office person list")
        agreed = _agree(actor, consent, name_change(TAKE, name, role))
        operator.groups.remove(group)
        _require_manager()
        _append(actor, name_change(TAKE, name, role), agreed, tell_gone("role", f"{name}/{role}"))


@needs("change people")
def close(actor: Actor, name: str, consent: int | None = None) -> None:
    """Close an operator's sign-in: he does nothing more here, and stays in the books."""
    with transaction.atomic():
        operator = _find(name)
        agreed = _agree(actor, consent, name_change(CLOSE, name))
        operator.is_active = False
        operator.save(update_fields=["is_active"])
        ended = _end_sign_ins(operator)
        _require_manager()
        _append(actor, name_change(CLOSE, name), agreed, tell(operator, *ended))


@needs("change people")
def reopen(actor: Actor, name: str, consent: int | None = None) -> None:
    """Open an operator's sign-in again."""
    with transaction.atomic():
        operator = _find(name)
        agreed = _agree(actor, consent, name_change(REOPEN, name))
        operator.is_active = True
        operator.save(update_fields=["is_active"])
        _append(actor, name_change(REOPEN, name), agreed, tell(operator))


@needs("change people")
def reset_password(actor: Actor, name: str, password: str, consent: int | None = None) -> None:
    """Give an operator who forgot it a new password, to be changed before he next signs in."""
    passwords.check_new(name, password)
    with transaction.atomic():
        operator = _find(name)
        agreed = _agree(actor, consent, name_change(RESET, name), but=name)
        operator.set_password(password)
        operator.must_change = True
        operator.save(update_fields=["password", "must_change"])
        ended = _end_sign_ins(operator)
        passwords.forget_wrong(name)
        _append(actor, name_change(RESET, name), agreed, tell(operator, *ended))


@needs("look things up")
def change_password(actor: Actor, former: str, password: str) -> None:
    """Change one's own password; all of one's sign-ins end."""
    operator = check_password(actor.operator, former, actor.desk)
    if former == password:
        raise PeopleError("that is the former password: give another one")
    passwords.check_new(actor.operator, password)
    with transaction.atomic():
        operator.set_password(password)
        operator.must_change = False
        operator.save(update_fields=["password", "must_change"])
        rows = tell(operator, *_end_sign_ins(operator))
        chain.append(actor.desk, actor.operator, "password", actor.operator, rows=rows)


@needs("look things up")
def list_people(actor: Actor) -> list[Operator]:
    """Return all operators with their roles, by name."""
    return list(Operator.objects.prefetch_related("groups").order_by("username"))


def is_alone(actor: Actor, but: str = "") -> bool:
    """Return whether nobody else could consent; `but` is one who is not asked."""
    others = Operator.objects.filter(is_active=True, groups__name__in=RIGHTS["consent"])
    return not others.exclude(username__in=(actor.operator, but)).exists()


def _agree(actor: Actor, consent: int | None, subject: str, but: str = "") -> str:
    """Use a second person's consent up and say whose; none is needed if nobody could give it."""
    if consent is None and is_alone(actor, but):
        return "alone: nobody else could consent"
    return f"consent {use_consent(actor, consent, CONSENT, subject)}"


def _append(actor: Actor, subject: str, agreed: str, rows: list[str]) -> None:
    chain.append(actor.desk, actor.operator, CONSENT, subject, agreed, rows=rows)


def _find(name: str) -> Operator:
    _lock_people()
    operator = Operator.objects.select_for_update().filter(username=name).first()
    if operator is None:
        raise PeopleError(f"there is no operator {name}: see dianka office person list")
    return operator


def _lock_people() -> None:
    """Let one change of people wait for another: two managers might close each other."""
    Group.objects.select_for_update().get(name="manager")


def _require_manager() -> None:
    if not Operator.objects.filter(is_active=True, groups__name="manager").exists():
        raise PeopleError("the office keeps a manager with an open sign-in: add another one first")


def _end_sign_ins(operator: Operator) -> list[SignIn]:
    now = chain.read_time()
    ended = list(SignIn.objects.filter(operator=operator, ends_at__gt=now))
    SignIn.objects.filter(pk__in=[each.pk for each in ended]).update(ends_at=now)
    return ended
