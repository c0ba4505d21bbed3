"""`dianka office sign-in` and `sign-out`."""

from typing import Annotated

import typer

from dianka.desk.cli.office.passwords import read_password
from dianka.desk.cli.office.signed_in import (
    FolderOption,
    drop_token,
    keep_token,
    open_folder,
    open_in_time,
    read_token,
)
from dianka.desk.cli.plain import report_errors


def sign_in_command(
    name: Annotated[str, typer.Argument(help="The operator's name.")],
    folder: FolderOption,
    desk: Annotated[
        str, typer.Option(envvar="DIANKA_DESK", help="The name of this desk; or DIANKA_DESK.")
    ] = "desk1",
) -> None:
    """Sign in at this desk, for 12 hours at most.

    The password is asked for; from a pipe it is the first line.

    Example: dianka office sign-in lin --office office
    """
    with report_errors():
        open_in_time(folder)
        from dianka.desk.office.people.sign_in import sign_in

        keep_token(folder, sign_in(name, read_password(), desk))
        typer.echo(f"{name} is signed in at {desk}")


def sign_out_command(folder: FolderOption) -> None:
    """End the sign-in at this desk.

    Example: dianka office sign-out --office office
    """
    with report_errors():
        open_folder(folder)
        from dianka.desk.office.people.sign_in import sign_out

        sign_out(read_token(folder))
        drop_token(folder)
        typer.echo("signed out")
