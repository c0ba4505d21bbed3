"""`dianka office person`, `password` and `desk`: who works here, and where."""

from typing import Annotated

import typer

from dianka.desk.cli.office.consents import ConsentOption, ask_consent
from dianka.desk.cli.office.passwords import read_password
from dianka.desk.cli.office.signed_in import FolderOption, open_as_actor, open_folder
from dianka.desk.cli.plain import report_errors

person_app = typer.Typer(no_args_is_help=True, help="Operators, their roles and sign-ins.")
desk_app = typer.Typer(no_args_is_help=True, help="The desks of this office.")

NameArgument = Annotated[str, typer.Argument(help="The operator's name.")]


@person_app.command("add")
def add_command(
    folder: FolderOption,
    name: NameArgument,
    roles: Annotated[
        list[str],
        typer.Option("--role", help="clerk, technician, supervisor, manager or auditor; repeat."),
    ],
    consent: ConsentOption = "",
) -> None:
    """Add an operator, with a password that he changes before he first signs in.

    The password is asked for, twice; from a pipe it is the first line. While nobody else could
    consent, no consent is needed.

    Example: dianka office person add wu --role supervisor
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.people import people

        password = read_password(name, confirm=True)
        subject = people.name_change(people.ADD, name, *roles)
        given = ask_consent(actor, consent, people.CONSENT, subject)
        people.add_operator(actor, name, password, roles, given)
        typer.echo(f"{name} is added: he runs dianka office password {name} first")


@person_app.command("role")
def role_command(
    folder: FolderOption,
    name: NameArgument,
    role: Annotated[str, typer.Argument(help="The role.")],
    take: Annotated[bool, typer.Option("--take", help="Take it from him.")] = False,
    consent: ConsentOption = "",
) -> None:
    """Give an operator a role, or take it.

    Example: dianka office person role li supervisor --consent wu
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.people import people

        subject = people.name_change(people.TAKE if take else people.GIVE, name, role)
        given = ask_consent(actor, consent, people.CONSENT, subject)
        (people.take if take else people.give)(actor, name, role, given)
        typer.echo(f"{name} is {'no' if take else 'a'} {role} {'any more' if take else 'now'}")


@person_app.command("close")
def close_command(folder: FolderOption, name: NameArgument, consent: ConsentOption = "") -> None:
    """Close an operator's sign-in. He stays in the books.

    Example: dianka office person close li --consent wu
    """
    _change(folder, name, "close", consent)


@person_app.command("reopen")
def reopen_command(folder: FolderOption, name: NameArgument, consent: ConsentOption = "") -> None:
    """Open an operator's sign-in again.

    Example: dianka office person reopen li --consent wu
    """
    _change(folder, name, "reopen", consent)


@person_app.command("reset")
def reset_command(folder: FolderOption, name: NameArgument, consent: ConsentOption = "") -> None:
    """Give an operator who forgot his password another one, which he changes first of all.

    Example: dianka office person reset li --consent wu
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.people import people

        password = read_password(name, confirm=True)
        subject = people.name_change(people.RESET, name)
        given = ask_consent(actor, consent, people.CONSENT, subject)
        people.reset_password(actor, name, password, given)
        typer.echo(f"{name} runs dianka office password {name} first")


@person_app.command("list")
def list_command(folder: FolderOption) -> None:
    """List all operators with their roles.

    Example: dianka office person list --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.people.people import list_people

        for each in list_people(actor):
            roles = ", ".join(sorted(group.name for group in each.groups.all())) or "no role"
            closed = "" if each.is_active else "  sign-in closed"
            typer.echo(f"{each.username}  {roles}{closed}")


def password_command(
    folder: FolderOption,
    name: NameArgument,
    desk: Annotated[
        str, typer.Option(envvar="DIANKA_DESK", help="The name of this desk; or DIANKA_DESK.")
    ] = "desk1",
) -> None:
    """Change one's own password; nobody needs to be signed in.

    The former and the new one are asked for; from a pipe they are its first two lines.

    Example: dianka office password wu --office office
    """
    with report_errors():
        open_folder(folder)
        from dianka.desk.office.people.people import change_password
        from dianka.desk.office.people.sign_in import check_password, make_actor

        former = read_password(f"{name} until now")
        actor = make_actor(check_password(name, former, desk), desk)
        change_password(actor, former, read_password(f"{name} from now on", confirm=True))
        typer.echo(f"{name} has a new password: sign in with it")


@desk_app.command("add")
def add_desk_command(
    folder: FolderOption, name: Annotated[str, typer.Argument(help="The desk's name.")]
) -> None:
    """Add a desk, or open one again that was closed.

    Example: dianka office desk add desk2
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.desk_list import add_desk

        typer.echo(f"desk {add_desk(actor, name).name} is open")


@desk_app.command("role")
def desk_role_command(
    folder: FolderOption, name: Annotated[str, typer.Argument(help="The desk's name.")]
) -> None:
    """Make a desk's own role of a PostgreSQL database, and print DIANKA_DATABASE for its PC.

    It may do what is done at a counter and rewrites nothing. Given again it makes a new password,
    and the former one is no good any more.

    Example: dianka office desk role desk2
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.desk_roles import make_role

        typer.echo(make_role(actor, name))


@desk_app.command("close")
def close_desk_command(
    folder: FolderOption, name: Annotated[str, typer.Argument(help="The desk's name.")]
) -> None:
    """Close a desk at which nothing is left to do.

    Example: dianka office desk close desk2
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.desk_list import close_desk

        close_desk(actor, name)
        typer.echo(f"desk {name} is closed")


@desk_app.command("list")
def list_desks_command(folder: FolderOption) -> None:
    """List all desks.

    Example: dianka office desk list --office office
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.desk_list import list_desks

        for each in list_desks(actor):
            typer.echo(f"{each.name}  {'closed' if each.closed else 'open'}")


def _change(folder: FolderOption, name: str, what: str, consent: str) -> None:
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.people import people

        acts = {people.CLOSE: people.close, people.REOPEN: people.reopen}
        given = ask_consent(actor, consent, people.CONSENT, people.name_change(what, name))
        acts[what](actor, name, given)
        typer.echo(f"the sign-in of {name} is {'closed' if what == 'close' else 'open'}")
