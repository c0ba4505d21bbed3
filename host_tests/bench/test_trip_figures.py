"""An overload is cut in time while a card is in its session: the figure keeps its limit."""

from pathlib import Path

from dianka.bench.measure.limit import is_met
from dianka.bench.measure.trip import measure_trips


def test_a_trip_in_a_session_keeps_to_its_limit(tmp_path: Path) -> None:
    figures = measure_trips(tmp_path)
    assert len(figures) == 2 and all(is_met(figure) for figure in figures), figures
