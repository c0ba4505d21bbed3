"""The desk's commands from within a story: known before they run, run in the meter's folder, refused in one line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dianka.bench.stage.desk_line import DeskLine
from dianka.bench.stage.player import DeskError
from dianka.cli import app


def test_commands_are_known_before_they_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    desk = DeskLine()
    assert desk.unknown(["card", "new", "control", "control.card"]) == ""
    assert desk.unknown(["steal", "it"]) == '"steal" is no command of the desk: expected card, keys, sell'
    assert desk.unknown(["card", "burn"]).startswith('"burn" is no command of the desk: expected ')
    assert desk.unknown(["card"]).startswith("nothing is no command of the desk")
    assert desk.unknown(["keys", "init", "."]) == ""
    assert desk.unknown(["card", "issue", "burn"]).startswith('"burn" is no command of the desk: expected control, esam, ')
    assert "--nonsense" in desk.unknown(["card", "show", "a.card", "--nonsense"])
    assert desk.unknown(["sell", "a.card"])  # the money is missing
    assert list(tmp_path.iterdir()) == []


def test_commands_run_in_the_meter_s_folder_and_refuse_in_one_line(tmp_path: Path) -> None:
    desk = DeskLine()
    desk.run(["card", "new", "control", "control.card"], tmp_path)
    assert (tmp_path / "control.card").is_file()
    with pytest.raises(DeskError) as caught:
        desk.run(["sell", "nobody.card", "1.00"], tmp_path)
    assert "nobody.card" in str(caught.value) and "\n" not in str(caught.value)


def test_the_command_line_fails_in_one_line_with_status_1(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.story"
    wrong.write_text("mains on\nlod 40 W\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["bench", "play", str(wrong)])
    assert result.exit_code == 1
    assert result.stderr.startswith('wrong.story:2: "lod" is not understood here')
    assert result.stderr.count("\n") == 1
    assert CliRunner().invoke(app, ["bench", "live"]).exit_code == 1
    listing = CliRunner().invoke(app, ["--help"]).stdout
    assert all(word in listing for word in ("bench", "card", "sell"))
