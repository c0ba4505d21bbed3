"""`dianka office acts`: acts of the audit chains, looked up; and how events are printed."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from dianka.card_port import CardError
from dianka.desk.cli.office.reports import parse_day
from dianka.desk.cli.office.signed_in import FolderOption, open_as_actor
from dianka.desk.cli.plain import report_errors
from dianka.desk.prices import UTC_OFFSET

if TYPE_CHECKING:
    from dianka.desk.office.customers.history import Event


def acts_command(
    folder: FolderOption,
    subject: Annotated[
        str,
        typer.Option(help="A meter, customer or card by its number, or as an act names it."),
    ] = "",
    operator: Annotated[str, typer.Option(help="Who acted.")] = "",
    since: Annotated[str, typer.Option(help="The first day, as 2026-03-01.")] = "",
    until: Annotated[str, typer.Option(help="The last day.")] = "",
    kind: Annotated[str, typer.Option(help="Of which kind, such as sale or sign-in.")] = "",
    most: Annotated[int, typer.Option(help="How many at most, up to 1000.")] = 100,
) -> None:
    """List acts of all desks' chains, the newest first.

    Supervisors, managers and auditors may, but for who has an open shift. Times are local.

    Example: dianka office acts --subject 42 --kind sale --since 2026-03-01
    """
    with report_errors():
        actor = open_as_actor(folder)
        from dianka.desk.office.vending.act_list import Wanted, find_acts

        begin = _begin_of(since) if since else None
        end = _begin_of(until) + timedelta(days=1) if until else None
        found = find_acts(actor, Wanted(subject, operator, kind, begin, end, most))
        for act in found.acts:
            words = f"{act.desk} {act.number}", act.operator, act.kind, act.subject, act.detail
            typer.echo("  ".join([_format_time(act.time), *(word for word in words if word)]))
        typer.echo(found.rest or ("nothing older" if found.acts else "none"))


def print_events(events: "Iterable[Event]") -> None:
    """Print events with their local times."""
    for event in events:
        typer.echo(f"{_format_time(event.time)}  {event.kind:8}  {event.text}")


def _begin_of(day: str) -> datetime:
    at = parse_day(day)
    if not 2000 <= at.year <= 2099:
        raise CardError(f"{day} is before or after all acts: give a day from 2000 to 2099")
    return datetime.combine(at, time(), UTC) - UTC_OFFSET


def _format_time(at: datetime) -> str:
    return f"{at + UTC_OFFSET:%Y-%m-%d %H:%M:%S}"
