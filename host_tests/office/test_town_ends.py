"""What a town counts: the visits that were ended early, not those that were to be; lost clocks."""

from collections import Counter
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from dianka.desk.issue import issue_control

CHALLENGE = bytes.fromhex("0084000008")
COMMANDS = 3


@pytest.mark.parametrize(
    ("how", "at", "counted"),
    [("pull", COMMANDS, 1), ("pull", COMMANDS + 1, 0), ("command", 1, 1), ("command", 4, 0),
     ("statement", 1, 1), ("statement", 2, 0)],
)  # fmt: skip
def test_an_end_counts_when_it_strikes(
    tmp_path: Path, office_folder: Path, how: str, at: int, counted: int
) -> None:
    """A visit of three commands and one statement, which is over before some ends."""
    from django.db import connection

    from dianka.bench.town.desks import TownDesk
    from dianka.bench.town.times import TownTime
    from dianka.desk.office.figures.ends import End

    control = tmp_path / "control.card"
    issue_control(control)
    (tmp_path / "resident.card").write_bytes(control.read_bytes())
    desk, ended = TownDesk(1, control, TownTime(), Random(1)), Counter[str]()
    desk.count_end = lambda how: ended.update([how])

    def act(port: Any, control: object, say: object) -> None:
        port.power_on()
        for _ in range(COMMANDS):
            port.process(CHALLENGE)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    house: Any = SimpleNamespace(stand=SimpleNamespace(folder=tmp_path), card=Path("resident.card"))
    desk._work(SimpleNamespace(house=house), act, End(how, at, False))  # type: ignore[arg-type]
    assert ended[how] == counted


def test_every_town_loses_a_clock_first(office_folder: Path) -> None:
    """One drawn at random is in no small town, and was not in the one that was published."""
    from dianka.bench.town.life import Life
    from dianka.bench.town.times import TownTime

    nobody: Any = None
    life, done = Life([], nobody, TownTime(), Random(1), lambda us, act: None), Counter[str]()
    house: Any = SimpleNamespace(
        clock_is_wrong=False,
        meter_no=1,
        live=lambda until_us: None,
        lose_clock=lambda: done.update(["lost"]),
        set_clock_wrong=lambda off_us: done.update(["wrong"]),
    )
    resident: Any = SimpleNamespace(gone=False, house=house)
    for _ in range(7):
        life.go_wrong(resident)
    assert done == {"lost": 3, "wrong": 4}
    assert (life.did["clock lost"], life.did["clock wrong"]) == (3, 4)
