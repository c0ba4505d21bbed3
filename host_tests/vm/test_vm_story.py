"""The first day of a meter, played on rung 2 with the file of each board.

Real MicroPython, modelled hardware, the desk's own commands. The Pico 2 runs the Pico's file: what
is asked of it is that it sets up, sells and comes back from a cut.
"""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dianka.bench.stage.stand import USER, S, Stand
from dianka.cli import app
from dianka.firmware import BOARDS


def play(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["bench", "play", *args])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("board", ["rp2_pico", "esp32_devkit"])
def test_the_first_day(board: str) -> None:
    status, printed, errors = play("first-day", "--board", board)
    assert errors == ""
    assert status == 0
    assert "credited 200 fen, count 1" in printed and "credited 300 fen, count 2" in printed
    assert printed.count("credited") == 2
    assert "first-day.story: all " in printed.splitlines()[-1]


def test_a_pico_2_sells_charges_and_comes_back(tmp_path: Path) -> None:
    with Stand(tmp_path, "vm", BOARDS / "rp2_pico2") as stand:
        stand.set_up()
        stand.sell(1_000)
        stand.serve(USER)
        stand.wait(15 * S)
        assert stand.relay_closed
        stand.rig.set_load(2_200_000)
        stand.wait(120 * S)
        stand.rig.set_load(0)
        stand.wait(2 * S)
        stand.rig.cut_power()
        stand.restart()
        stand.wait(3 * S)
        assert stand.rig.take_view().display.strip() == "9.97"  # 73.3 Wh at 0.50 yuan, from 10.00
        assert stand.list_violations() == []


@pytest.mark.slow
def test_pages_statement_and_receipt_by_key() -> None:
    """What is imported when the key is first pressed, into the heap of a meter in use."""
    status, _, errors = play("where-it-went")
    assert (status, errors) == (0, "")


def test_a_meter_lives_on_in_its_folder_and_an_expectation_can_fail(tmp_path: Path) -> None:
    home = ["--folder", str(tmp_path / "meter")]
    assert play("new-meter", *home)[0] == 0
    second = tmp_path / "second.story"
    second.write_text(
        'mains on\nwait 5 s\nexpect display "0.00" within 3 s\ninsert resident.card\n'
        'expect display "20.00" within 6 s\npull card\n'
        "expect relay closed within 5 s\ncut power\nwait 1 min\nmains on\n"
        'expect display "20.00" within 5 s\nload 1 kW\nexpect display "20.01" within 1 min\n',
        encoding="utf-8",
    )
    status, _, errors = play(str(second), *home)
    assert status == 1
    assert errors.startswith(
        'second.story:13: expect display "20.01" within 1 min: the display shows "'
    )
    assert errors.count("\n") == 1
