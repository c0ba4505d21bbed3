"""Say what the lives have come to: a table, one line for a log, and a file for programs."""

import json
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich.table import Table

from dianka.bench.campaign.soak import wear
from dianka.bench.campaign.soak.campaign import DAYS_A_YEAR, Figures, Worn
from dianka.bench.campaign.soak.ledger import PJ_PER_WH
from dianka.cardos.files import card_files

_PJ_PER_KWH = 1000 * PJ_PER_WH
_SHOWN = (
    "purchases", "cards pulled", "cuts in a session", "power cuts", "brown-outs", "restarts",
    "stages", "clock faults", "tariff changes", "meters swapped",
)  # fmt: skip


def make_table(rows: Sequence[Figures]) -> Table:
    """Return a table of all lives."""
    made = Table(title="years of a household's life, checked after every step")
    for head in ("meter", "years", "kWh", *_SHOWN, "checks", "s"):
        made.add_column(head, justify="right")
    for row in rows:
        made.add_row(
            str(row.number),
            f"{row.days / DAYS_A_YEAR:.2f}",
            f"{row.energy_pj // _PJ_PER_KWH:,}",
            *(f"{row.happened[name]:,}" for name in _SHOWN),
            f"{row.checks:,}",
            f"{float(row.seconds):.0f}",
        )
    return made


def compose_replay(row: Figures, seed: int) -> str:
    """Return the command that lives this life alone again, to the day of its failure."""
    return f"dianka bench soak --days {row.days + 1} --meter {row.number} --seed {seed}"


def compute_rate(rows: Sequence[Figures]) -> Fraction:
    """Return the virtual years a minute of one processor."""
    spent_s = sum(row.seconds for row in rows) or Fraction(1)
    return Fraction(sum(row.days for row in rows), DAYS_A_YEAR) * 60 / spent_s


def count_wallet_years(rows: Sequence[Figures]) -> int:
    """Return the years in which these households wear the wallet out."""
    days, writes = sum(row.days for row in rows), sum(row.wallet_writes for row in rows)
    return wear.WALLET_RATED * days // (max(1, writes) * DAYS_A_YEAR)


def compose_summary(rows: Sequence[Figures], seconds: int, seed: int) -> str:
    """Return one line with the figures of all lives."""
    years = sum(row.days for row in rows) / DAYS_A_YEAR
    violations = sum(bool(row.violation) for row in rows)
    return (
        f"{years:.1f} years of {len(rows)} meters in {seconds} s, seed {seed}, "
        f"{float(compute_rate(rows)):.1f} virtual years a minute of one processor: "
        f"{_sum_fen(rows, 'lost_fen')} fen lost, {_sum_fen(rows, 'doubled_fen')} doubled, "
        f"at most {_find_most_lost(rows) * 1000 // PJ_PER_WH} mWh lost at a cut; "
        f"{violations} violations"
    )


def list_wear(rows: Sequence[Figures], worn: Worn | None) -> list[tuple[str, str]]:
    """Return what was measured of the wear, as (what, figure)."""
    if worn is None:
        return []
    mean, full, settling = worn.mean, worn.full, worn.settling
    full_years = wear.WALLET_RATED * settling.wallet_s // wear.YEAR_S
    mirror = wear.YEAR_S // settling.mirror_s // card_files.MIRRORS
    return [
        ("commits a kWh at 250 W and at 100 A",
         f"{mean.commits_per_kwh:,} and {full.commits_per_kwh:,}"),
        ("writes a year of the most-written FRAM cell at 250 W and at 100 A",
         f"{mean.writes_a_year:,} and {full.writes_a_year:,}"),
        ("years until the most-used FRAM cell has its rated 10^12 reads and writes",
         f"{mean.fram_years:,} and {full.fram_years:,}"),
        ("writes a year of the ESAM's wallet in these households and at 100 A",
         f"{_count_wallet_writes(rows):,} and {wear.YEAR_S // settling.wallet_s:,}"),
        ("years until the wallet has its rated 500,000 writes",
         f"{count_wallet_years(rows)} and {full_years}"),
        ("writes a year of each record of the ESAM's mirror, at most", f"{mirror:,}"),
    ]  # fmt: skip


def _count_wallet_writes(rows: Sequence[Figures]) -> int:
    days = max(1, sum(row.days for row in rows))
    return sum(row.wallet_writes for row in rows) * DAYS_A_YEAR // days


def list_figures(
    rows: Sequence[Figures], worn: Worn | None, seconds: int, seed: int
) -> list[tuple[str, str]]:
    """Return what a reader who has nothing of the table wants to know, as (what, figure)."""
    days = sum(row.days for row in rows)
    return [
        ("`make soak`", "figure"),
        ("meters, and years of each", f"{len(rows)}, {days // len(rows) // DAYS_A_YEAR}"),
        ("energy used", f"{sum(row.energy_pj for row in rows) // _PJ_PER_KWH:,} kWh"),
        *((name, f"{sum(row.happened[name] for row in rows):,}") for name in _SHOWN),
        ("comparisons with the ledger", f"{sum(row.checks for row in rows):,}"),
        ("fen lost", _sum_fen(rows, "lost_fen")),
        ("fen given twice", _sum_fen(rows, "doubled_fen")),
        ("most energy used and not charged at a cut", _format_energy(_find_most_lost(rows))),
        ("breaches of any rule", str(sum(bool(row.violation) for row in rows))),
        ("virtual years a minute of one processor", f"{float(compute_rate(rows)):.1f}"),
        *list_wear(rows, worn),
        ("seconds, of processors and by the clock", f"{int(sum(os.times()[:4]))} and {seconds}"),
        ("seed", str(seed)),
    ]


def write_json(
    path: Path, rows: Sequence[Figures], worn: Worn | None, seconds: int, seed: int
) -> None:
    """Write the figures for programs."""
    content: dict[str, Any] = {
        "seed": seed,
        "seconds": seconds,
        "years_a_minute": float(compute_rate(rows)),
        "most_lost_mwh": _find_most_lost(rows) * 1000 // PJ_PER_WH,
        "lost_fen": _sum_fen(rows, "lost_fen"),
        "doubled_fen": _sum_fen(rows, "doubled_fen"),
        "wear": dict(list_wear(rows, worn)),
        "meters": [_describe(row) for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _describe(row: Figures) -> dict[str, Any]:
    return {
        "meter": row.number,
        "days": row.days,
        "seconds": float(row.seconds),
        "energy_pj": row.energy_pj,
        "stretches": row.stretches,
        "checks": row.checks,
        "cuts": row.cuts,
        "wallet_writes": row.wallet_writes,
        "happened": dict(row.happened),
        "violation": row.violation,
    }


def _find_most_lost(rows: Sequence[Figures]) -> int:
    return max((row.most_lost_pj for row in rows), default=0)


def _sum_fen(rows: Sequence[Figures], name: str) -> str:
    return f"{float(sum((getattr(row, name) for row in rows), Fraction(0))):g}"


def _format_energy(energy_pj: int) -> str:
    """Return watt-hours with two places, rounded up."""
    hundredths = -(-energy_pj * 100 // PJ_PER_WH)
    return f"{hundredths // 100}.{hundredths % 100:02d} Wh"
