"""`dianka desk`: the office in a browser, at the counter."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from dianka.card_port import CardError
from dianka.desk.cli.office.signed_in import FolderOption
from dianka.desk.cli.plain import report_errors
from dianka.readers.choose import is_here, strip_prefix
from dianka.readers.folder import PREFIX as FOLDER
from dianka.readers.roles import Roles

_MISSING = (
    "the desk's pages need more: in the checkout run .venv/bin/python -m pip install -e '.[desk]'"
)


def desk_command(
    folder: FolderOption,
    desk: Annotated[
        str, typer.Option(envvar="DIANKA_DESK", help="The name of this desk; or DIANKA_DESK.")
    ] = "desk1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where the browser finds it; 0 is any free one.")
    ] = 8750,
    address: Annotated[
        str, typer.Option(help="Where it listens; another one than this PC wants TLS or a proxy.")
    ] = "127.0.0.1",
    names: Annotated[
        list[str] | None,
        typer.Option("--name", help="How browsers elsewhere call this PC; may be repeated."),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="A certificate for TLS (PEM).", show_default=False)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="The certificate's key (PEM).", show_default=False)
    ] = None,
    behind_proxy: Annotated[
        bool,
        typer.Option(
            "--behind-proxy", help="A proxy encrypts, and sets Host and X-Forwarded-Proto itself."
        ),
    ] = False,
    reader: Annotated[
        str,
        typer.Option(
            help="The reader of residents' cards: a part of its name, or folder:PATH; if not "
            "given, the cards decide."
        ),
    ] = "",
    control: Annotated[
        str,
        typer.Option(
            help="Where the control card is: a part of its reader's name, folder:PATH, or a file "
            "that ends in .card; if not given, the cards decide."
        ),
    ] = "",
    browser: Annotated[bool, typer.Option("--open", help="Open the browser there.")] = False,
) -> None:
    """Serve the office's pages to the browser of this desk, until Ctrl-C.

    Example: dianka desk --office office
    """
    with report_errors():
        try:
            from dianka.desk.web import server
            from dianka.desk.web.settings import make_web_settings
        except ImportError:
            raise CardError(_MISSING) from None
        from dianka.desk.office.opening import open_office

        where = server.Address(address, port, tls_cert, tls_key, behind_proxy, tuple(names or ()))
        site = server.make_site(desk, where)
        open_office(folder, make_web_settings(site))
        _require_desk(desk)
        roles = Roles(_make_whole(reader), _make_whole(control))
        with server.open_socket(where) as listening, server.open_station(folder, roles):
            where = server.replace_port(where, listening)

            def tell_ready() -> None:
                typer.echo(f"{desk} is at {where.url} (Ctrl-C ends it)")
                if browser:
                    webbrowser.open(where.url)

            server.serve(where, listening, tell_ready)


def _make_whole(word: str) -> str:
    """Return a reader's name with its path made whole, as the card process has it."""
    word = strip_prefix(word)
    if not is_here(word):
        return word
    kind = FOLDER if word.startswith(FOLDER) else ""
    return f"{kind}{Path(word.removeprefix(kind)).resolve()}"


def _require_desk(desk: str) -> None:
    from dianka.desk.office.clock import raise_if_apart
    from dianka.desk.office.people.sign_in import raise_if_no_desk

    raise_if_apart()
    raise_if_no_desk(desk)
