"""`dianka reader list`, `watch`, `speed`, `dianka card insert`: readers on the command line."""

import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, cast

import typer

from dianka.card_port import CardError, CardPort
from dianka.cardos import kinds
from dianka.cardos.image import CardFile
from dianka.cardos.t0 import Tpdu
from dianka.desk.cli.options import print_lines
from dianka.desk.cli.plain import report_errors
from dianka.readers.base import Held
from dianka.readers.card_process import CardProcess
from dianka.readers.changes import describe_card
from dianka.readers.pcsc import PcscReader, Seen, import_scard, look_around
from dianka.readers.vpcd import FIRST_PORT, VirtualSlot
from dianka.signals import end_on_signals

reader_app = typer.Typer(no_args_is_help=True, help="Card readers on PC/SC.")

_CHALLENGE = bytes.fromhex("00 84 00 00 08")
_ROUND_MS = 3000
_START_S = 10  # for a Python process that imports all that cards need, on a busy machine
_END_S = 5

SlotOption = Annotated[int, typer.Option("--slot", min=0, max=1, help="Which of vpcd's two slots.")]
PortOption = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=1,
        max=65535,
        help=f"Where vpcd listens; {FIRST_PORT} and the slot if not given.",
    ),
]


@reader_app.command("list")
def list_command() -> None:
    """Say which readers there are, and what is in them.

    Example: dianka reader list
    """
    with report_errors():
        readers = look_around()
        if not readers:
            raise CardError("there is no card reader: plug one in")
        print_lines(
            "readers",
            [
                (str(number), f"{seen.name}: {_describe_content(seen)}")
                for number, seen in enumerate(readers)
            ],
        )


def _describe_content(seen: Seen) -> str:
    return describe_card(seen.atr) if seen.present else "empty"


@reader_app.command("watch")
def watch_command() -> None:
    """Say what happens at the readers, each with its time, all day long, until Ctrl-C.

    Cards put in and taken out, readers plugged in and unplugged, what another program holds, the
    card service gone and back. docs/operations.md says what each line means.

    Example: dianka reader watch
    """
    with report_errors(), end_on_signals():
        import_scard()  # without pyscard there is nothing to watch
        with contextlib.suppress(KeyboardInterrupt), CardProcess() as cards:
            for event in cards.events():
                typer.echo(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {event.line}")


@reader_app.command("speed")
def speed_command(
    reader: Annotated[
        str | None,
        typer.Argument(help="Number or name of a reader with a card in it.", metavar="[READER]"),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=1_000_000, help="Commands to send.")] = 5000,
    slot: Annotated[
        int | None,
        typer.Option(min=0, max=1, help="Put a card of its own into this slot of vpcd instead."),
    ] = None,
    port: PortOption = None,
) -> None:
    """Measure how many commands a second go to a card and back (GET CHALLENGE, 5 bytes out and 10
    back).

    Example: dianka reader speed 0

    Example: dianka reader speed --slot 1 --count 20000
    """
    with report_errors():
        if (reader is None) == (slot is None):
            raise CardError(
                "give a reader with a card in it, or --slot for a virtual one, one of the two"
            )
        if reader is not None:
            with PcscReader.find(reader).connect() as card:
                _measure_speed(card, count)
        else:
            with (
                _insert_virtual_card(cast(int, slot), port) as name,
                PcscReader(name).connect() as card,
            ):
                _measure_speed(card, count)


def _measure_speed(card: Held, count: int) -> None:
    per_s, took_ns = measure_apdus(card.port, count)
    typer.echo(f"{card.name}: {count} APDU in {took_ns // 1_000_000} ms, {per_s} APDU/s")


def measure_apdus(port: CardPort, count: int) -> tuple[int, int]:
    """Send `count` commands one after the other. Return commands per second, and the time in ns."""
    port.power_on()
    began_ns = time.monotonic_ns()
    for _ in range(count):
        port.process(_CHALLENGE)
    took_ns = max(time.monotonic_ns() - began_ns, 1)
    return count * 1_000_000_000 // took_ns, took_ns


@contextmanager
def _insert_virtual_card(slot: int, port: int | None) -> Iterator[str]:
    """Put a new card into a slot. Yield the name of the reader that has it.

    A process of its own serves the card, as it would serve any other.
    """
    with tempfile.TemporaryDirectory(prefix="dianka-") as folder:
        path = Path(folder) / "speed.card"
        with CardFile.create(path, kinds.USER) as file:
            serial = file.chip.state.serial
        words = [
            "card",
            "insert",
            str(path),
            "--slot",
            str(slot),
            *(["--port", str(port)] if port else []),
        ]
        process = subprocess.Popen(
            [sys.executable, "-m", "dianka", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        overdue = threading.Timer(_START_S, process.kill)
        overdue.start()
        try:
            said = cast(IO[str], process.stdout).readline()
            overdue.cancel()
            if not said:
                raise CardError(
                    _end_process(process) or "the virtual card ended at once: run it alone"
                )
            yield _find_reader_with(serial)
        finally:
            overdue.cancel()
            _end_process(process)


def _end_process(process: "subprocess.Popen[str]") -> str:
    """End the process, by force if it does not end by itself. Return its error output."""
    process.terminate()
    try:
        return process.communicate(timeout=_END_S)[1].strip()
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate(timeout=_END_S)[1].strip()


def _find_reader_with(serial: bytes) -> str:
    until_ns = time.monotonic_ns() + _ROUND_MS * 1_000_000
    while time.monotonic_ns() < until_ns:
        for seen in look_around():
            if seen.atr.endswith(serial):
                return seen.name
        time.sleep(0.02)
    raise CardError("the virtual card shows up in no reader: look at `dianka reader list`")


def insert_command(
    file: Annotated[Path, typer.Argument(help="The card's file.", metavar="FILE")],
    slot: SlotOption = 0,
    port: PortOption = None,
) -> None:
    """Put a card file into a virtual reader (vsmartcard-vpcd), until Ctrl-C pulls it.

    Example: dianka card insert lin.card --slot 0
    """
    with report_errors(), end_on_signals(), CardFile.open(file) as card:
        virtual = VirtualSlot(Tpdu(card.chip), FIRST_PORT + slot if port is None else port)
        try:
            virtual.insert()
            typer.echo(f"{file.name} is in slot {slot}: Ctrl-C pulls it")
            virtual.serve()
        except (KeyboardInterrupt, SystemExit) as ended:
            typer.echo(f"{file.name} pulled after {virtual.commands} commands")
            if card.trouble:  # the program at the reader got status 6581 and no reason
                raise CardError(card.trouble) from None
            if isinstance(ended, SystemExit):
                raise
            return
        finally:
            virtual.pull()
        raise CardError(
            "the reader is gone, or the card fell silent: see that pcscd runs, and put the card in "
            "again"
        )
