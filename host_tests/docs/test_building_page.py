"""docs/building.md, tried as a new builder would: parts go in one by one, and the codes come."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from builder_kit import HalfBuilt
from dianka.bench.stage.stand import S
from dianka.cli import app
from dianka.firmware import BOARDS, ROOT

PAGE = (ROOT / "docs" / "building.md").read_text(encoding="utf-8")
STEPS = PAGE.split("\n## ")[1:]
# The order of the page, and of what lies between its steps.
ORDER = ("memory", "clock", "time", "ESAM", "mains")


def codes_of(number: int) -> list[str]:
    return re.findall(r"`(\d{5})`", STEPS[number - 1])


def read_codes(folder: Path, runner: str, board: str) -> dict[str, str]:
    """What the self-check says of a bare board, and after each part."""
    with HalfBuilt(folder, runner, BOARDS / board) as meter:
        found = {"bare": meter.start()}
        for part in ORDER:
            if part == "time":
                meter.rig.set_clock()
            else:
                meter.add(part)
            found[part] = meter.start()
        return found


@pytest.mark.parametrize("board", ["rp2_pico", "rp2_pico2", "esp32_devkit"])
def test_the_codes_are_those_of_a_meter_that_is_built_in_this_order(
    tmp_path: Path, board: str
) -> None:
    found = read_codes(tmp_path, "host", board)
    assert codes_of(2) == [found["bare"]]
    assert codes_of(3) == [found["bare"]]
    assert codes_of(4) == [found["memory"], found["clock"], found["time"]]
    assert codes_of(5)[0] == codes_of(6)[0] == found["ESAM"]
    assert codes_of(8) == [found["mains"]] == ["00000"]


def test_an_esam_before_the_clock_is_set_reads_as_the_page_says(tmp_path: Path) -> None:
    with HalfBuilt(tmp_path, "host", BOARDS / "rp2_pico") as meter:
        for part in ("memory", "clock", "ESAM"):
            meter.add(part)
        assert codes_of(5)[1] == meter.start()


def test_the_display_says_what_the_page_says_of_a_bare_board(tmp_path: Path) -> None:
    with HalfBuilt(tmp_path, "host", BOARDS / "rp2_pico") as meter:
        meter._plug_usb()
        shown = meter.watch_display(20 * S)
        assert {"0.00", "Err-06"} <= shown and [text for text in shown if text[:5] == "31113"]
        assert "`0.00`" in STEPS[2] and "`Err-06`" in STEPS[2]


def test_the_steps_of_test_board_come_in_the_order_of_the_page() -> None:
    text = (ROOT / "host_tests" / "board" / "test_board.py").read_text(encoding="utf-8")
    names = re.findall(r"^def (test_\w+)", text, re.MULTILINE)
    said = (
        ("holds_exactly", "the version on the board"), ("self_check", "the self-check of a board"),
        ("watchdog", "the watchdog"), ("outputs", "the outputs and inputs"),
        ("pulses", "the pulses"), ("pio_lines", "the two T=0 lines"),
        ("fails_its_trial", "an update that fails"),
    )  # fmt: skip
    places = [next(at for at, name in enumerate(names) if word in name) for word, _ in said]
    assert places == sorted(places)
    step = STEPS[1].replace("\n", " ")
    there = [step.index(words) for _, words in said]
    assert there == sorted(there)


def test_every_part_of_the_shopping_list_is_on_the_boards_page() -> None:
    listed = (BOARDS / "rp2_pico" / "README.md").read_text(encoding="utf-8")
    listed += (BOARDS / "esp32_devkit" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| (.*) \|$", STEPS[0], re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(2, 9))
    part = re.compile(r"\b[A-Z0-9-]*\d[A-Z0-9.-]{4,}")
    named = {word for _, parts in rows for word in part.findall(parts)}
    assert len(named) >= 10
    assert not {word for word in named if word not in listed}


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        path, _, heading = link.partition("#")
        to = ROOT / "docs" / path
        assert to.exists(), link
        titles = re.findall(r"^#+ (.*)$", to.read_text(encoding="utf-8"), re.MULTILINE)
        made = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in titles}
        assert not heading or heading in made, link


def test_the_commands_of_the_page_make_its_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they stand there, in the page's order, at a desk that was just founded."""
    monkeypatch.chdir(tmp_path)
    ask = CliRunner().invoke
    assert ask(app, ["keys", "init", "control.card"]).exit_code == 0
    given = re.findall(r"`dianka ((?:card issue|sell) [^`]*)`", PAGE)
    assert len(given) == 5
    for words in given:
        result = ask(app, shlex.split(words))
        assert result.exit_code == 0, (words, result.output)
    made = {"test.card", "init.card", "keys.card", "resident.card"}
    assert made <= {path.name for path in tmp_path.iterdir()}
