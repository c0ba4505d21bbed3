"""What the desk says of a sale that is made.

Once, to whom the money was asked of, and never as a refusal.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cards_kit as kit
from dianka.cardos.image import CardFile
from dianka.cli import app
from dianka.desk import issue
from dianka.desk.sell import SaleBroken, read_user_card, sell
from sale_stage import Stage, staged

CARD, CONTROL = "w.card", "control.card"
FULL, NOBODY_READS = "/dev/full", "pipe"
WHY = {FULL: "No space left on device", NOBODY_READS: "Broken pipe"}
UNWRITTEN = (
    "the output can't be written ({}): what the command did so far is done, "
    "send its output elsewhere\n"
)


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words), prog_name="dianka")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with control.card and a resident's card without a purchase."""
    monkeypatch.chdir(tmp_path)
    issue.issue_control(CONTROL)
    with CardFile.open(CONTROL) as control:
        issue.issue_user(control.chip, CARD, kit.METER_NO, kit.CUSTOMER_NO, 2000, 500, [5000])
    return tmp_path


def count_on_card() -> int:
    with CardFile.open(CARD) as file:
        return read_user_card(file.chip).count


def broken_sale(amount_fen: int) -> None:
    """Purchase 1 is in the meter, purchase 2 was broken off after its wallet was written."""
    with CardFile.open(CONTROL) as control, CardFile.open(CARD) as card:
        control.chip.power_on()
        sell(control.chip, card.chip, 5000)
        assert kit.use_in_meter(kit.private_esam(control.chip), card.chip)
        with pytest.raises(SaleBroken):
            sell(control.chip, kit.Pulled(card.chip, 13, True), amount_fen)
    assert count_on_card() == 2


def test_a_completed_sale_takes_no_money_a_second_time(desk: Path) -> None:
    broken_sale(3000)
    status, out, err = run("sell", CARD, "30.00")
    assert (status, err) == (0, "")
    assert out.startswith(
        "completes purchase 2, already paid: take no money (30.00 yuan are on card "
    )
    assert out.count("\n") == 1 and "receipt" not in out and "sold" not in out
    assert "waits for its meter" in run("card", "show", CARD)[1]


def test_a_new_sale_is_told_as_one(desk: Path) -> None:
    for purchase in (1, 2):
        status, out, _ = run("sell", CARD, "30.00")
        assert (
            status == 0
            and "receipt" in out
            and "completes" not in out
            and f"purchase  {purchase}" in out
        )
        with CardFile.open(CONTROL) as control, CardFile.open(CARD) as card:
            control.chip.power_on()
            if purchase == 1:
                assert kit.use_in_meter(kit.private_esam(control.chip), card.chip)


def test_a_sale_broken_off_with_the_money_sent_is_no_refusal(desk: Path, stage: Stage) -> None:
    """The card refuses in the wallet's write itself: 1 would say that nothing was sold."""
    broken_sale(3000)
    assert run("sell", CARD, "30.01")[0] == 1  # refused: nothing was sent
    ended = stage.run(desk, "sell", CARD, "30.00", torn=True)
    assert ended["status"] == 3 and "keep the money" in ended["err"] and ended["out"] == ""


@pytest.mark.parametrize("out", [FULL, NOBODY_READS])
def test_a_receipt_that_can_t_be_written(desk: Path, stage: Stage, out: str) -> None:
    ended = stage.run(desk, "sell", CARD, "10", out=out)
    assert ended["status"] == 4 and ended["err"] == (
        f"purchase 1 of 10.00 yuan is on the card, but its receipt can't be written ({WHY[out]}): "
        "keep the money, write the receipt by hand\n"
    )
    assert count_on_card() == 1


def test_a_completed_sale_that_can_t_be_told_takes_no_money_either(
    desk: Path, stage: Stage
) -> None:
    broken_sale(3000)
    ended = stage.run(desk, "sell", CARD, "30", out=FULL)
    told = (
        "purchase 2 of 30.00 yuan is on the card, already paid: take no money; "
        "more can't be written ({})\n"
    )
    assert (ended["status"], ended["err"]) == (4, told.format(WHY[FULL]))


def test_a_sale_refused_where_nothing_can_be_written_is_refused(desk: Path, stage: Stage) -> None:
    assert stage.run(desk, "sell", "none.card", "10", out=FULL)["status"] == 1
    assert stage.run(desk, "sell", CARD, "0", out=FULL, err=FULL)["status"] == 1
    assert (
        stage.run(desk, "sell", CARD, "10", out=FULL, err=FULL)["status"] == 4
        and count_on_card() == 1
    )


COMMANDS = [
    ("--help",),
    ("card", "show", CARD),
    ("card", "verify", CARD),
    ("card", "issue", "inspection", "new.card"),
    ("card", "issue", "esam", "new.chip"),
    ("card", "replace", "new.card", "--former", CARD, "--price", "0.5"),
    ("keys", "init", "other.card"),
    ("bench", "play", "meter.story"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("out", [FULL, NOBODY_READS])
def test_any_command_whose_output_can_t_be_written(
    desk: Path, stage: Stage, words: tuple[str, ...], out: str
) -> None:
    Path("meter.story").write_text("wait 1 s\n")
    ended = stage.run(desk, *words, out=out)
    assert (ended["status"], ended["err"]) == (4, UNWRITTEN.format(WHY[out]))


@pytest.mark.parametrize("out", [FULL, NOBODY_READS])
def test_what_such_a_command_had_to_do_is_done(desk: Path, stage: Stage, out: str) -> None:
    assert (
        stage.run(desk, "card", "replace", "new.card", "--former", CARD, "--price", "0.5", out=out)[
            "status"
        ]
        == 4
    )
    assert "ready for the first sale" in run("card", "show", "new.card")[1]
    assert "not issued yet" in run("card", "show", CARD)[1]
