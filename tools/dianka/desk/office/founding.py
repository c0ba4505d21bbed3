"""Make a new office: its folder and secret, the tables and their guards, the first manager.

The manager is made last, in one transaction with the first act: what is broken off before has no
operator, and the same command given again completes it.
"""

import os
import secrets
from pathlib import Path

from dianka.card_port import CardError
from dianka.desk.office.opening import SECRET, configure, migrate, raise_if_not_ours, read_steps
from dianka.desk.office.privacy import make_folder


def found_office(folder: Path, manager: str, password: str, desk: str) -> None:
    """Make an office in this folder. CardError if there is one, or the password is too weak."""
    make_folder(folder)
    write_secret(folder / SECRET)
    configure(folder)
    from dianka.desk.office.people.passwords import check_new

    check_new(manager, password)
    applied, _ = read_steps()
    if applied:
        raise_if_not_ours()  # an older office is not changed without a backup
    migrate()
    from django.db import transaction

    from dianka.desk.office.audit import chain
    from dianka.desk.office.people.models import Operator
    from dianka.desk.office.people.roles import give_role
    from dianka.desk.office.state.told import tell, tell_role
    from dianka.desk.office.vending.models import Desk

    with transaction.atomic():
        if Operator.objects.exists():
            raise CardError(f"{folder} is an office already: name another folder or database")
        first = Operator(username=manager)
        first.set_password(password)
        first.save()
        give_role(first, "manager")
        rows = [*tell(first, Desk.objects.create(name=desk)), *tell_role(manager, "manager")]
        chain.append(desk, manager, "founding", manager, "first manager", rows=rows)


def write_secret(file: Path) -> None:
    """Write the office's secret, for the user's eyes alone, unless there is one."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="ascii") as secret:
        secret.write(secrets.token_urlsafe(48))
