"""The group `dianka office`, and which module each of its commands is in."""

import typer

from dianka.card_port import CardError
from dianka.desk.cli.plain import report_errors
from dianka.lazy import Later, LazyGroup

_HERE = "dianka.desk.cli.office"
COMMANDS = {
    "init": Later(f"{_HERE}.database:init_command", "Make an office with its first manager."),
    "check": Later(
        f"{_HERE}.database:check_command", "Name each act and entry that is not as written."
    ),
    "prove": Later(f"{_HERE}.database:prove_command", "Prove where each fen is."),
    "backup": Later(f"{_HERE}.database:backup_command", "Write a verified copy."),
    "restore": Later(f"{_HERE}.database:restore_command", "Bring a copy back."),
    "card": Later(f"{_HERE}.cards:card_app", "The register of cards, and what each card is."),
    "sign-in": Later(f"{_HERE}.people:sign_in_command", "Sign in at this desk."),
    "sign-out": Later(f"{_HERE}.people:sign_out_command", "End the sign-in at this desk."),
}


class _Office(LazyGroup):
    """The group of the office's commands, imported when used."""

    later = COMMANDS


office_app = typer.Typer(
    cls=_Office,
    no_args_is_help=True,
    help="The office: customers, cards, sales and money in one database, proved to the fen.",
)


@office_app.callback()
def _require_django() -> None:
    try:
        import django  # noqa: F401
    except ImportError:
        with report_errors():
            raise CardError(
                "the office needs Django: run make office, or pip install 'dianka[office]'"
            ) from None
