"""`--consent NAME`: a second person's consent on the command line, under his own password."""

from typing import TYPE_CHECKING, Annotated

import typer

from dianka.desk.cli.office.passwords import read_password

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

    return give_consent(actor, name, read_password(name), kind, subject, amount_fen)
