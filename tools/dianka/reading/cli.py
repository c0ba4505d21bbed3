"""The command `dianka read`."""

import json
import re
from typing import Annotated, NoReturn

import typer

from dianka.reading.items import ITEMS, USUAL, Item, ValueUnknown, find_item

_ADDRESS = re.compile(r"[0-9]{1,12}")


def read_command(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="Names of --list, as in energy volts:1; none: the usual ones."),
    ] = None,
    port: Annotated[str, typer.Option(help="The adapter at the meter, as in /dev/ttyUSB0.")] = "",
    address: Annotated[
        str, typer.Option(help="The meter's number, where several share the line.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    names: Annotated[bool, typer.Option("--list", help="Only say what can be read.")] = False,
) -> None:
    """Read a running meter over its data port, by DL/T 645-2007. Nothing is changed.

    Example: dianka read --port /dev/ttyUSB0 energy balance
    """
    if names:
        for item in ITEMS:
            many = f":1 to :{item.many}" if item.many > 1 else ""
            typer.echo(f"{item.name + many:<28}{item.identifier:08X}  {item.words}")
        return
    if not port:
        _fail("name the adapter, as in --port /dev/ttyUSB0")
    if address and not _ADDRESS.fullmatch(address):
        _fail(f"{address} is no meter number: up to 12 digits")
    try:
        wanted = [(name, *find_item(name)) for name in what or USUAL]
    except ValueError as error:
        _fail(str(error))
    _read(port, address, wanted, as_json)


def _read(port: str, address: str, wanted: list[tuple[str, Item, int]], as_json: bool) -> None:
    try:
        from dianka.reading.client import Line, ReadError, RefusedError
    except ImportError as error:
        _fail(f"{error.name} is missing: install it with pip install -e '.[board]'")
    try:
        line = Line(port)
    except ReadError as error:
        _fail(str(error))
    found: dict[str, dict[str, str]] = {}
    try:
        own = line.ask_address(address.zfill(12)) if address else line.ask_address()
        for name, item, number in wanted:
            try:
                data = line.read(own, item.find_identifier(number))
                found[name] = {"value": item.decode(data), "unit": item.unit}
            except (RefusedError, ValueUnknown) as error:
                found[name] = {"refused": str(error)}
            if not as_json:
                typer.echo(f"{item.words + _count(item, number):<30}{_say(found[name])}")
    except ReadError as error:
        _fail(str(error))
    finally:
        line.close()
    if as_json:
        typer.echo(json.dumps({"meter": own} | found))
    if all("refused" in answer for answer in found.values()):
        raise typer.Exit(1)


def _count(item: Item, number: int) -> str:
    return f" {number}" if item.many > 1 else ""


def _say(answer: dict[str, str]) -> str:
    if "refused" in answer:
        return f"- ({answer['refused']})"
    return f"{answer['value']} {answer['unit']}".strip()


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
