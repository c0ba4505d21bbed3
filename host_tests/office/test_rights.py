"""Every act of the office as every role: who may not is refused before anything else happens."""

import importlib
import pkgutil
from pathlib import Path

from dianka.card_port import CardError
from estate_kit import make_actor


def find_acts() -> dict[str, tuple[str, object]]:
    """Import the whole office, so that each function which needs a right is known."""
    from dianka.desk import office
    from dianka.desk.office.people import rights

    for module in pkgutil.walk_packages(office.__path__, f"{office.__name__}."):
        if "migrations" not in module.name:
            importlib.import_module(module.name)
    return dict(rights.ACTS)


def test_every_act_as_every_role(office: Path) -> None:
    from django.db import transaction

    from dianka.desk.office.audit.models import Act
    from dianka.desk.office.people.models import ROLES
    from dianka.desk.office.people.rights import RIGHTS, RightError

    acts, before = find_acts(), Act.objects.count()
    assert len(acts) > 20
    for name, (right, act) in acts.items():
        for role in (*ROLES, "nobody"):
            try:
                with transaction.atomic():  # without what else it wants: the right comes first
                    act(make_actor(role))
                    transaction.set_rollback(True)
                refused = False
            except RightError:
                refused = True
            except (CardError, TypeError):
                refused = False
            assert refused == (role not in RIGHTS[right]), f"{name} as {role}"
    assert Act.objects.count() == before
