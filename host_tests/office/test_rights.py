"""Every act of the office, tried as every role: refused where it is done."""

import importlib
import pkgutil
from pathlib import Path

import pytest

from estate_kit import make_actor

ROLES = ("clerk", "technician", "supervisor", "manager", "auditor")


def import_all() -> None:
    """Import every module of the office, so that all its acts are known."""
    import dianka.desk.office as office

    for module in pkgutil.walk_packages(office.__path__, f"{office.__name__}."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)


@pytest.mark.parametrize("role", ROLES)
def test_every_act_as_every_role(office: Path, role: str) -> None:
    """Without its words an allowed act does nothing; a refused one says so before it asks."""
    from django.db import transaction

    from dianka.desk.office.people.rights import ACTS, RIGHTS, RightError

    import_all()
    assert len(ACTS) > 10
    actor, wrong = make_actor(role), []
    for name, (right, act) in sorted(ACTS.items()):
        refused = False
        try:
            with transaction.atomic():
                act(actor)
        except RightError:
            refused = True
        except Exception:  # it has begun, and misses its words
            refused = False
        if refused == (role in RIGHTS[right]):
            wrong.append(f"{name} ({right}) as {role}: {'refused' if refused else 'done'}")
    assert wrong == []


def test_who_has_no_role_may_nothing(office: Path) -> None:
    from dianka.desk.office.people.rights import ACTS, Actor, RightError

    import_all()
    for _, act in ACTS.values():
        with pytest.raises(RightError, match=r"x \(no role\) may not"):
            act(Actor("x", "desk1", frozenset()))
