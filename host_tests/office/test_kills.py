"""A small run of the sales that are broken off by force (`dianka office figures --only kills`)."""

import json
from pathlib import Path

import pytest

from office_kit import dianka

KILLS = 24


@pytest.mark.slow
def test_broken_sales_are_completed_to_the_fen(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    words = ("office", "figures", "--only", "kills", "--kills", str(KILLS), "--out", str(file))
    done = dianka(*words)
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text("utf-8"))["sqlite"]["figures"]
    broken = figures["desks killed"]["value"] + figures["cards pulled"]["value"]
    assert broken == KILLS
    judged = {name: one["value"] for name, one in figures.items() if one["goal"] is not None}
    assert len(judged) == 6 and not any(judged.values()), judged
