"""The purchase session keeps to its limits on the wire, at both rates.

And the figures count what they say.
"""

from pathlib import Path

import pytest

from dianka.bench.measure.session import (
    PPS_TA1,
    WHOLE_LIMIT_MS,
    WIRE_LIMIT_PERCENT,
    Traffic,
    measure_session,
    measure_sessions,
)

ETU_NS = 104_166


def test_what_the_figures_count() -> None:
    traffic = Traffic()
    for direction, at_etu in (("out", 11), ("in", 27), ("in", 39), ("out", 59)):
        traffic.count_character("card", direction, ETU_NS, at_etu * ETU_NS // 1000)
    assert (traffic.characters, traffic.turns, traffic.floor_ns) == (4, 2, 48 * ETU_NS)
    assert traffic.wire_ns // ETU_NS in (59, 60)
    assert traffic.percent in (125, 126)
    assert traffic.demanded_percent == 117


def test_lines_turn_round_each_for_itself() -> None:
    traffic = Traffic()
    for line, direction in (
        ("card", "out"),
        ("ESAM", "in"),
        ("card", "out"),
        ("ESAM", "in"),
        ("ESAM", "out"),
    ):
        traffic.count_character(line, direction, ETU_NS, 1_000_000)
    assert traffic.turns == 1


def test_every_limit_is_kept(tmp_path: Path) -> None:
    figures = measure_sessions(tmp_path)
    limited = {figure.limit: figure.value for figure in figures if figure.limit}
    assert len(figures) == 14 and set(limited) == {"at most 125", "under 2000"}
    assert 100 < limited["at most 125"] <= WIRE_LIMIT_PERCENT
    assert 800 < limited["under 2000"] < WHOLE_LIMIT_MS


def test_pps_divides_the_time_on_the_wire(tmp_path: Path) -> None:
    slow, fast = (
        measure_session(tmp_path / "slow", None),
        measure_session(tmp_path / "fast", PPS_TA1),
    )
    # A card's TA1, and PPS with its answer, at the first rate; all the rest is the same.
    assert fast.traffic.characters == slow.traffic.characters + 9
    assert fast.traffic.percent <= 110
    assert fast.traffic.wire_ns * 100 <= slow.traffic.wire_ns * 30


@pytest.mark.slow
@pytest.mark.parametrize("ta1", [None, PPS_TA1])
def test_real_micropython_is_as_fast_on_the_virtual_board(tmp_path: Path, ta1: int | None) -> None:
    assert measure_session(tmp_path, ta1, "vm").traffic.percent <= WIRE_LIMIT_PERCENT
