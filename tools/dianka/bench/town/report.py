"""What a town came to: a table for people, a file for programs, the command that plays it again."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich.table import Table

from dianka.bench.town.compare import Sums
from dianka.bench.town.town import Size, Town

_NO_FAULTS = ("sale sold", "session")


def compose_replay(size: Size) -> str:
    """Return the command that plays this very town again."""
    return (
        f"dianka bench town --meters {size.meters} --desks {size.desks} --days {size.days} "
        f"--seed {size.seed}"
    )


def collect_figures(town: Town, sums: Sums, seconds: int) -> dict[str, Any]:
    """Return all figures of a town that was played, for a file."""
    did = town.life.did
    return {
        "seed": town.size.seed,
        "meters": town.size.meters,
        "meters in all": town.estate.meters,
        "desks": town.size.desks,
        "days": town.size.days,
        "seconds": seconds,
        "sales": did["sale sold"],
        "sessions": did["session"],
        "events": dict(sorted((what, n) for what, n in did.items() if what not in _NO_FAULTS)),
        "fen": {
            "sold": sums.sold,
            "in meters": _format_exact(sums.in_meters),
            "used": _format_exact(sums.used),
            "in transit": sums.in_transit,
            "refunded": sums.refunded,
            "paid at the end of accounts": sums.paid_out,
            "used and lost in power cuts": _format_exact(sums.cut),
        },
        "differences": sums.differences,
        "digest": town.compute_digest(),
    }


def write_json(path: Path, figures: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def list_figures(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a reader who has nothing of the table wants to know, as (what, figure)."""
    where = [(f"fen {name}", str(fen)) for name, fen in figures["fen"].items()]
    size = f"{figures['meters']}, {figures['desks']}, {figures['days']}"
    return [
        ("`make town`", "figure"),
        ("meters, desks, days", size),
        ("sales", str(figures["sales"])),
        ("sessions that went well", str(figures["sessions"])),
        *((what, str(number)) for what, number in figures["events"].items()),
        *where,
        ("differences, of all meters, desks and customers", str(len(figures["differences"]))),
        ("seconds", str(figures["seconds"])),
        ("seed", str(figures["seed"])),
    ]


def make_table(figures: dict[str, Any]) -> Table:
    """Return a table of what has happened and where the money is."""
    made = Table(title="a town: what has happened, and where each fen is")
    made.add_column("what")
    made.add_column("number", justify="right")
    for name in ("sales", "sessions"):
        made.add_row(name, str(figures[name]))
    for what, number in figures["events"].items():
        made.add_row(f"  {what}", str(number))
    made.add_section()
    for where, fen in figures["fen"].items():
        made.add_row(f"fen {where}", str(fen))
    made.add_row("differences", str(len(figures["differences"])))
    return made


def compose_summary(figures: dict[str, Any]) -> str:
    """Return one line with the most important figures, for a log."""
    faults = sum(figures["events"].values())
    return (
        f"{figures['meters']} meters, {figures['desks']} desks, {figures['days']} days in "
        f"{figures['seconds']} s: {figures['sales']} sales, {figures['sessions']} sessions, "
        f"{faults} other events, {figures['fen']['sold']} fen sold, "
        f"{len(figures['differences'])} differences; seed {figures['seed']}, "
        f"digest {figures['digest']}"
    )


def _format_exact(fen: Fraction) -> str:
    """Return an exact sum with four places of its fraction, cut off."""
    whole, rest = divmod(fen, 1)
    return f"{whole}.{rest * 10_000 // 1:04d}"
