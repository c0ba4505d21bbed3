"""Rules of the supply that the memory has lost, fetched from an ESAM that may not have them either.

What the switch does with them is in host_tests/meter/test_supply_rules.py.
"""

from typing import Any

import pytest

from dianka.cardos.files import card_files
from dianka.desk.supply import fill_rules, parse_supply
from tariff_rig import EsamFiles, TariffRig

RULES = card_files.pack(
    card_files.SUPPLY, fill_rules(parse_supply("3000W,10s,2x60s", "", "", "22-06h", 1000))
)
OTHERS = card_files.pack(
    card_files.SUPPLY, fill_rules(parse_supply("2000W,10s,2x60s", "", "", "", 1000))
)


def make_lacking() -> tuple[TariffRig, Any]:
    """A meter that knows by its state that it has rules, and has lost them."""
    rig = TariffRig()
    rig.state.supply_crc = rig.sets.compute_crc(RULES)
    # It decides nothing here, so it needs neither metering nor relay, clock and log of events.
    others: tuple[Any, ...] = (None, None, None, rig.fram, None)
    switch = rig.parts.module("supply_switch").SupplySwitch(
        rig.store, *others, False, rig.lines.append
    )
    assert switch.lacks and switch.friendly_hours is None
    return rig, switch


def fetch(rig: TariffRig, switch: Any, content: bytes, refusal: Exception | None = None) -> str:
    """Let it look for its rules in an ESAM with this file; return what it has logged last."""
    lock = rig.parts.runner.modules["asyncio"].Lock()
    esam = EsamFiles({rig.files.ESAM_SUPPLY: content}, refusal)
    rig.parts.run(switch.fetch(esam, lock))
    return rig.lines[-1]


def test_rules_come_from_the_esam_and_are_kept() -> None:
    rig, switch = make_lacking()
    fetch(rig, switch, RULES)
    assert switch.friendly_hours == (22, 6) and not switch.lacks
    assert rig.sets.find(rig.fram, rig.sets.RULES, rig.state.supply_crc) == RULES


def test_an_esam_that_does_not_answer_is_asked_again() -> None:
    rig, switch = make_lacking()
    error = rig.parts.module("esam").EsamError
    assert fetch(rig, switch, RULES, error("no answer")) == "supply: no answer"
    assert switch.lacks
    fetch(rig, switch, RULES)
    assert switch.friendly_hours == (22, 6)


@pytest.mark.parametrize("content", [OTHERS, bytes(len(RULES))])
def test_an_esam_with_other_rules_is_not_asked_again_in_this_start(content: bytes) -> None:
    rig, switch = make_lacking()
    assert fetch(rig, switch, content) == "supply: neither memory nor ESAM has the rules"
    assert not switch.lacks and switch.friendly_hours is None


def test_an_esam_of_a_make_without_rules_has_none() -> None:
    rig, switch = make_lacking()
    no_file = rig.parts.module("esam").EsamError("status 6A82 to B000", 0x6A82)
    assert fetch(rig, switch, b"", no_file) == "supply: neither memory nor ESAM has the rules"
    assert not switch.lacks


def test_a_memory_that_keeps_nothing_leaves_the_rules_in_force() -> None:
    rig, switch = make_lacking()
    rig.memory.protected = True
    assert fetch(rig, switch, RULES) == "supply: memory does not keep the parameters"
    assert switch.friendly_hours == (22, 6) and not switch.lacks
