"""`dianka office clock`: a clock that looks wrong by the acts, and is right."""

from typing import Annotated

import typer

from dianka.desk.cli.office.passwords import read_password
from dianka.desk.cli.office.signed_in import FolderOption, open_folder
from dianka.desk.cli.plain import report_errors

clock_app = typer.Typer(no_args_is_help=True, help="The clock that acts are dated by.")


@clock_app.callback()
def _stay_a_group() -> None:
    """Keep `accept` a command of a group, though it is alone."""


@clock_app.command("accept")
def accept_command(
    folder: FolderOption,
    name: Annotated[str, typer.Argument(help="Who accepts it: a supervisor or a manager.")],
    consent: Annotated[
        str,
        typer.Option(
            "--consent",
            metavar="NAME",
            help="The second person; left out only where nobody else could consent.",
        ),
    ] = "",
    desk: Annotated[
        str, typer.Option(envvar="DIANKA_DESK", help="The name of this desk; or DIANKA_DESK.")
    ] = "desk1",
) -> None:
    """Accept a clock that is refused, once it is known to be right.

    The clock is refused if it is more than 5 minutes behind the desk's last act, or 31 days after
    the office's. Nobody needs to be signed in: both passwords are asked for; from a pipe they are
    its first two lines. The act tells both times.

    Exit code: 0 accepted; 1 nothing is changed.

    Example: dianka office clock accept lin --consent wu
    """
    with report_errors():
        open_folder(folder)
        from dianka.desk.office import clock

        actor = clock.identify(name, read_password(name), desk)
        told = clock.accept(actor, consent, read_password(consent) if consent else "")
        typer.echo(f"the clock of {desk}: {told}")
