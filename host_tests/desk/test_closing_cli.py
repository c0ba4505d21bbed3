"""`dianka card close`, `statement` and `show` around a meter that closes its account."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from closing_order_kit import statement
from dianka.cli import app
from meter_kit import CONTROL, USER, MeterKit, in_use
from service_kit import INSPECTION, make_inspection


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    yield kit
    kit.close()


def run(kit: MeterKit, *words: str) -> tuple[int, str]:
    control = () if words[0] == "show" else ("--control", str(kit.folder / CONTROL))
    card = str(kit.folder / (INSPECTION if words[-1] == "inspection" else USER))
    if words[-1] == "inspection":
        words = words[:-1]
    kit.control.close()
    result = CliRunner().invoke(app, ["card", *words, card, *control], prog_name="dianka")
    kit.control = type(kit.control).open(kit.folder / CONTROL, kit.rng)
    kit.control.chip.power_on()
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout + result.stderr


def test_an_account_from_order_to_statement(kit: MeterKit) -> None:
    code, told = run(kit, "statement")
    assert code == 1 and "`dianka card close` writes one" in told
    assert run(kit, "close")[0] == 0
    assert "closing order 2: waits for its meter" in run(kit, "show")[1]
    code, told = run(kit, "statement")
    assert code == 1 and "put the card into its meter" in told
    assert run(kit, "close", "--withdraw")[0] == 0
    assert "ready for a sale" in run(kit, "show")[1]
    code, told = run(kit, "close", "--withdraw")
    assert code == 1 and "no closing order" in told
    assert run(kit, "close")[0] == 0
    assert kit.run_session(USER).code == 0
    code, told = run(kit, "statement")
    assert code == 0, told
    for words in ("to pay back", "10.00 yuan", "last purchase", "000000000012"):
        assert words in told
    assert "account closed" in run(kit, "show")[1]
    assert run(kit, "verify")[0] == 0
    make_inspection(kit)
    assert kit.run_session(INSPECTION).code == 0
    assert "account closed" in run(kit, "show", "inspection")[1]
    assert statement(kit).amount_fen == 1000
