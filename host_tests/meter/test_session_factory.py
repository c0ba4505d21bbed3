"""Cards that anybody can make, on a meter with public keys.

What an initialisation takes and leaves, what a test costs.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dianka.card_port import CardError
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files, service_files
from dianka.desk import issue
from meter_kit import INIT, INIT_DATA, KEYS, METER_NO, PRICE_E4, MeterKit, S, in_use
from service_kit import (
    CREDIT,
    RESTORE,
    TEST,
    esam_chip,
    find_verdict,
    forge,
    key_state,
    make_credit,
    make_restore,
    make_test,
    results,
    test_session,
    uses,
)

SEALED_COUNT = bytes.fromhex("04B08204")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[MeterKit]:
    """A factory's meter with its number, under a load that only a closed relay lets through."""
    kit = MeterKit.before_cards(tmp_path)
    assert kit.run_session(INIT).code == 0
    kit.rig.set_load(6_600_000)
    yield kit
    kit.close()


def wallet(money_fen: int, count: int) -> bytes:
    return card_files.pack(card_files.WALLET, {"money_fen": money_fen, "count": count})


def inside(kit: MeterKit) -> tuple[dict[str, int], dict[int, bytes]]:
    return dict(vars(kit.state)), dict(esam_chip(kit).state.files)


@pytest.mark.parametrize(
    ("money_fen", "count", "code"),
    [(7000, 0, 14), (0, 3, 17), (7000, 3, 17), (1, 0, 14), (0, 1, 17)],
)
def test_an_initialisation_brings_no_money_and_no_count(
    tmp_path: Path, money_fen: int, count: int, code: int
) -> None:
    """Whoever tries it finds the meter as it was, in use and on."""
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    make_restore(kit)
    assert kit.run_session(RESTORE).code == 0
    forge(kit, INIT, card_files.CARD_WALLET, wallet(money_fen, count))
    before = inside(kit)
    assert kit.run_session(INIT).code == code
    assert inside(kit) == before and kit.get_esam_wallet() == (1000, 1) and kit.relay_closed
    kit.rig.cut_power()
    kit.restart()
    assert (kit.state.balance_fen, kit.state.count) == (1000, 1)
    kit.close()


def test_the_count_that_reaches_the_esam_is_the_one_that_is_judged(line: MeterKit) -> None:
    """A card that shows no count first and seals one afterwards."""

    def turn(chip: Chip) -> None:
        process, seen = chip.process, [0]

        def answer(apdu: bytes) -> tuple[bytes, int]:
            seen[0] += bytes(apdu[:4]) == SEALED_COUNT
            if seen[0] == 2:
                chip.state.files[card_files.CARD_WALLET] = wallet(0, 3)
            return process(apdu)

        chip.process = answer  # type: ignore[method-assign]

    assert line.run_session(INIT, spoil=turn).code == 17
    assert line.get_esam_wallet() == (0, 0)
    forge(line, INIT, card_files.CARD_WALLET, wallet(0, 0))
    assert line.run_session(INIT).code == 0


def parameters(changes: dict[str, Any]) -> bytes:
    record = {"meter_no": METER_NO, "user_type": 1, "ct_ratio": 1, "pt_ratio": 1} | changes
    return card_files.frame(card_files.CMD_INIT, card_files.pack(card_files.PARAMS, record))


@pytest.mark.parametrize(
    "changes", [{"customer_no": 34}, {"card_type": card_files.OPEN}, {"meter_no": 0}]
)
def test_an_initialisation_names_a_meter_and_no_customer(
    line: MeterKit, changes: dict[str, int]
) -> None:
    forge(line, INIT, card_files.CARD_INFO, parameters(changes))
    before = inside(line)
    assert line.run_session(INIT).code == 14
    assert inside(line) == before


def test_the_parameters_that_reach_the_esam_are_those_that_were_read(line: MeterKit) -> None:
    def lie(chip: Chip) -> None:
        process = chip.process

        def answer(apdu: bytes) -> tuple[bytes, int]:
            data, sw = process(apdu)
            return (
                parameters({"meter_no": 99})
                if bytes(apdu[:4]) == bytes.fromhex("00B08100")
                else data
            ), sw

        chip.process = answer  # type: ignore[method-assign]

    before = esam_chip(line).state.files[card_files.ESAM_PARAMS]
    assert line.run_session(INIT, spoil=lie).code == 10
    assert esam_chip(line).state.files[card_files.ESAM_PARAMS] == before
    assert line.run_session(INIT).code == 0 and line.state.meter_no == METER_NO


def test_energy_goes_on_through_an_initialisation(line: MeterKit) -> None:
    """The total is the meter's, not the customer's.

    No card sets it back, nor the number of illegal cards.
    """
    kit = line
    issue.issue_control(kit.folder / "other.card")
    assert kit.run_session(Path("other.card")).code == 22
    make_credit(kit, money_fen=1000)
    assert kit.run_session(CREDIT).code == 0
    kit.wait(300 * S)
    assert kit.run_session(INIT).code == 0
    kit.rig.set_load(0)
    kit.wait(2 * S)
    assert kit.state.energy_pj == kit.ledger.energy_pj > 0
    assert (kit.state.illegal_cards, kit.state.bought_fen) == (1, 0)
    assert kit.run_session(KEYS).code == 0
    assert (kit.state.balance_fen, kit.state.remainder) == (0, 0)
    kit.ledger.reset()
    before_pj, kit.ledger.price_e4 = kit.state.energy_pj, PRICE_E4
    in_use(kit, 1000)
    kit.rig.set_load(6_600_000)
    kit.wait(300 * S)
    kit.rig.set_load(0)
    kit.wait(2 * S)
    assert kit.state.energy_pj - before_pj == kit.ledger.energy_pj > 0
    # Nothing of the first account is charged again.
    assert kit.state.balance_fen == 1000 - kit.ledger.owed_fen.__floor__()


def test_a_pulse_test_costs_the_first_customer_nothing(line: MeterKit) -> None:
    kit = line
    make_test(kit, tests=service_files.TEST_RELAY | service_files.TEST_PULSES, seconds=60)
    for _ in range(2):
        assert "failed 00" in find_verdict(test_session(kit, limit_s=120))
    kit.rig.set_load(0)
    kit.wait(2 * S)
    assert kit.state.energy_pj == kit.ledger.energy_pj > 0
    assert kit.state.balance_fen < 0 and not kit.relay_closed
    assert kit.run_session(KEYS).code == 0 and key_state(kit) == card_files.KEYS_PRIVATE
    assert (kit.state.balance_fen, kit.state.remainder, kit.relay_closed) == (0, 0, False)
    in_use(kit, 1000)
    assert kit.state.balance_fen == 1000


@pytest.mark.parametrize(
    ("init", "money_fen"),
    [
        # The closing amount is higher.
        (issue.InitData(METER_NO, 100, 50, 50, 0, 500, [PRICE_E4]), 100),
        (INIT_DATA, 50),  # not above alarm 2
        (INIT_DATA, 1),
    ],
)
def test_however_little_test_credit_it_closes_the_relay(
    tmp_path: Path, init: issue.InitData, money_fen: int
) -> None:
    """The card is there to see the relay close and open again, and a use of it is spent on that."""
    kit = MeterKit.before_cards(tmp_path, init)
    assert kit.run_session(INIT).code == 0
    make_credit(kit, money_fen=money_fen)
    assert kit.run_session(CREDIT).code == 0 and uses(kit, CREDIT) == 2
    kit.wait(10 * S)
    assert kit.relay_closed and kit.state.balance_fen == money_fen
    kit.rig.set_load(6_600_000)
    kit.wait(700 * S)
    assert not kit.relay_closed and kit.state.balance_fen <= init.alarm2_fen
    kit.close()


def test_test_credit_brings_no_count(line: MeterKit) -> None:
    make_credit(line)
    framed = card_files.frame(card_files.CMD_TEST_CREDIT, wallet(100, 7))
    forge(line, CREDIT, card_files.CARD_INFO, framed)
    before = inside(line)
    assert line.run_session(CREDIT).code == 17
    assert inside(line) == before and uses(line, CREDIT) == 3


@pytest.mark.parametrize("seconds", [0, 61, 255])
def test_a_test_takes_1_to_60_seconds(line: MeterKit, seconds: int) -> None:
    """Pulses are expected for the whole of it: a meter that took less would fail them."""
    with pytest.raises(CardError, match=f"--seconds is 1 to 60, not {seconds}$"):
        make_test(line, seconds=seconds)
    make_test(line, Path("right.card"), seconds=60)
    order = {"tests": service_files.TEST_PULSES, "seconds": seconds}
    framed = card_files.frame(
        card_files.CMD_TEST_RELAY, card_files.pack(service_files.TEST_ORDER, order)
    )
    forge(line, Path("right.card"), card_files.CARD_INFO, framed)
    assert line.run_session(Path("right.card")).code == 14
    assert uses(line, Path("right.card")) == 3 and not results(line, Path("right.card"))
    assert not line.under_test and not line.relay_closed


def test_a_test_takes_as_long_as_the_card_says(line: MeterKit) -> None:
    begun_us = line.rig.clock.now_us
    make_test(line, tests=service_files.TEST_CLOCK, seconds=1)
    test_session(line)
    assert line.rig.clock.now_us - begun_us < 6 * S
    assert results(line, TEST)[0]["passed"] == service_files.TEST_CLOCK
