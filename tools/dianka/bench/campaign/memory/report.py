"""Say what the ailments have done: a table, one line for a log, and a file for programs."""

import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from dianka.bench.campaign.cuts.books import PJ_PER_WH
from dianka.bench.campaign.cuts.campaign import Violation
from dianka.bench.campaign.cuts.report import sum_fen
from dianka.bench.campaign.memory.campaign import Figures

_PJ_PER_MWH = PJ_PER_WH // 1000


def make_table(rows: Sequence[Figures]) -> Table:
    made = Table(
        title="a memory that forgets, lies, answers late or not at all, and a cut behind it"
    )
    made.add_column("ailment")
    for head in ("cases", "played", "told", "lost, doubled fen", "most lost mWh", "violations"):
        made.add_column(head, justify="right")
    for row in rows:
        lost_fen, doubled_fen = sum_fen(row.violations)
        made.add_row(
            row.ailment,
            *(f"{number:,}" for number in (row.cases, row.played, row.told)),
            f"{float(lost_fen):g}, {float(doubled_fen):g}",
            str(row.most_lost_pj // _PJ_PER_MWH),
            str(len(row.violations)),
        )
    return made


def compose_replay(violation: Violation, seed: int) -> str:
    """Return the command that plays this violation alone."""
    words = ["dianka", "bench", "memory", "--only", violation.operation]
    return shlex.join([*words, "--case", str(violation.point), "--seed", str(seed)])


def compose_summary(rows: Sequence[Figures], seconds: int, seed: int) -> str:
    """Return one line with the figures of all ailments."""
    violations = [one for row in rows for one in row.violations]
    lost_fen, doubled_fen = sum_fen(violations)
    return (
        f"{sum(row.played for row in rows):,} of {sum(row.cases for row in rows):,} cases in "
        f"{seconds} s, seed {seed}: {float(lost_fen):g} fen lost, {float(doubled_fen):g} doubled, "
        f"{len(violations)} violations"
    )


def write_json(path: Path, rows: Sequence[Figures], seconds: int, seed: int, every: int) -> None:
    """Write the figures for programs."""
    violations = [one for row in rows for one in row.violations]
    lost_fen, doubled_fen = sum_fen(violations)
    content = {
        "seed": seed,
        "every": every,
        "seconds": seconds,
        "processor_seconds": int(sum(os.times()[:4])),
        "lost_fen": str(lost_fen),
        "doubled_fen": str(doubled_fen),
        "ailments": {
            row.ailment: {
                "cases": row.cases,
                "played": row.played,
                "told": row.told,
                "most_lost_mwh": row.most_lost_pj // _PJ_PER_MWH,
                "violations": [one.text for one in row.violations],
            }
            for row in rows
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def list_figures(
    rows: Sequence[Figures], seconds: int, processor_seconds: int, seed: int
) -> list[tuple[str, str]]:
    """Return what a reader who has nothing of the table wants to know, as (what, figure)."""
    violations = [one for row in rows for one in row.violations]
    lost_fen, doubled_fen = sum_fen(violations)
    return [
        ("`make memory`", "figure"),
        *(
            (f"{row.ailment}: cases played, and told by the meter", f"{row.played:,}, {row.told:,}")
            for row in rows
        ),
        ("fen lost", f"{float(lost_fen):g}"),
        ("fen given twice", f"{float(doubled_fen):g}"),
        ("breaches of any rule", str(len(violations))),
        ("seconds, of processors and by the clock", f"{processor_seconds} and {seconds}"),
        ("seed", str(seed)),
    ]
