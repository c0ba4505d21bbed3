"""The desk's commands in a story: checked first, run in the meter's folder, refused in one line."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cards_kit import ISSUE_WORDS
from dianka.bench.stage.desk_line import DeskLine
from dianka.bench.stage.player import DeskError
from dianka.cardos.chip import Chip
from dianka.cli import app
from dianka.signals import end_on_signals


def test_commands_are_known_before_they_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    desk = DeskLine()
    assert desk.find_mistake(["card", "new", "control", "control.card"]) == ""
    assert (
        desk.find_mistake(["steal", "it"])
        == '"steal" is no command of the desk: expected card, keys, log, sell, tariff'
    )
    assert desk.find_mistake(["card", "burn"]).startswith(
        '"burn" is no command of the desk: expected '
    )
    assert desk.find_mistake(["card"]).startswith("nothing is no command of the desk")
    assert desk.find_mistake(["keys", "init", "."]) == ""
    assert desk.find_mistake(["card", "issue", "burn"]).startswith(
        '"burn" is no command of the desk: expected control, esam, '
    )
    assert "--nonsense" in desk.find_mistake(["card", "show", "a.card", "--nonsense"])
    assert desk.find_mistake(["sell", "a.card"])  # the money is missing
    assert list(tmp_path.iterdir()) == []


def test_commands_run_in_the_meter_s_folder_and_refuse_in_one_line(tmp_path: Path) -> None:
    desk = DeskLine()
    desk.run(["card", "new", "control", "control.card"], tmp_path)
    assert (tmp_path / "control.card").is_file()
    with pytest.raises(DeskError) as caught:
        desk.run(["sell", "nobody.card", "1.00"], tmp_path)
    assert "nobody.card" in str(caught.value) and "\n" not in str(caught.value)


def test_a_signal_that_a_sale_holds_back_reaches_who_runs_the_story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The live screen and `bench play` end by a signal.

    A sale that runs just then must not eat it.
    """
    desk, heard = DeskLine(), list[int]()
    desk.run(["card", "issue", "control", "control.card"], tmp_path)
    desk.run(["card", "issue", "user", "lin.card", *ISSUE_WORDS["user"]], tmp_path)
    process = Chip.process

    def signalled(chip: Chip, apdu: bytes) -> tuple[bytes, int]:
        signal.raise_signal(signal.SIGTERM)
        return process(chip, apdu)

    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Chip, "process", signalled)
            with pytest.raises(SystemExit) as ended:
                desk.run(["sell", "lin.card", "1.00"], tmp_path)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM] and ended.value.code == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "interrupted: nothing was sent, sell the same again\n"
    assert "1.00 yuan" in desk.run(["sell", "lin.card", "1.00"], tmp_path)


def test_a_signal_to_who_runs_the_story_ends_it_in_the_midst_of_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bench leaves by SystemExit and is deaf from then on.

    It was told as a command that had failed, exit code 1.
    """
    desk = DeskLine()
    desk.run(["card", "issue", "control", "control.card"], tmp_path)

    def left(chip: Chip, apdu: bytes) -> tuple[bytes, int]:
        raise SystemExit(128 + signal.SIGTERM)

    monkeypatch.setattr(Chip, "process", left)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit) as ended:
            desk.run(["card", "issue", "inspection", "new.card"], tmp_path)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("number", "ends"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_during_a_step_of_the_desk_ends_the_bench(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    ends: type[BaseException],
) -> None:
    """It was told as a desk that refuses: the story ended with status 1, as if it had failed."""
    sync: Callable[[int], None] = os.fsync

    def struck(descriptor: int) -> None:
        os.kill(os.getpid(), number)
        sync(descriptor)

    desk = DeskLine()
    with end_on_signals(), monkeypatch.context() as patched, pytest.raises(ends):
        patched.setattr(os, "fsync", struck)
        desk.run(["card", "issue", "esam", "esam.chip"], tmp_path)
    assert not (tmp_path / "esam.chip").exists()


def test_a_signal_to_a_command_that_tidies_up_by_itself_ends_the_bench_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`card replace --former` says what stands, and then it is the bench's turn to end."""
    desk, sync = DeskLine(), os.fsync
    desk.run(["card", "issue", "control", "control.card"], tmp_path)
    desk.run(["card", "issue", "user", "old.card", *ISSUE_WORDS["user"]], tmp_path)

    def struck(descriptor: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        sync(descriptor)

    with end_on_signals(), monkeypatch.context() as patched, pytest.raises(SystemExit) as ended:
        patched.setattr(os, "fsync", struck)
        desk.run(
            ["card", "replace", "new.card", "--former", "old.card", "--price", "0.5"], tmp_path
        )
    assert ended.value.code == 128 + signal.SIGTERM and not (tmp_path / "new.card").exists()


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
