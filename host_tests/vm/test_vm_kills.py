"""Kills of real MicroPython at points of the campaign of power cuts, of which these are a few."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dianka.bench.campaign.cuts import campaign, judging, kills_campaign
from dianka.bench.campaign.cuts.books import PJ_PER_WH
from dianka.bench.campaign.cuts.kills import VM, Killing

WH_NJ = 3_600_000_000_000


@pytest.fixture
def killing(tmp_path: Path) -> Iterator[Killing]:
    credit = next(one for one in campaign.list_operations() if one.name == "credit")
    killing = Killing(credit, VM, tmp_path, 1)
    yield killing
    killing.close()


def test_kills_at_points_of_a_credit_and_what_the_judge_would_not_let_pass(
    killing: Killing,
) -> None:
    half = killing.kill(killing.points // 2)
    assert half and 0 <= killing.judge(half) < PJ_PER_WH
    with pytest.raises(judging.TooMuchLost):
        killing.judge(replace(half, drawn_nj=half.drawn_nj + WH_NJ))
    first = killing.kill(1)
    assert first and first.point.place.startswith("card character")
    assert killing.judge(first) < PJ_PER_WH
    late = killing.kill(killing.points * 9 // 10)
    assert late
    unpaid = replace(late.remains, esam=first.remains.esam)
    assert unpaid.esam != late.remains.esam
    with pytest.raises(AssertionError):
        killing.judge(replace(late, remains=unpaid))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["start", "key change", "format 3"])
def test_a_few_of_each(name: str) -> None:
    rows = kills_campaign.play_all(VM, 4, [name], 1, 7, 1, lambda done, of: None)
    assert [row.operation for row in rows] == [name] and rows[0].played >= 3
    assert not rows[0].violations, rows[0].violations


def test_what_can_not_be_played_there_is_said() -> None:
    with pytest.raises(KeyError, match="take one of metering, "):
        kills_campaign.play_all(VM, 4, ["midnight"], 1, 7, 1, lambda done, of: None)
