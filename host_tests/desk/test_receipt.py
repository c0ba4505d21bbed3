"""The receipt over the phone: the digits on a whole meter's page against the desk's command."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dianka.card_port import CardError
from dianka.cli import app
from dianka.desk.receipt import check_receipt, compute_code, read_code
from meter_kit import METER_NO, USER, MeterKit, S, in_use


def ask(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["card", "receipt", *map(str, words)])
    return done.exit_code, done.stdout, done.stderr


def read_out(kit: MeterKit) -> dict[str, str]:
    """Turn to the receipt; return the two halves that take turns."""
    kit.wait(10 * S)  # until no message is left
    at = [text[:2] for text in kit.meter.pages.compose_texts()].index("bt") + 1
    for _ in range(at):
        kit.rig.press_key()
        kit.wait(1 * S)
    shown = kit.watch_display(7 * S)
    assert len(shown) == 2, shown
    kit.wait(31 * S)
    return dict(sorted(text.split() for text in shown))


def test_what_the_meter_shows_is_what_the_desk_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    first = read_out(kit)
    kit.sell(500)
    assert kit.run_session(USER).code == 0
    second = read_out(kit)
    assert not kit.list_violations()
    kit.close()
    assert list(first) == list(second) == ["r1", "r2"] and first != second
    told = f"meter {METER_NO:012} has taken purchase"
    for count, halves in ((1, first), (2, second)):
        assert ask(*halves.values(), "--meter", METER_NO, "--count", count) == (
            0,
            f"{told} {count}\n",
            "",
        )
        assert ask("".join(halves.values()), "--meter", METER_NO, "--count", count)[0] == 0
        for meter, other in ((METER_NO, 3 - count), (METER_NO + 1, count), (METER_NO, 3)):
            status, out, err = ask(*halves.values(), "--meter", meter, "--count", other)
            assert (status, out) == (1, "") and "is not the receipt of purchase" in err
    status, out, err = ask("12345", "--meter", METER_NO, "--count", 1)
    assert (status, out) == (1, "") and "a receipt has ten digits" in err


def test_every_digit_of_the_code_counts(tmp_path: Path) -> None:
    with MeterKit(tmp_path) as kit:
        kit.control.chip.power_on()
        code = compute_code(kit.control.chip, 42, 7)
        check_receipt(kit.control.chip, code, 42, 7)
        for at in range(10):
            wrong = code[:at] + str((int(code[at]) + 1) % 10) + code[at + 1 :]
            with pytest.raises(CardError):
                check_receipt(kit.control.chip, wrong, 42, 7)
        for count in (0, -1, 1 << 32):
            with pytest.raises(CardError, match="counted from 1 on"):
                check_receipt(kit.control.chip, code, 42, count)
        codes = {compute_code(kit.control.chip, meter, 1) for meter in range(1, 300)}
        assert len(codes) == 299 and all(len(each) == 10 for each in codes)


@pytest.mark.parametrize("words", [["1234567890"], ["12345", "67890"], ["12345-67890"]])
def test_a_code_is_read_as_people_say_it(words: list[str]) -> None:
    assert read_code(words) == "1234567890"


@pytest.mark.parametrize("words", [["123456789"], ["12345678901"], ["123456789o"], ["１234567890"]])
def test_what_are_no_ten_digits_is_no_code(words: list[str]) -> None:
    with pytest.raises(CardError, match="ten digits"):
        read_code(words)
