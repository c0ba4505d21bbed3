"""A role of the PostgreSQL database for each desk's PC, so that a stolen one rewrites nothing.

Who has a desk's PC has its database's password. With the role of a desk he can do what is done at
a counter, up to the quota of his control card, and rewrite nothing (desk_grants.py).
"""

import os
import secrets
from urllib.parse import quote, urlsplit, urlunsplit

from django.db import connection, transaction

from dianka.card_port import CardError
from dianka.desk.office import desk_grants
from dianka.desk.office.audit import chain
from dianka.desk.office.opening import URL
from dianka.desk.office.people.rights import Actor, needs
from dianka.desk.office.vending.models import Desk


@needs("change desks")
def make_role(actor: Actor, name: str) -> str:
    """Make the role of a desk, or give it another password; return the address for its PC.

    The password is nowhere else: what the database keeps can't be used to sign in.
    """
    address = os.environ.get(URL, "")
    if connection.vendor != "postgresql" or not address:
        raise CardError("roles are for an office on PostgreSQL: this one is a file of its own")
    with transaction.atomic():
        desk = Desk.objects.filter(name=name, closed=False).first()
        if desk is None:
            raise CardError(f"there is no open desk {name}: see dianka office desk list")
        role, password = _name_role(desk), secrets.token_urlsafe(24)
        _keep_role(role, password)
        desk_grants.grant_again()
        chain.append(actor.desk, actor.operator, "desk role", name, role)
    return _write_address(address, role, password)


def lock_out(desk: Desk) -> None:
    """Take a closed desk's role its sign-in, if it has one."""
    if connection.vendor == "postgresql" and desk_grants.is_there(_name_role(desk)):
        desk_grants.run(f'ALTER ROLE "{_name_role(desk)}" NOLOGIN')


def _keep_role(role: str, password: str) -> None:
    """Make the role and the group of all desks, where they are not there yet."""
    from django.db import ProgrammingError

    try:
        with transaction.atomic():
            if not desk_grants.is_there(desk_grants.name_group()):
                desk_grants.run(f'CREATE ROLE "{desk_grants.name_group()}" NOLOGIN')
            if not desk_grants.is_there(role):
                desk_grants.run(f'CREATE ROLE "{role}" IN ROLE "{desk_grants.name_group()}"')
            verifier = connection.connection.pgconn.encrypt_password(
                password.encode(), role.encode(), b"scram-sha-256"
            )
            desk_grants.run(f"ALTER ROLE \"{role}\" LOGIN PASSWORD '{verifier.decode()}'")
    except ProgrammingError as error:
        raise CardError(
            f"this address of the database may not make roles ({str(error).splitlines()[0]}): ask "
            "who runs the database for CREATEROLE"
        ) from None


def _write_address(address: str, role: str, password: str) -> str:
    parts = urlsplit(address)
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password)}@{where}"))


def _name_role(desk: Desk) -> str:
    return f"{desk_grants.name_database()}_desk_{desk.pk}"
