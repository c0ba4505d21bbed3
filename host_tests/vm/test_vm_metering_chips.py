"""A meter with an ATT7022, and one with pulses alone, on rung 2."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dianka.bench.stage.stand import USER, S, Stand
from dianka.cli import app
from dianka.firmware import BOARDS


@pytest.mark.slow
@pytest.mark.parametrize("board", ["rp2_pico", "esp32_devkit"])
@pytest.mark.parametrize("metering", ["att7022", "pulse_meter"])
def test_a_meter_is_set_up_sells_and_charges(tmp_path: Path, metering: str, board: str) -> None:
    with Stand(tmp_path, "vm", BOARDS / board, metering=metering) as stand:
        stand.set_up()
        stand.sell(1_000)
        stand.serve(USER)
        stand.wait(15 * S)
        assert stand.relay_closed
        stand.rig.set_load(2_200_000)
        stand.wait(120 * S)
        stand.rig.set_load(0)
        stand.wait(2 * S)
        assert stand.rig.take_view().display.strip() == "9.97"  # 73.3 Wh at 0.50 yuan, from 10.00
        assert stand.list_violations() == []


def test_the_story_takes_the_chip_as_an_option(tmp_path: Path) -> None:
    story = tmp_path / "pulses.story"
    story.write_text('mains on\nwait 5 s\nexpect display "0.00" within 10 s\n', encoding="utf-8")
    runner = CliRunner()
    done = runner.invoke(app, ["bench", "play", str(story), "--metering", "pulse_meter"])
    assert done.exit_code == 0, done.stderr
    done = runner.invoke(app, ["bench", "play", str(story), "--metering", "hlw"])
    assert done.exit_code == 1
    assert done.stderr.startswith("no metering chip is called hlw: there are hlw8032, att7022,")
