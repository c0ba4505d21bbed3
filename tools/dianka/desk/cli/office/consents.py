"""`--consent NAME`: a second person's consent on the command line, under his own password."""

from typing import TYPE_CHECKING, Annotated

import typer

from dianka.desk.cli.office.passwords import read_password
from dianka.money import signed_yuan

if TYPE_CHECKING:
    from dianka.desk.office.people.rights import Actor

ConsentOption = Annotated[
    str,
    typer.Option(
        "--consent",
        metavar="NAME",
        help="The second person who consents; his password is asked for, or is the next line of a "
        "pipe.",
    ),
]


def ask_consent(
    actor: "Actor", name: str, kind: str, subject: str, amount_fen: int = 0
) -> int | None:
    """Return the number of this person's consent, None if nobody is named."""
    if not name:
        return None
    from dianka.desk.office.people.consent import give_consent

    amount = f", {signed_yuan(amount_fen)} yuan" if amount_fen else ""
    password = read_password(f"{name}, who consents to {kind} {subject}{amount}")
    return give_consent(actor, name, password, kind, subject, amount_fen)
