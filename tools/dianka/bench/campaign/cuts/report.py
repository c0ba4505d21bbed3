"""Say what the campaign has found: a table, one line for a log, and a file for programs."""

import json
import os
import shlex
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table

from dianka.bench.campaign.cuts import chip_restarts
from dianka.bench.campaign.cuts.books import LIMIT_PJ, PJ_PER_WH
from dianka.bench.campaign.cuts.campaign import Figures, Violation

_PJ_PER_MWH = PJ_PER_WH // 1000
_COLUMNS = (
    "points", "distinct", "played", "audited", "pair_points", "pairs", "pairs_played"
)  # fmt: skip
_RESETS = ("resets", "resets_distinct", "resets_played")
_HEADS = ("points", "distinct", "played", "audited", "pairs", "distinct", "played")


def make_table(rows: Sequence[Figures]) -> Group:
    """Return a table of all operations and their sum, and one of the resets if there are any."""
    reset = [row for row in rows if row.resets]
    return Group(_make_cuts(rows), _make_resets(reset)) if reset else Group(_make_cuts(rows))


def _make_resets(rows: Sequence[Figures]) -> Table:
    made = Table(title="the controller alone restarted behind every byte")
    made.add_column("operation")
    for head in ("resets", "distinct", "played", "most lost mWh", "after a hang"):
        made.add_column(head, justify="right")
    for row in (*rows, sum_up(rows)):
        counts = [f"{getattr(row, name):,}" for name in _RESETS]
        lost = row.most_lost_reset_pj, row.most_lost_hang_pj
        made.add_row(row.operation, *counts, *(f"{each // _PJ_PER_MWH}" for each in lost))
    return made


def _make_cuts(rows: Sequence[Figures]) -> Table:
    made = Table(title="the power cut at every byte, and again while the meter recovers")
    made.add_column("operation")
    for head in (*_HEADS, "lost, doubled fen", "most lost mWh", "violations"):
        made.add_column(head, justify="right")
    for row in rows:
        made.add_row(row.operation, *_format_row(row))
    whole = sum_up(rows)
    made.add_section()
    made.add_row("outside card sessions", *_format_row(sum_up([r for r in rows if not r.session])))
    made.add_row("all", *_format_row(whole))
    return made


def _format_row(row: Figures) -> list[str]:
    lost_fen, doubled_fen = sum_fen(row.violations)
    return [
        *(f"{getattr(row, name):,}" for name in _COLUMNS),
        f"{float(lost_fen):g}, {float(doubled_fen):g}",
        f"{row.most_lost_pj // _PJ_PER_MWH}",
        str(len(row.violations)),
    ]


def sum_up(rows: Sequence[Figures]) -> Figures:
    made = Figures("all")
    for row in rows:
        made.add(row)
    return made


def sum_fen(violations: Sequence[Violation]) -> tuple[Fraction, Fraction]:
    """Return the fen lost and the fen doubled, exact."""
    return (
        sum((one.lost_fen for one in violations), Fraction(0)),
        sum((one.doubled_fen for one in violations), Fraction(0)),
    )


def compose_replay(violation: Violation, seed: int) -> str:
    """Return the command that plays this violation alone."""
    words = ["dianka", "bench", "cuts", "--only", violation.operation]
    words += ["--point", str(violation.point)]
    if violation.then:
        words += ["--then", str(violation.then)]
    return shlex.join([*words, "--seed", str(seed)])


def compose_summary(rows: Sequence[Figures], seconds: int, seed: int) -> str:
    """Return one line with the figures of the whole campaign."""
    whole, quiet = sum_up(rows), sum_up([row for row in rows if not row.session])
    lost_fen, doubled_fen = sum_fen(whole.violations)
    more = "".join(
        f", {row.most_lost_pj // _PJ_PER_MWH} mWh where {row.beyond}"
        for row in rows
        if row.beyond and row.most_lost_pj > LIMIT_PJ
    )
    return (
        f"{quiet.distinct:,} distinct cuts outside card sessions and {whole.pairs:,} pairs "
        f"in {seconds} s, seed {seed}: {float(lost_fen):g} fen lost, {float(doubled_fen):g} "
        f"doubled, at most {_find_most_lost(rows) // _PJ_PER_MWH} mWh lost at a cut{more}; "
        f"{whole.resets_distinct:,} distinct resets, "
        f"at most {_find_most_lost_reset(rows) // _PJ_PER_MWH} mWh lost; "
        f"{len(whole.violations)} violations"
    )


def _find_most_lost(rows: Sequence[Figures]) -> int:
    """Return the most energy that a cut has cost where 1 Wh is the limit, in pJ."""
    return max((row.most_lost_pj for row in rows if not row.beyond), default=0)


def _find_most_lost_reset(rows: Sequence[Figures]) -> int:
    """Return the same of a reset of the controller alone, hung or not."""
    hangs = (row.most_lost_hang_pj for row in rows if not row.hang_beyond)
    return max(*(row.most_lost_reset_pj for row in rows), *hangs, 0)


def write_json(path: Path, rows: Sequence[Figures], seconds: int, seed: int, every: int) -> None:
    """Write the figures for programs."""
    whole, quiet = sum_up(rows), sum_up([row for row in rows if not row.session])
    content: dict[str, Any] = {
        "seed": seed,
        "every": every,
        "seconds": seconds,
        "processor_seconds": int(sum(os.times()[:4])),
        "points_outside_sessions": quiet.distinct,
        **_describe(whole),
        "most_lost_mwh": _find_most_lost(rows) // _PJ_PER_MWH,
        "most_lost_reset_mwh": _find_most_lost_reset(rows) // _PJ_PER_MWH,
        "operations": {row.operation: _describe(row) for row in rows},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def list_figures(
    rows: Sequence[Figures], seconds: int, processor_seconds: int, seed: int
) -> list[tuple[str, str]]:
    """Return what a reader who has nothing of the table wants to know, as (what, figure)."""
    whole, quiet = sum_up(rows), sum_up([row for row in rows if not row.session])
    lost_fen, doubled_fen = sum_fen(whole.violations)
    played = whole.played + whole.pairs_played + whole.audited + whole.resets_played
    beyond = [
        (f"the same where {row.beyond}", _format_energy(row.most_lost_pj))
        for row in rows
        if row.beyond
    ]
    reset = [
        ("bytes behind which the controller alone was restarted", f"{whole.resets:,}"),
        ("of these, restarts that find something different", f"{whole.resets_distinct:,}"),
        ("most energy used and not charged there", _format_energy(_find_most_lost_reset(rows))),
        *(
            (f"the same where {row.hang_beyond}", _format_energy(row.most_lost_hang_pj))
            for row in rows
            if row.hang_beyond
        ),
    ]
    excess = [
        (f"{row.operation}: most charged that nobody used", _format_energy(row.most_excess_pj))
        for row in rows
        if row.operation == chip_restarts.NAME
    ]
    return [
        ("`make cuts`", "figure"),
        ("operations of the meter", f"{len(rows)}"),
        ("bytes and ways at which the power was cut", f"{whole.points:,}"),
        ("of these, cuts that leave something different", f"{whole.distinct:,}"),
        ("of these outside card sessions", f"{quiet.distinct:,}"),
        ("pairs: cut again while the meter recovers", f"{whole.pairs:,}"),
        ("futures played to their end", f"{played:,}"),
        ("fen lost", f"{float(lost_fen):g}"),
        ("fen given twice", f"{float(doubled_fen):g}"),
        ("most energy used and not charged at a cut", _format_energy(_find_most_lost(rows))),
        *beyond,
        *reset,
        *excess,
        ("breaches of any rule", str(len(whole.violations))),
        ("seconds, of processors and by the clock", f"{processor_seconds} and {seconds}"),
        ("seed", str(seed)),
    ]


def _format_energy(energy_pj: int) -> str:
    """Return watt-hours with two places, rounded up."""
    hundredths = -(-energy_pj * 100 // PJ_PER_WH)
    return f"{hundredths // 100}.{hundredths % 100:02d} Wh"


def _describe(row: Figures) -> dict[str, Any]:
    lost_fen, doubled_fen = sum_fen(row.violations)
    return {
        **{name: getattr(row, name) for name in (*_COLUMNS, *_RESETS)},
        "ways": dict(row.ways),
        "lost_fen": str(lost_fen),
        "doubled_fen": str(doubled_fen),
        "most_lost_mwh": row.most_lost_pj // _PJ_PER_MWH,
        "beyond": row.beyond,
        "most_lost_reset_mwh": row.most_lost_reset_pj // _PJ_PER_MWH,
        "most_lost_hang_mwh": row.most_lost_hang_pj // _PJ_PER_MWH,
        "hang_beyond": row.hang_beyond,
        "most_excess_mwh": row.most_excess_pj // _PJ_PER_MWH,
        "violations": [one.text for one in row.violations],
    }
