"""Where a meter's rules of the supply come from: its cards, the memory's copy, the ESAM.

Each may be bad, lost or of an earlier make.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cards_kit import make_former
from dianka.cardos.files import card_files
from dianka.cardos.image import dump
from dianka.desk.supply import parse_supply
from meter_kit import INIT, INIT_DATA, USER, USER_DATA, MeterKit, S
from service_kit import forge
from supply_kit import OVERLOAD, VOLTAGE, every_rule, make_ruled, wait_until_open


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    with every_rule(tmp_path) as kit:
        yield kit


@pytest.mark.parametrize(
    "changes",
    [{"under_v": 240, "over_v": 235}, {"overload_delay_s": 0}, {"friendly_from_month": 13}],
)
def test_rules_that_can_t_be_kept_change_nothing(tmp_path: Path, changes: dict[str, int]) -> None:
    """The card is refused before anything changes: the meter goes on as it was."""
    kit = MeterKit(tmp_path)
    rules = parse_supply(OVERLOAD, "", VOLTAGE, "", 0)
    kit.make_first_cards(replace(INIT_DATA, supply=rules), USER_DATA)
    kit.switch_mains_on()
    kit.serve(INIT)
    before = (kit.state.__dict__.copy(), dict(kit.esam.state.files))
    bad = card_files.pack(card_files.SUPPLY, rules | changes)
    forge(kit, INIT, card_files.CARD_SUPPLY, card_files.frame(card_files.CMD_INIT, bad))
    assert kit.run_session(INIT).code == 14
    after = (kit.state.__dict__.copy(), dict(kit.esam.state.files))
    assert after == before and kit.state.has(1)
    kit.close()


def find_kept(kit: MeterKit) -> bytes | None:
    """The copy of the rules in the memory."""
    memory = kit.modules["parameter_memory"]
    return memory.find(kit.meter.supply_switch._memory, memory.RULES, kit.state.supply_crc)


def test_the_rules_come_back_from_the_esam(kit: MeterKit) -> None:
    rules = kit.state.supply_crc
    kit.wait(900 * S)
    kit.rig.cut_power()
    kit.rig.bench.fram.destroy(0, 32_768)
    kit.restart()
    kit.wait(5 * S)
    assert kit.state.supply_crc == rules != 0 and not kit.meter.supply_switch.lacks
    assert find_kept(kit) == bytes(kit.esam.state.files[card_files.ESAM_SUPPLY])
    kit.ledger.bought_fen = kit.state.bought_fen
    assert kit.run_session(USER).code == 0


@pytest.mark.parametrize(("esam", "seconds"), [(True, 11), (False, 40)])
def test_a_lost_copy_comes_from_the_esam(kit: MeterKit, esam: bool, seconds: int) -> None:
    """Without an ESAM there are no rules, until it answers again."""
    kit.rig.cut_power()
    content, chip = bytearray(kit.rig.bench.fram.content), kit.rig.bench.esam.chip
    for half in (0, 16_384):
        content[half + 4096 : half + 4160] = bytes(64)
    kit.rig.bench.fram.load(bytes(content))
    if not esam:
        kit.rig.bench.esam.put(None)
    kit.restart()
    kit.wait(15 * S)  # its turn, 12 s
    kit.rig.set_load(4_000_000)
    if not esam:
        kit.wait(30 * S)
        assert kit.relay_closed and kit.meter.supply_switch.lacks and not find_kept(kit)
        kit.rig.bench.esam.put(chip)
    assert wait_until_open(kit, seconds * S) and find_kept(kit)


def test_without_the_esam_the_copy_is_enough(kit: MeterKit) -> None:
    kit.rig.cut_power()
    kit.rig.bench.esam.put(None)
    kit.rig.bench.fram.destroy(0, 4_200)  # one half is enough
    kit.restart()
    kit.rig.set_load(4_000_000)
    assert wait_until_open(kit, 12 * S) > 9 * S


def test_a_memory_that_keeps_nothing_leaves_the_rules_in_force(tmp_path: Path) -> None:
    kit = make_ruled(tmp_path, OVERLOAD)
    kit.rig.cut_power()
    content = bytearray(kit.rig.bench.fram.content)
    for half in (0, 16_384):
        content[half + 4096 : half + 4160] = bytes(64)
    kit.rig.bench.fram.load(bytes(content))
    kit.rig.bench.fram.protected = True
    kit.restart()
    kit.wait(15 * S)
    kit.rig.set_load(4_000_000)
    assert wait_until_open(kit, 12 * S) > 9 * S
    kit.close()


def test_a_new_card_without_rules_takes_them_away(tmp_path: Path) -> None:
    kit = MeterKit(tmp_path)
    rules = parse_supply(OVERLOAD, "", "", "", 0)
    kit.make_first_cards(replace(INIT_DATA, supply=rules), USER_DATA)
    kit.switch_mains_on()
    kit.serve(INIT)
    assert kit.state.supply_crc
    kit.make_init(Path("plain.card"))
    kit.serve(Path("plain.card"))
    assert not kit.state.supply_crc
    assert not any(kit.esam.state.files[card_files.ESAM_SUPPLY])
    kit.close()


def test_chips_of_an_earlier_make(tmp_path: Path) -> None:
    """A former card leaves the ESAM's rules; a former ESAM takes none and refuses some."""
    kit = MeterKit(tmp_path)
    rules = parse_supply(OVERLOAD, "", "", "", 0)
    kit.make_first_cards(replace(INIT_DATA, supply=rules), USER_DATA)
    kit.make_init(Path("former.card"))
    lose_file(kit, Path("former.card"))
    kit.switch_mains_on()
    kit.serve(INIT)
    held = kit.state.supply_crc
    kit.serve(Path("former.card"))
    assert kit.state.supply_crc == held != 0
    kit.rig.bench.esam.put(make_former(kit.esam, card_files.ESAM_SUPPLY))
    kit.rig.cut_power()
    kit.restart()
    assert kit.run_session(INIT).code == 2 and kit.state.supply_crc == held
    kit.make_init(Path("plain.card"))
    kit.serve(Path("plain.card"))
    assert kit.state.supply_crc == 0
    kit.close()


def lose_file(kit: MeterKit, card: Path) -> None:
    """Make this card one of an earlier make."""
    state = kit.read_card_state(card)
    del state.files[card_files.CARD_SUPPLY]
    (kit.folder / card).write_bytes(dump(state))
