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


def test_a_campaign_goes_on_where_it_ended(tmp_path: Path) -> None:
    """What the file tells is kept as it is; another campaign's file is refused."""
    file = tmp_path / "kills.json"
    names = ["watchdog", "end of the money"]

    def play(names: list[str], kills: int, seed: int = 7) -> list[campaign.Figures]:
        tell = told.append
        return kills_campaign.play_all(
            VM, kills, names, 1, seed, 1, lambda *at: tell(at), file, resume=True
        )

    told: list[tuple[int, int]] = []
    (first,) = play(names[:1], 1)
    assert first.played == 1 and first.processor_ms > 0 and told == [(0, 1), (1, 1)]
    told.clear()
    content = file.read_text(encoding="utf-8")
    assert '"played": 1' in content
    file.write_text(content.replace('"played": 1', '"played": 91'), encoding="utf-8")
    rows = play(names, 2)
    assert told == [(1, 2), (2, 2)] and [row.operation for row in rows] == names
    assert [row.played for row in rows] == [91, 1]
    with pytest.raises(ValueError, match="of another firmware, seed or number of kills"):
        play(names, 2, seed=8)
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="is no file of kills"):
        play(names, 2)


def test_what_can_not_be_played_there_is_said() -> None:
    with pytest.raises(KeyError, match="take one of metering, "):
        kills_campaign.play_all(VM, 4, ["midnight"], 1, 7, 1, lambda done, of: None)
