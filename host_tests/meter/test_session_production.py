"""Production test cards on a meter of the factory.

What they find, that they can find it bad, and where they do not work.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.bench.models.relay import ContactFault
from dianka.cardos.files import card_files, service_files
from ledger import compute_used_fen
from meter_kit import INIT, INIT_DATA, KEYS, MS, USER, MeterKit, S, in_use, tell
from service_kit import (
    CREDIT,
    RESTORE,
    TEST,
    files_of,
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

KEY_AT = 4  # seconds into the session: the relay has closed and the segments are lit
ALL = service_files.TEST_RELAY | service_files.TEST_SEGMENTS | service_files.TEST_PULSES
ALL |= service_files.TEST_MEMORY | service_files.TEST_CLOCK | service_files.TEST_ESAM


@pytest.fixture
def factory(tmp_path: Path) -> Iterator[MeterKit]:
    """A meter as it comes from the line: no number, public keys, a load on the test bench."""
    kit = MeterKit(tmp_path)
    kit.make_init(INIT)
    kit.make_keys(KEYS)
    make_credit(kit)
    make_test(kit)
    kit.rig.switch_mains_on()
    kit.rig.set_load(2_200_000)
    kit.wait(3 * S)
    yield kit
    kit.close()


def failed(kit: MeterKit) -> int:
    newest = results(kit, TEST)[0]
    return newest["done"] & ~newest["passed"]


def test_a_good_meter_passes_all(factory: MeterKit) -> None:
    kit = factory
    begun_us = kit.rig.clock.now_us
    log = test_session(kit, key_at=KEY_AT)
    assert "tests 3F, failed 00" in find_verdict(log)
    found = results(kit, TEST)
    assert len(found) == 1 and found[0]["done"] == ALL == found[0]["passed"]
    with_load = 2_200_000 * 10 * 1_000_000_000 // kit.meter.chip.pulse_pj
    assert abs(found[0]["pulses"] - with_load) < with_load // 50 + 2
    assert (
        found[0]["esam"] == kit.meter.esam.serial
        and found[0]["selfcheck"].decode() == kit.meter.self_check.code
    )
    assert uses(kit, TEST) == 2 and not kit.relay_closed
    assert not kit.under_test
    assert kit.state.balance_fen == 0 and kit.state.energy_pj == kit.ledger.energy_pj > 0
    assert not [line for line in kit.lines if "restarts" in line] and not kit.list_violations()
    tell(f"all tests in {(kit.rig.clock.now_us - begun_us) // MS} ms, {found[0]['pulses']} pulses")


def test_people_see_every_segment_and_lamp(factory: MeterKit) -> None:
    kit = factory
    kit.rig.insert(TEST)
    kit.wait(4 * S)
    assert kit.rig.take_view().display.strip() == "8.8.8.8.8.8.8.8."
    assert all(kit.rig.take_view().lamps.values())
    kit.rig.press_key()
    kit.wait(1 * S)
    assert (
        kit.rig.take_view().display.strip() != "8.8.8.8.8.8.8.8."
        and not kit.rig.take_view().lamps["fault"]
    )
    kit.wait(30 * S)
    kit.pull()
    assert not failed(kit)


def no_key(kit: MeterKit) -> int:
    return service_files.TEST_SEGMENTS


def no_load(kit: MeterKit) -> int:
    kit.rig.set_load(0)
    return service_files.TEST_PULSES


def stuck(kit: MeterKit) -> int:
    kit.rig.bench.relay.fault = ContactFault.STUCK_OPEN
    return service_files.TEST_RELAY


def clock_stands(kit: MeterKit) -> int:
    kit.rig.bench.clock_chip.mute = True
    return service_files.TEST_CLOCK


def memory_protected(kit: MeterKit) -> int:
    kit.rig.bench.fram.mute = True
    return service_files.TEST_MEMORY


@pytest.mark.parametrize("spoil", [no_key, no_load, stuck, clock_stands, memory_protected])
def test_a_bad_part_is_found(factory: MeterKit, spoil: object) -> None:
    kit = factory
    expected = spoil(kit)  # type: ignore[operator]
    # The relay is waited for, so that the segments come late.
    key_at = {service_files.TEST_SEGMENTS: 0, service_files.TEST_RELAY: 16}.get(expected, KEY_AT)
    log = test_session(kit, key_at=key_at)
    got = failed(kit)
    # Without a contact that closes there is no load for the pulses either.
    also = service_files.TEST_PULSES if expected == service_files.TEST_RELAY else 0
    assert got == expected | also, log
    assert any(f"failed {got:02X}" in line for line in log)


@pytest.mark.parametrize(("percent", "good"), [(100, True), (101, True), (90, False), (110, False)])
def test_pulses_are_held_against_the_bench_s_load(tmp_path: Path, percent: int, good: bool) -> None:
    kit = MeterKit(tmp_path)
    kit.rig.switch_mains_on()
    kit.rig.set_load(4_400_000)
    kit.wait(3 * S)
    expected = 4_400_000 * 20 * 1_000_000_000 // kit.meter.chip.pulse_pj * percent // 100
    make_test(kit, tests=service_files.TEST_PULSES, seconds=20, pulses=expected)
    test_session(kit)
    assert (failed(kit) == 0) == good
    kit.close()


def test_test_credit_closes_the_relay_until_it_is_used_up(factory: MeterKit) -> None:
    kit = factory
    kit.ledger.reset()
    session = kit.run_session(CREDIT)
    assert session.code == 0 and "1.00" in session.texts, session.log
    assert (kit.state.balance_fen, kit.get_esam_wallet(), uses(kit, CREDIT)) == (100, (100, 0), 2)
    assert results(kit, CREDIT)[0]["money_fen"] == 100
    kit.wait(60 * S)
    assert kit.relay_closed and 90 < kit.state.balance_fen < 100
    assert (
        kit.run_session(CREDIT).code == 0 and kit.state.balance_fen <= 100
    )  # filled up, not added to
    kit.ledger.price_e4 = 10_000
    kit.rig.set_load(6_600_000)
    kit.wait(700 * S)
    assert not kit.relay_closed and kit.state.balance_fen == 0
    assert 0 <= compute_used_fen(kit.state) - (kit.state.bought_fen - kit.state.balance_fen) < 1
    assert kit.state.energy_pj == kit.ledger.energy_pj
    assert not kit.list_violations()


def test_test_credit_ends_with_the_factory(factory: MeterKit) -> None:
    kit = factory
    assert kit.run_session(INIT).code == 0
    assert kit.run_session(CREDIT).code == 0 and kit.state.price_e4 == INIT_DATA.rates_e4[0]
    # Nobody can take the test credit home.
    assert kit.run_session(KEYS).code == 9 and key_state(kit) == card_files.KEYS_PUBLIC
    assert kit.run_session(INIT).code == 0 and kit.state.balance_fen == 0
    assert kit.run_session(KEYS).code == 0 and kit.get_esam_wallet() == (0, 0)
    before = [files_of(kit, card) for card in (CREDIT, TEST)]
    assert [kit.run_session(CREDIT).code, kit.run_session(TEST).code] == [9, 9]
    assert [files_of(kit, card) for card in (CREDIT, TEST)] == before


def test_no_test_in_a_customer_s_meter_whatever_its_keys(factory: MeterKit) -> None:
    kit = factory
    for card in (INIT, KEYS):
        assert kit.run_session(card).code == 0
    kit.make_user(USER)
    in_use(kit, 1000)
    make_restore(kit)
    assert kit.run_session(RESTORE).code == 0
    assert [kit.run_session(CREDIT).code, kit.run_session(TEST).code] == [9, 9]
    assert kit.state.bought_fen == 1000


def test_a_used_up_test_card(factory: MeterKit) -> None:
    kit = factory
    make_credit(kit, Path("once.card"), uses=1)
    assert kit.run_session(Path("once.card")).code == 0
    kit.wait(60 * S)
    assert kit.run_session(Path("once.card")).code == 17
    assert len(results(kit, Path("once.card"))) == 1


def test_test_credit_stays_small(factory: MeterKit) -> None:
    """Public keys are printed in the source: whoever makes a card of 100.01 yuan gets nothing."""
    kit = factory
    assert kit.run_session(CREDIT).code == 0
    kit.rig.set_load(0)
    kit.wait(1 * S)
    before = kit.state.balance_fen, kit.get_esam_wallet()
    for money_fen, name in ((10_001, "much.card"), (1, "less.card")):
        make_credit(kit, Path(name), 100)
        order = card_files.pack(card_files.WALLET, {"money_fen": money_fen})
        forge(
            kit,
            Path(name),
            card_files.CARD_INFO,
            card_files.frame(card_files.CMD_TEST_CREDIT, order),
        )
        assert kit.run_session(Path(name)).code == 21
    assert (kit.state.balance_fen, kit.get_esam_wallet()) == before


@pytest.mark.parametrize("second", [1, 4, 8, 10])
def test_a_test_card_pulled_leaves_the_meter_as_it_should_be(
    factory: MeterKit, second: int
) -> None:
    kit = factory
    kit.rig.insert(TEST)
    kit.wait(second * S)
    kit.pull()
    kit.wait(10 * S)
    assert any("code 20" in line for line in kit.lines)
    assert not kit.under_test and not kit.meter.card_slot.busy
    assert not kit.relay_closed and not kit.rig.take_view().lamps["fault"]
    assert not results(kit, TEST)
    assert "failed 00" in find_verdict(test_session(kit, key_at=KEY_AT))


def test_a_cut_in_the_middle_of_a_test_leaves_nobody_with_free_supply(factory: MeterKit) -> None:
    kit = factory
    kit.rig.insert(TEST)
    kit.wait(4 * S)
    assert kit.relay_closed
    kit.cut_now()
    kit.rig.pull()
    kit.restart(1 * S)
    kit.wait(10 * S)
    assert not kit.relay_closed and not kit.under_test
    assert "failed 00" in find_verdict(test_session(kit, key_at=KEY_AT))
