"""The pages of a whole meter, the key, and the statement: what a resident reads."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.bench.stage.digits import split_cells
from dianka.bench.stage.stand import Stand
from dianka.firmware import ROOT
from meter_kit import INIT_DATA, MS, USER, USER_DATA, MeterKit, S, in_use

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
DAY_S = 86_400


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 5000)
    kit.wait(6 * S)
    yield kit
    kit.close()


def press(kit: MeterKit, ms: int = 300) -> str:
    """Press the key; return what stands there then."""
    kit.rig.press_key(ms)
    kit.wait((ms + 300) * MS)
    return shown(kit)


def shown(kit: MeterKit) -> str:
    return kit.rig.bench.display.text.strip()


def sleep_to_midnight(kit: MeterKit, days: int = 1) -> None:
    """Cut the power, and let it come back a moment before this midnight."""
    kit.rig.cut_power()
    chip = kit.rig.bench.clock_chip
    local_s = chip.time_s + 8 * 3600
    chip.set((local_s // DAY_S + days) * DAY_S - 12 - 8 * 3600)
    kit.switch_mains_on()
    kit.wait(14 * S)


def labels(texts: list[str]) -> list[str]:
    """What stands before the numbers: digits are as good as others."""
    return [re.sub(r"[0-9]", "0", text)[:2].strip() for text in texts]


def test_the_pages_are_those_of_the_documentation_in_their_order(kit: MeterKit) -> None:
    table = PAGE.partition("## The eight digits")[2].partition("### The key")[0]
    rows = re.findall(r"^\| !\[(.+?)\]", table, re.M)
    passing = {"r2 67890", "P2 0.5000", "CAL   Lo"} | {
        row for row in rows if row.startswith(("FH", "Fn", "Fd"))
    }
    expected = [row for row in rows if row not in passing | {"F     67"}]
    texts = kit.meter.pages.compose_texts()
    assert len(texts) == len(expected)
    found = labels(texts)
    assert found[0] == "00" and labels(expected)[0] == "00"
    for row, label, text in zip(labels(expected), found, texts, strict=True):
        # Faults, a firmware that was not flashed, and a receipt not asked for look different.
        alike = {"F0": "F-", "0A": "--", "r0": "r"}.get(row, row)
        assert label == alike, (row, text)
    assert all(len(split_cells(text)) == 8 for text in texts)


def test_the_key_turns_through_all_pages_and_back(kit: MeterKit) -> None:
    pages = len(kit.meter.pages.compose_texts())
    seen = [press(kit) for _ in range(pages)]
    assert seen[-1] == shown(kit) == "50.00"
    texts = [text.strip() for text in kit.meter.pages.compose_texts()][1:]
    receipt = texts.index(next(text for text in texts if text.startswith(("r1", "r2"))))
    assert seen[receipt][:2] in ("r1", "r2")  # its halves take turns
    del texts[receipt], seen[receipt]
    assert texts == seen[:-1]
    assert kit.rig.bench.display.violations == []


def test_what_the_pages_say_of_money_energy_and_mains(kit: MeterKit) -> None:
    kit.rig.set_load(2_200_000)
    kit.wait(10 * 60 * S)
    kit.sell(1234)
    assert kit.run_session(USER).code == 0
    texts = {text[:3].strip(): text[3:].strip() for text in kit.meter.pages.compose_texts()}
    assert texts["b"] == "12.34" and texts["bn"] == "2" and texts["bt"] == "62.34"
    assert texts["od"] == "0.00" and texts["oL"] == "0.50"
    assert texts["U"] in ("219.9", "220.0", "220.1") and texts["A"] in ("9.99", "10.00", "10.01")
    assert float(texts["E"]) == pytest.approx(0.366, abs=0.01)
    assert texts["n0"] == texts["E"] and texts["n1"] == "--" == texts["dAy"]


def test_days_left_and_the_statement_after_days(kit: MeterKit) -> None:
    kit.rig.set_load(2_200_000)
    for _ in range(3):
        kit.wait(600 * S)
        sleep_to_midnight(kit)
    history = kit.meter.history
    uses = [history.compute_use(back) for back in range(1, 4)]
    assert all(use and use[0] == pytest.approx(366, abs=12) for use in uses)
    spent = sum(use[1] for use in uses)
    assert history.compute_days_left() == kit.state.balance_fen * 3 // spent
    kit.rig.set_load(0)
    assert press(kit, 1300) == "26-01-05"  # the purchase, of the first day
    assert {"26-01-05", "bn     1", "b   50.00"} == kit.watch_display(6 * S)
    assert press(kit) == "26-01-08"  # today so far
    assert press(kit) == "26-01-07"
    energy, cost = uses[0]
    assert kit.watch_display(6 * S) == {
        "26-01-07",
        "E" + f"{energy // 1000}.{energy % 1000 // 10:02}".rjust(8),
        "C" + f"{cost // 100}.{cost % 100:02}".rjust(8),
    }
    for _ in range(2):
        press(kit)
    assert press(kit) == "26-01-04" and "E     --" in kit.watch_display(6 * S)
    for _ in range(6):
        press(kit)
    assert shown(kit) == "25-12-29"
    assert press(kit) == f"{kit.state.balance_fen // 100}.{kit.state.balance_fen % 100:02}"


def test_the_statement_has_the_newest_ten_purchases(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1001)
    for number in range(2, 13):
        kit.sell(1000 + number)
        assert kit.run_session(USER).code == 0
    kit.wait(6 * S)
    press(kit, 1300)
    for number in range(12, 2, -1):
        texts = kit.watch_display(6 * S)
        assert {f"bn{number:6}", f"b   10.{number:02}"} <= texts, (number, texts)
        press(kit)
    assert shown(kit) == "26-01-05" and "E    0.00" in kit.watch_display(6 * S)  # today
    kit.close()


def test_the_statement_leaves_by_itself_and_by_holding(kit: MeterKit) -> None:
    assert press(kit, 1300) == "26-01-05"
    kit.wait(29 * S)
    assert shown(kit) != "50.00"
    kit.wait(2 * S)
    assert shown(kit) == "50.00"
    press(kit, 1300)
    assert press(kit, 1300) == "50.00"


def test_a_key_held_for_ever_opens_it_once(kit: MeterKit) -> None:
    kit.rig.press_key(1_000_000_000)
    kit.wait(2 * S)
    assert shown(kit) == "26-01-05"
    kit.wait(31 * S)
    assert shown(kit) == "50.00"
    assert kit.watch_display(120 * S) == {"50.00"}
    kit.rig.cut_power()
    kit.restart()
    kit.wait(10 * S)
    assert shown(kit) == "50.00"
    assert not [line for line in kit.lines if "restarts" in line]


def test_no_statement_where_a_release_waits(tmp_path: Path) -> None:
    """At alarm 2 the key held for 3 s brings the supply back; the statement comes after that."""
    kit = MeterKit.new(tmp_path)
    in_use(kit, 60)
    kit.rig.set_load(2_200_000)
    kit.wait(60 * 60 * S)
    assert kit.meter.supply_switch.cause == kit.modules["supply"]._AT_ALARM2
    assert not kit.relay_closed
    kit.rig.set_load(0)
    press(kit, 2000)
    kit.wait(6 * S)
    assert not kit.relay_closed and "26-01-05" not in kit.watch_display(6 * S)
    press(kit, 3300)
    kit.wait(6 * S)
    assert kit.relay_closed and "26-01-05" not in kit.watch_display(6 * S)
    assert press(kit, 1300) == "26-01-05"
    kit.close()


def test_a_card_ends_the_statement_and_none_opens_while_it_is_read(kit: MeterKit) -> None:
    press(kit, 1300)
    kit.rig.press_key(3_000)
    kit.wait(600 * MS)
    session = kit.run_session(USER)
    assert session.code == 0 and "50.00" in session.texts
    assert kit.watch_display(8 * S) == {"50.00"}


def test_three_phases_have_volts_and_amperes_each(tmp_path: Path) -> None:
    with Stand(tmp_path, metering="att7022") as stand:
        stand.set_up(INIT_DATA, USER_DATA)
        found = labels(stand.meter.pages.compose_texts())
        assert [text for text in found if text[0] in "UAL"] == [
            "U0",
            "A0",
            "U0",
            "A0",
            "U0",
            "A0",
            "L",
        ]


def test_pulses_alone_tell_neither(tmp_path: Path) -> None:
    with Stand(tmp_path, metering="pulse_meter") as stand:
        stand.set_up(INIT_DATA, USER_DATA)
        assert not {"U", "A"} & set(labels(stand.meter.pages.compose_texts()))
