"""A closing order on the whole meter: who may give it, what it leaves, what works afterwards."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from closing_order_kit import ENDED, held, order, run_info, statement, withdraw, write_order
from dianka.card_port import CardError
from dianka.cardos.files import card_files
from dianka.desk import closing_order
from dianka.desk.issue import InitData
from meter_kit import (
    CUSTOMER_NO,
    INIT,
    INIT_DATA,
    KEYS,
    METER_NO,
    USER,
    USER_DATA,
    MeterKit,
    S,
    exact,
    in_use,
)
from service_kit import INSPECTION, RESTORE, files_of, make_inspection, make_restore

OTHER, SECOND = Path("other.card"), Path("second.card")
LIMIT_US = 3 * S


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    yield kit
    kit.close()


def refused(kit: MeterKit, code: int, card: Path = USER) -> None:
    """This code, and the account is as it was."""
    before = held(kit)
    session = kit.run_session(card)
    assert session.code == code, session.log
    assert held(kit) == before
    assert not kit.list_violations()


def test_an_account_ends_in_a_statement(kit: MeterKit) -> None:
    kit.rig.set_load(2_200_000)
    kit.wait(1800 * S)
    kit.rig.set_load(0)
    kit.wait(60 * S)
    balance_fen, energy_pj = kit.state.balance_fen, kit.state.energy_pj
    assert 0 < balance_fen < 1000
    assert order(kit) == 2
    session = kit.run_session(USER)
    assert session.code == 0, session.log
    assert session.texts[-2:] == [f"{balance_fen / 100:.2f}", ENDED]
    assert session.took_us < LIMIT_US
    said = statement(kit)
    assert (said.meter_no, said.customer_no) == (METER_NO, CUSTOMER_NO)
    assert (said.amount_fen, said.purchases, said.bought_fen) == (balance_fen, 1, 1000)
    assert said.energy_mwh == energy_pj // 3_600_000_000_000
    assert said.time // 10000 == 260105
    assert (kit.state.balance_fen, kit.get_esam_wallet()) == (0, (0, 2))
    assert not kit.relay_closed
    assert ENDED in kit.watch_display(30 * S)
    kit.ledger.bought_fen -= balance_fen
    exact(kit)
    assert not kit.list_violations()


def in_debt(folder: Path) -> MeterKit:
    """Return a meter of which a part of the overdraft is used, without a load."""
    kit = MeterKit.new(folder, InitData(**{**vars(INIT_DATA), "overdraft_limit_fen": 500}))
    in_use(kit, 100)
    kit.rig.set_load(6_600_000)
    for _ in range(3):  # alarm 2, zero, overdraft
        kit.wait(900 * S)
        kit.run_session(USER)
    kit.wait(900 * S)
    kit.rig.set_load(0)
    kit.wait(30 * S)
    assert kit.state.balance_fen < 0
    return kit


def test_a_debt_goes_into_the_statement(tmp_path: Path) -> None:
    kit = in_debt(tmp_path)
    debt_fen = -kit.state.balance_fen
    order(kit)
    assert kit.run_session(USER).code == 0
    said = statement(kit)
    assert (said.balance_fen, said.debt_fen) == (0, debt_fen)
    assert said.amount_fen == -debt_fen and kit.state.balance_fen == 0
    assert kit.state.bought_fen == 100 + debt_fen
    kit.close()


def test_put_in_again_it_gets_the_same_statement(kit: MeterKit) -> None:
    order(kit)
    assert kit.run_session(USER).code == 0
    first = files_of(kit, USER)[card_files.CARD_WRITE_BACK]
    kit.wait(3600 * S)
    before = held(kit)
    for _ in range(3):
        session = kit.run_session(USER)
        assert session.code == 0 and session.texts[-1] == ENDED
        assert files_of(kit, USER)[card_files.CARD_WRITE_BACK] == first
    assert held(kit) == before


def test_a_closed_meter_takes_no_purchase(kit: MeterKit) -> None:
    kit.make_replacement(SECOND, USER_DATA, 500, 2)
    kit.make_replacement(OTHER, USER_DATA, 500, 3)
    order(kit)
    assert kit.run_session(USER).code == 0
    refused(kit, 15, SECOND)
    refused(kit, 15, OTHER)
    kit.cut_now()
    kit.restart()
    refused(kit, 15, OTHER)
    assert not kit.relay_closed


def test_the_desk_sells_nothing_on_a_card_with_an_order(kit: MeterKit) -> None:
    order(kit)
    assert not kit.may_sell()
    with pytest.raises(CardError, match="closing order"):
        kit.sell(100)
    withdraw(kit)
    refused_before = held(kit)
    assert kit.run_session(USER).code == 0, "a user card as before"
    assert held(kit) == refused_before
    kit.sell(300)
    assert kit.run_session(USER).code == 0 and kit.state.balance_fen == 1300


def test_no_order_while_a_purchase_waits(kit: MeterKit) -> None:
    kit.sell(500)
    with pytest.raises(CardError, match="not in its meter"):
        order(kit)
    assert kit.run_session(USER).code == 0
    assert order(kit) == 3


def test_an_order_is_written_again_and_not_after_the_statement(kit: MeterKit) -> None:
    assert order(kit) == order(kit) == 2
    with pytest.raises(CardError, match="not closed the account yet"):
        statement(kit)
    assert kit.run_session(USER).code == 0
    for act in (order, withdraw):
        with pytest.raises(CardError, match="its statement is on the card"):
            act(kit)


@pytest.mark.parametrize(
    ("money_fen", "count", "code"), [(0, 1, 17), (0, 3, 17), (1, 2, 14), (0, 0, 14)]
)
def test_other_orders_are_refused(kit: MeterKit, money_fen: int, count: int, code: int) -> None:
    order(kit)
    write_order(kit, money_fen, count)
    refused(kit, code)


@pytest.mark.parametrize(
    ("params", "code"), [({"meter_no": METER_NO + 1}, 11), ({"customer_no": CUSTOMER_NO + 1}, 12)]
)
def test_another_meters_and_customers_order(
    kit: MeterKit, params: dict[str, int], code: int
) -> None:
    order(kit)
    write_order(kit, 0, 2, **params)
    refused(kit, code)


def test_an_order_on_a_former_card(kit: MeterKit) -> None:
    """The meter knows its replacement by now, and has the count that the order names."""
    order(kit)
    kit.make_replacement(SECOND, USER_DATA, 0, 1)
    assert kit.run_session(SECOND).code == 0
    refused(kit, 13)
    assert order(kit, SECOND) == 2
    assert kit.run_session(SECOND).code == 0
    refused(kit, 13)


def test_an_order_of_another_meter_with_this_number_on_it(kit: MeterKit) -> None:
    """Its card says this meter and this customer, but seals with the other meter's key."""
    kit.make_user(OTHER, type(USER_DATA)(**{**vars(USER_DATA), "meter_no": METER_NO + 1}))
    write_order(kit, 0, 2, OTHER, meter_no=METER_NO)
    kit.state.card_serial = int.from_bytes(kit.read_card_state(OTHER).serial, "big")
    before = held(kit)
    session = kit.run_session(OTHER)
    assert session.code == 10, session.log
    assert held(kit) == before
    assert not any(run_info(kit)), "no statement of an order that was not taken"
    assert kit.state.intent == 0


def test_an_old_order_after_the_meter_was_set_up_anew(kit: MeterKit) -> None:
    """Neither before the next account is open nor in it, at any of its counts."""
    order(kit)
    old = (kit.folder / USER).read_bytes()  # as if the desk had two cards of this serial
    assert kit.run_session(USER).code == 0
    make_restore(kit)
    kit.make_keys(SECOND)
    for card in (RESTORE, INIT, SECOND):
        assert kit.run_session(card).code == 0
    assert kit.state.count == 0
    (kit.folder / USER).write_bytes(old)
    refused(kit, 15)
    next_card = type(USER_DATA)(**{**vars(USER_DATA), "customer_no": CUSTOMER_NO + 1})
    kit.make_user(OTHER, next_card)
    for amount_fen in (700, 300):
        kit.sell(amount_fen, OTHER)
        assert kit.run_session(OTHER).code == 0
        (kit.folder / USER).write_bytes(old)
        refused(kit, 12)
        write_order(kit, 0, kit.state.count + 1, customer_no=CUSTOMER_NO + 1)
        refused(kit, 13)
    assert kit.state.balance_fen == 1000


def test_an_inspection_card_brings_the_statement_too(kit: MeterKit) -> None:
    order(kit)
    assert kit.run_session(USER).code == 0
    make_inspection(kit)
    assert kit.run_session(INSPECTION).code == 0
    block = files_of(kit, INSPECTION)[8]
    assert closing_order.unpack_statement(block) == statement(kit)
    assert kit.run_session(USER).code == 0, "and leaves it there"


def test_a_closed_meter_that_loses_its_memory_stays_closed(kit: MeterKit) -> None:
    order(kit)
    assert kit.run_session(USER).code == 0
    said = statement(kit)
    kit.rig.cut_power()
    kit.rig.bench.fram.load(bytes(len(kit.rig.bench.fram.content)))
    kit.restart()
    kit.wait(5 * S)
    assert kit.state.flags & 0x40 and kit.state.balance_fen == 0
    assert ENDED in kit.watch_display(30 * S)
    assert kit.run_session(USER).code == 0
    assert statement(kit) == said


@pytest.mark.slow
def test_a_debt_in_the_statement_does_not_come_back_with_the_mirror(tmp_path: Path) -> None:
    """The memory is lost before the ESAM's mirror follows: it knows the debt, and no closing."""
    kit = in_debt(tmp_path)
    kit.wait(900 * S)  # a settling writes the mirror
    debt_fen, energy_pj = -kit.state.balance_fen, kit.state.energy_pj
    mirror = kit.esam.state.files[card_files.ESAM_MIRROR]
    order(kit)
    assert kit.run_session(USER).code == 0
    kit.rig.cut_power()
    chip = kit.esam
    files = {**chip.state.files, card_files.ESAM_MIRROR: mirror}
    assert mirror != chip.state.files[card_files.ESAM_MIRROR] and chip.on_commit
    chip.state = replace(chip.state, files=files)
    chip.on_commit(chip.state)
    kit.rig.bench.fram.load(bytes(len(kit.rig.bench.fram.content)))
    kit.restart()
    kit.wait(5 * S)
    assert kit.state.flags & 0x40 and kit.state.balance_fen == 0
    assert kit.state.energy_pj == energy_pj
    assert statement(kit).debt_fen == debt_fen
    kit.close()


def test_a_former_memory_does_not_bring_the_balance_back(kit: MeterKit) -> None:
    former = kit.rig.bench.fram.content
    order(kit)
    assert kit.run_session(USER).code == 0
    kit.rig.cut_power()
    kit.rig.bench.fram.load(former)
    kit.restart()
    kit.wait(5 * S)
    assert kit.state.flags & 0x40 and kit.state.balance_fen == 0
    assert kit.get_esam_wallet() == (0, 2)


def test_before_its_keys_are_private(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 500)
    order(kit)
    make_restore(kit)
    assert kit.run_session(RESTORE).code == 0
    assert kit.run_session(USER).code == 9
    kit.make_keys(KEYS.with_name("again.card"))
    assert kit.run_session(Path("again.card")).code == 0
    assert kit.run_session(USER).code == 0 and statement(kit).amount_fen == 500
    kit.close()
