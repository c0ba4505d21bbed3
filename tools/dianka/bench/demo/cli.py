"""`dianka bench demo`: the counter and the meter on one page."""

import asyncio
import os
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from dianka.bench.panel.cli import get_start
from dianka.bench.stage.ending import fail_in_one_line
from dianka.bench.stage.rig import RigError

_NEEDED = ("uvicorn", "django", "polib")


def demo_command(
    folder: Annotated[
        Path, typer.Option(help="The demonstration's folder; it is made if there is none.")
    ] = Path("build/demo"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port on this computer; 0: any free one.")
    ] = 8030,
    browser: Annotated[bool, typer.Option(help="Open the page in this computer's browser.")] = True,
) -> None:
    """Show the whole business on one page: on the left the counter, on the right the meter.

    The folder gets a system of its own, an office with a month of history and a virtual meter;
    Ctrl-C ends it, and the next start goes on with it.

    Example: dianka bench demo
    """
    with fail_in_one_line():
        if any(find_spec(name) is None for name in _NEEDED):
            raise RigError("the demonstration needs more: run make demo, which installs it")
        _show(folder.resolve(), port, browser)


def _show(root: Path, port: int, browser: bool) -> None:
    from dianka.bench.demo.founding import find_demo
    from dianka.bench.panel.serve import bind

    # The demonstration has an office of its own: a database that is named for the real one is left
    # alone, by the processes that come of this one too.
    for name in [name for name in os.environ if name.startswith("DIANKA_")]:
        del os.environ[name]
    with bind(port) as bound:
        if not (root / "demo.json").exists():
            typer.echo("making an office with a month of history, once ...")
        passwords = find_demo(root)["passwords"]
        from dianka.bench.demo.server import DemoApp, list_readers, open_counter, serve_demo
        from dianka.bench.panel.serve import Panel
        from dianka.desk.web.server import open_station
        from dianka.readers.roles import Roles

        open_counter(root)
        readers = list_readers(root)
        number = bound.getsockname()[1]
        roles = Roles(*(f"folder:{readers[name]}" for name in ("counter", "control")))

        def tell(url: str) -> None:
            typer.echo(f"open {url} (Ctrl-C ends it)")
            names = ", ".join(f"{name} {password}" for name, password in passwords.items())
            typer.echo(f"you are signed in as clerk; others sign in by hand: {names}")
            if browser:
                webbrowser.open(url)

        async def run() -> None:
            panel = Panel(root, 1, get_start(), number, readers=readers, counter="/counter")
            app = DemoApp(panel.app, number, passwords["clerk"])
            await serve_demo(root, panel, app, bound, tell)

        with open_station(root / "office", roles):
            asyncio.run(run())
