"""Inspection, key change and its restore on the whole meter.

What they bring, and that they bring nothing else.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.bench.models.fram import SIZE as FRAM_BYTES
from dianka.card_port import send
from dianka.cardos import desk_files, keys
from dianka.cardos.files import card_files, service_files
from dianka.cardos.image import CardFile
from dianka.desk import control as sealing
from dianka.desk import issue
from ledger import FEN
from meter_kit import CUSTOMER_NO, INIT, METER_NO, PRICE_E4, USER, MeterKit, S, in_use, tell
from service_kit import (
    INSPECTION,
    RESTORE,
    esam_chip,
    files_of,
    key_state,
    make_inspection,
    make_restore,
    totals,
    uses,
)

OTHER, OTHER_KEYS, EMPTY = Path("other.card"), Path("other-keys.card"), Path("empty.card")
LIMIT_US = 3 * S
PUBLIC, PRIVATE = card_files.KEYS_PUBLIC, card_files.KEYS_PRIVATE


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    yield kit
    kit.close()


def inside(
    kit: MeterKit,
) -> tuple[bytes, dict[int, bytes], dict[int, bytes], dict[int, int], dict[str, int]]:
    """Return all that the meter's memories hold, but not the ESAM's file to seal for cards."""
    chip = esam_chip(kit).state
    files = {sfi: data for sfi, data in chip.files.items() if sfi != card_files.ESAM_RUN_INFO}
    return (
        kit.rig.bench.fram.content,
        files,
        dict(chip.keys),
        dict(chip.tries),
        dict(vars(kit.state)),
    )


def run_info(kit: MeterKit) -> dict[str, int]:
    command, data = card_files.unframe(files_of(kit, INSPECTION)[desk_files.INSPECTION_RUN_INFO])
    assert command == service_files.CMD_READ_BACK
    return card_files.unpack(card_files.WRITE_BACK, data)


@pytest.mark.parametrize("load_mw", [0, 4_400_000])
def test_an_inspection_copies_everything_and_changes_nothing(kit: MeterKit, load_mw: int) -> None:
    in_use(kit, 5000)
    kit.rig.set_load(load_mw or 2_200_000)
    kit.wait(300 * S)
    kit.rig.set_load(load_mw)
    kit.wait(2 * S)
    make_inspection(kit)
    before, wallet = inside(kit), kit.get_esam_wallet()
    session = kit.run_session(INSPECTION)
    assert session.code == 0 and session.over_us < LIMIT_US, session.log
    after = inside(kit)
    if load_mw:
        assert after[1:4] == before[1:4] and kit.get_esam_wallet() == wallet
        kit.rig.set_load(0)
        kit.wait(1 * S)
        assert kit.state.energy_pj == kit.ledger.energy_pj
    else:
        assert after == before
    found, info, files = totals(kit), run_info(kit), files_of(kit, INSPECTION)
    assert files[desk_files.INSPECTION_WALLET] == wallet[0].to_bytes(4, "big") + wallet[1].to_bytes(
        4, "big"
    )
    assert files[desk_files.INSPECTION_PARAMS] == esam_chip(kit).state.files[card_files.ESAM_PARAMS]
    assert (
        files[desk_files.INSPECTION_KEY_INFO]
        == esam_chip(kit).state.files[card_files.ESAM_KEY_INFO]
    )
    assert files[desk_files.INSPECTION_LIMITS] == esam_chip(kit).state.files[card_files.ESAM_LIMITS]
    assert (found["meter_no"], found["price_e4"], found["bought_fen"]) == (
        METER_NO,
        kit.state.price_e4,
        5000,
    )
    assert (info["meter_no"], info["customer_no"], info["count"]) == (METER_NO, CUSTOMER_NO, 1)
    assert (
        found["copied"] == service_files.COPY_ALL & ~service_files.COPY_LOG
        and found["faults"] == 0
        and found["time"] // 10000 == 260105
    )
    assert found["selfcheck"].decode() == kit.meter.self_check.code
    assert info["balance_fen"] >= kit.state.balance_fen
    if not load_mw:
        assert (info["balance_fen"], found["energy_pj"]) == (
            kit.state.balance_fen,
            kit.state.energy_pj,
        )
        assert (
            found["energy_pj"] * found["price_e4"] + info["balance_fen"] * FEN - found["remainder"]
            == 5000 * FEN
        )
    tell(
        f"inspection: {session.took_us} us, {session.slot_characters} + "
        f"{session.esam_characters} characters"
    )
    assert not kit.list_violations()


def test_an_inspection_shows_every_page(kit: MeterKit) -> None:
    in_use(kit, 5000)
    make_inspection(kit)
    kit.rig.insert(INSPECTION)
    shown = kit.watch_display(60 * S)
    for page in kit.meter.pages.compose_texts():
        assert page.strip() in shown, (page, shown)
    assert {"50.00", "P 0.5000", "no000012"} <= {" ".join(text.split()) for text in shown}
    kit.pull()


def test_an_inspection_before_the_meter_has_keys_of_its_own(tmp_path: Path) -> None:
    kit = MeterKit(tmp_path)
    make_inspection(kit)
    kit.rig.switch_mains_on()
    kit.wait(3 * S)
    before = inside(kit)
    session = kit.run_session(INSPECTION)
    assert session.code == 0, session.log
    assert inside(kit) == before
    assert totals(kit)["meter_no"] == 0 and run_info(kit)["count"] == 0
    kit.close()


@pytest.mark.parametrize(
    "copies", [service_files.COPY_WALLET, service_files.COPY_PARAMS, service_files.COPY_TOTALS]
)
def test_an_inspection_of_less(kit: MeterKit, copies: int) -> None:
    in_use(kit, 700)
    make_inspection(kit, copies=copies)
    assert kit.run_session(INSPECTION).code == 0
    files = files_of(kit, INSPECTION)
    there = (
        desk_files.INSPECTION_WALLET,
        desk_files.INSPECTION_PARAMS,
        desk_files.INSPECTION_RUN_INFO,
    )
    assert [any(files[sfi]) for sfi in there] == [copies == 1 << bit for bit in range(3)]
    assert totals(kit)["copied"] == copies


def test_the_desk_trusts_no_inspection_of_another_system(kit: MeterKit, tmp_path: Path) -> None:
    in_use(kit, 700)
    issue.issue_control(tmp_path / "thief.card")
    with CardFile.open(tmp_path / "thief.card") as thief:
        make_inspection(kit, OTHER, control=thief.chip)
        make_restore(kit, RESTORE, control=thief.chip)
    before = files_of(kit, OTHER)
    assert [kit.run_session(OTHER).code, kit.run_session(RESTORE).code] == [5, 5]
    assert files_of(kit, OTHER) == before
    assert key_state(kit) == PRIVATE and kit.state.illegal_cards == 2


def test_illegal_cards_are_told_to_the_inspection(kit: MeterKit, tmp_path: Path) -> None:
    in_use(kit, 700)
    issue.issue_control(tmp_path / OTHER)
    for _ in range(3):
        assert kit.run_session(OTHER).code == 22
    make_inspection(kit)
    assert kit.run_session(INSPECTION).code == 0
    assert totals(kit)["events"] == 3 and run_info(kit)["illegal_cards"] == 3
    size = card_files.size_of(service_files.CARD_EVENT)
    assert size == card_files.size_of(desk_files.EVENT)
    log = files_of(kit, INSPECTION)[service_files.INSPECTION_EVENTS]
    found = [
        card_files.unpack(service_files.CARD_EVENT, log[at : at + size])
        for at in range(0, 3 * size, size)
    ]
    with CardFile.open(tmp_path / OTHER) as thief:
        serial = thief.chip.state.serial
    assert [event["number"] for event in found] == [3, 2, 1]
    for event in found:
        assert (event["serial"], event["code"], event["sw"]) == (
            serial,
            service_files.ILLEGAL_CARD + 22,
            0x9000,
        )
        assert event["command"] == bytes.fromhex("B08100") and event["time"] // 10000 == 260105
    assert not any(log[3 * size :])


def serve_another_meter(kit: MeterKit, card: Path) -> None:
    """Have this key-change card seal a key of some other meter, which takes a use."""
    load = sealing.Load(keys.PURCHASE, factor=keys.make_meter_factor(bytes(5) + b"\x99"))
    with CardFile.open(kit.folder / card, kit.rng) as file:
        file.chip.power_on()
        send(file.chip, bytes.fromhex("00A4000002DF01"), "select")
        send(
            file.chip,
            sealing.make_seal_command(
                load, sealing.Load(keys.MASTER, keys.PUBLIC_SET, keys.NO_FACTOR), bytes(4)
            ),
            "seal",
        )


def test_keys_there_and_back_and_there_again(kit: MeterKit) -> None:
    """The account lives through it; what needs private keys waits for them."""
    in_use(kit, 1000)
    kit.rig.set_load(2_200_000)
    make_restore(kit, uses=2)
    kit.make_keys(OTHER_KEYS, uses=1)
    assert kit.run_session(OTHER_KEYS).code == 9  # private already
    assert kit.run_session(RESTORE).texts[-1] == "donE" and (
        key_state(kit),
        uses(kit, RESTORE),
    ) == (
        PUBLIC,
        1,
    )
    assert kit.run_session(RESTORE).code == 9 and uses(kit, RESTORE) == 1
    kit.sell(500)
    assert kit.run_session(USER).code == 9
    kit.make_keys(EMPTY, uses=1)
    serve_another_meter(kit, EMPTY)
    assert kit.run_session(EMPTY).code == 17 and key_state(kit) == PUBLIC
    assert kit.run_session(OTHER_KEYS).texts[-1] == "donE" and (
        key_state(kit),
        uses(kit, OTHER_KEYS),
    ) == (PRIVATE, 0)
    assert kit.run_session(USER).code == 0 and (kit.state.bought_fen, kit.state.count) == (1500, 2)
    assert kit.run_session(INIT).code == 9
    kit.rig.set_load(0)
    kit.wait(1 * S)
    assert kit.state.energy_pj == kit.ledger.energy_pj > 0
    assert kit.state.illegal_cards == 0 and not kit.list_violations()


def test_after_a_restore_the_meter_can_be_set_up_anew(kit: MeterKit) -> None:
    in_use(kit, 1000)
    make_restore(kit)
    assert kit.run_session(RESTORE).code == 0
    assert kit.run_session(INIT).code == 0
    assert (
        kit.state.balance_fen,
        kit.state.count,
        kit.state.customer_no,
        kit.get_esam_wallet(),
    ) == (
        0,
        0,
        0,
        (0, 0),
    )
    params = card_files.unpack(
        card_files.PARAMS, esam_chip(kit).state.files[card_files.ESAM_PARAMS]
    )
    assert (params["meter_no"], params["customer_no"], params["card_type"]) == (METER_NO, 0, 0)


def test_a_meter_set_up_anew_knows_its_former_customer_not_even_from_the_esam(
    kit: MeterKit,
) -> None:
    """With a new memory a meter has nothing but the ESAM's word for whose it is."""
    in_use(kit, 1000)
    make_restore(kit)
    kit.make_keys(OTHER_KEYS)
    assert [kit.run_session(card).code for card in (RESTORE, INIT, OTHER_KEYS)] == [0, 0, 0]
    kit.rig.cut_power()
    kit.rig.bench.fram.load(bytes(FRAM_BYTES))
    kit.restart()
    assert (kit.state.meter_no, kit.state.customer_no) == (METER_NO, 0)
    # The former customer's card has been in a meter, so it opens no account.
    assert kit.run_session(USER).code == 18
    kit.make_user(OTHER, issue.UserData(METER_NO, 77, 100, 50, [PRICE_E4]))
    kit.sell(500, OTHER)
    assert kit.run_session(OTHER).code == 0 and (kit.state.customer_no, kit.state.balance_fen) == (
        77,
        500,
    )
    assert kit.run_session(USER).code == 12


def test_keys_of_another_system_do_not_come_back_to_this_one(kit: MeterKit, tmp_path: Path) -> None:
    """Anybody's key-change card works in a meter with public keys.

    Only the card of the same system takes that back.
    """
    make_restore(kit, uses=2)
    assert kit.run_session(RESTORE).code == 0
    issue.issue_control(tmp_path / "thief.card")
    with CardFile.open(tmp_path / "thief.card") as thief:
        issue.issue_keys(thief.chip, tmp_path / OTHER_KEYS, 1)
        make_restore(kit, OTHER, control=thief.chip)
    assert kit.run_session(OTHER_KEYS).code == 0
    assert kit.run_session(RESTORE).code == 5 and uses(kit, RESTORE) == 1
    assert kit.run_session(OTHER).code == 0 and key_state(kit) == PUBLIC
