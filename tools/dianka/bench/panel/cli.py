"""`dianka bench panel`: stand before virtual meters in a browser."""

import asyncio
import contextlib
import tempfile
import webbrowser
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from dianka.bench.stage.ending import fail_in_one_line
from dianka.bench.stage.rig import RigError

FOLDER_HELP = "Keep the meters' memories and the cards here. Without it they are gone at the end."


def panel_command(
    meters: Annotated[
        int, typer.Option(min=1, max=8, help="How many meters hang side by side.")
    ] = 1,
    folder: Annotated[Path | None, typer.Option(help=FOLDER_HELP)] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port on this computer; 0: any free one.")
    ] = 8020,
    runner: Annotated[
        str,
        typer.Option(
            metavar="vm|host",
            help="What runs the firmware: vm is the real MicroPython, host is CPython.",
        ),
    ] = "vm",
    browser: Annotated[bool, typer.Option(help="Open the page in this computer's browser.")] = True,
) -> None:
    """Stand before virtual meters in a browser: cards, key, appliances, mains, time.

    The firmware is the unmodified one. The page is for this computer alone. Ctrl-C ends it.

    Example: dianka bench panel --meters 2 --folder meters
    """
    with fail_in_one_line(), contextlib.ExitStack() as stack:
        must_have_server()
        if folder is None:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dianka-")))
        else:
            place = folder.resolve()
        _serve(place, meters, port, runner, browser)


def must_have_server() -> None:
    """Raise RigError where the packages of the panel are missing."""
    if find_spec("uvicorn") is None:
        raise RigError("uvicorn is not here: install it with pip install -e '.[panel]'")


def get_start() -> datetime:
    """Return the present time in UTC, as a new meter's clock begins with it."""
    return datetime.now(UTC).replace(microsecond=0, tzinfo=None)


def _serve(place: Path, meters: int, port: int, runner: str, browser: bool) -> None:
    from dianka.bench.panel.founding import found_panel
    from dianka.bench.panel.serve import LOOPBACK, Panel, bind, serve

    found_panel(place, meters)
    bound = bind(port)
    number = bound.getsockname()[1]
    url = f"http://{LOOPBACK}:{number}/"

    async def run() -> None:
        panel = Panel(place, meters, get_start(), number, runner)
        await serve(panel, panel.app, bound, lambda: tell_url(url, browser))

    with bound:
        asyncio.run(run())


def tell_url(url: str, browser: bool) -> None:
    """Print where the page is, and open it."""
    typer.echo(f"open {url} (Ctrl-C ends it)")
    if browser:
        webbrowser.open(url)
