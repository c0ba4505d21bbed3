"""Tariffs as people write them: there and back, what is refused, and what money buys."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dianka.bench.measure.tariffs import make_cases
from dianka.card_port import CardError
from dianka.cardos.files import card_files, pack_tariff
from dianka.cli import app
from dianka.desk.tariff_files import account, describe_set, load_set, pack_set, quote
from dianka.firmware import load_shared

WINTER: dict[str, Any] = {
    "rates": ["0.3583", "0.5583", "0.8583"],
    "working_day": ["00:00-07:00 1", "07:00-10:00 2", "10:00-22:15 3", "22:15-24:00 1"],
    "rest_day": ["00:00-24:00 1"],
    "rest_days": ["Sat", "Sun"],
    "named_days": ["01-01", "10-01"],
    "steps": ["200", "400"],
    "step_prices": ["0", "0.05", "0.30"],
    "billing_days": ["07-01 00"],
}
MONDAY = 2603020800


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["tariff", *words])
    return done.exit_code, done.output


def test_random_sets_come_back_from_their_words(tmp_path: Path) -> None:
    """200 sets through description, bytes and description again."""
    for number, case in enumerate(make_cases(200, seed=7)):
        data, file = case.pack(), tmp_path / str(number)
        file.write_text(describe_set(data))
        assert load_set(file) == data
        file.write_bytes(card_files.frame(card_files.CMD_USER, data))
        assert load_set(file) == data


def test_a_description_of_one_rate_is_the_flat_file_that_cards_always_had() -> None:
    assert pack_set({"rates": ["0.5"]}) == pack_tariff([5000])


def test_the_commands_make_show_and_quote(tmp_path: Path) -> None:
    words, made = tmp_path / "winter.toml", tmp_path / "winter.tariff"
    words.write_text(describe_set(pack_set(WINTER)))
    assert run("make", str(words), str(made)) == (0, f"{made}: 199 bytes\n")
    assert made.read_bytes() == card_files.frame(card_files.CMD_USER, pack_set(WINTER))
    assert run("show", str(made)) == (0, words.read_text())
    code, text = run("make", str(words), str(made))
    assert code == 1 and "name another file" in text
    # 10 kWh up to the limit at 0.5583, then 24.417 yuan at 0.6083: 40.1397... kWh.
    code, text = run("quote", str(made), "30.00", "--at", "2026-03-02T08:00", "--used", "190")
    assert code == 0 and "rate 2, 0.5583 yuan/kWh  50.13 kWh" in text, text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rate": ["1"]}, "a tariff has no 'rate'"),
        ({"rates": [0.5]}, "rates is a list of texts"),
        ({"rates": []}, "one to four rates"),
        ({"rates": ["0", "1", "1"]}, "rate 1 has no price"),
        ({"steps": ["400", "200"]}, "step limit 2 is below the one before it"),
        ({"steps": ["200", "200"]}, "step limit 2 equals the one before it"),
        ({"step_prices": ["0", "1", "2", "3"]}, "a step price without its limit"),
        ({"working_day": ["00:00-07:00 1", "06:00-24:00 2"]}, "overlaps the one before it"),
        ({"working_day": ["00:00-07:00 1", "08:00-24:00 2"]}, "leaves a gap before it"),
        ({"working_day": ["00:00-00:00 1", "00:00-24:00 2"]}, "is empty"),
        ({"working_day": ["00:00-07:00 1"]}, "go on to 24:00"),
        ({"working_day": ["00:00-24:00 4"]}, "not in rates"),
        ({"working_day": ["00:05-24:00 1"]}, "quarters of an hour"),
        ({"rest_day": []}, "rest days without slots"),
        ({"named_days": ["02-30"]}, "named day 0230 is no date"),
        ({"billing_days": ["02-29 00"]}, "not in every year"),
        ({"rest_days": ["Someday"]}, "no weekday"),
    ],
)
def test_what_is_no_tariff_is_refused_in_one_line(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(CardError, match=reason) as refused:
        pack_set(WINTER | changes)
    assert "\n" not in str(refused.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with pytest.raises(CardError, match="can't be read"):
        load_set(file)
    for content in (b"\xff", b"rates = ", b"\x68" + bytes(198)):
        file.write_bytes(content)
        with pytest.raises(CardError):
            load_set(file)


@given(st.integers(1, 200_000), st.integers(0, 60_000))
def test_the_meter_has_used_up_what_the_desk_has_quoted(amount_fen: int, used: int) -> None:
    """Bought and used by one rate: the money is gone to less than one picojoule."""
    data, at_s = pack_set(WINTER), 825_753_600  # 2 March 2026, 08:00
    found = quote(data, amount_fen, MONDAY, used)
    state = load_shared("state").State()
    table = load_shared("tariff_table").Table(card_files.unpack_tariff(data), load_shared("ds3231"))
    assert table.find_rate(at_s)[0] == found.rate == 2
    table.charge(state, used * account.PJ_PER_KWH // 100, at_s, at_s, lambda *_: None)
    assert state.price_e4 == found.price_e4
    table.charge(state, found.energy_pj, at_s, at_s, account.debit)
    cost_fen = -state.balance_fen + Fraction(state.remainder, account.FEN)
    assert 0 <= amount_fen - cost_fen < Fraction(table.dearest_e4, account.FEN)
