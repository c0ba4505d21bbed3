"""A meter's first day, and a resident's questions: played on rung 1, firmware under CPython."""

from typer.testing import CliRunner

from dianka.cli import app


def test_the_first_day_on_the_host() -> None:
    result = CliRunner().invoke(app, ["bench", "play", "first-day", "--runner", "host"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("credited") == 2


def test_where_the_money_went_on_the_host() -> None:
    result = CliRunner().invoke(app, ["bench", "play", "where-it-went", "--runner", "host"])
    assert (result.exit_code, result.stderr) == (0, "")
