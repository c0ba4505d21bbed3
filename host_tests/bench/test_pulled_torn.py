"""A card that is pulled in the middle of a character says what it never meant.

No error but 20, and nobody's illegal card.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.bench.campaign.breaks import tear_character
from meter_kit import USER, MeterKit, in_use

PULLED = 20


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    yield kit
    kit.close()


def test_half_a_status_word_is_no_refusal(kit: MeterKit) -> None:
    """Most of a session's first characters, with the status words of reset, selection, identity."""
    slot, codes = kit.rig.bench.slot, set()
    for point in range(150):
        struck = []

        def tear(
            direction: str, index: int, value: int, point: int = point, struck: list[int] = struck
        ) -> int | None:
            if direction == "out" and index >= point and not struck:
                struck.append(index)
                kit.rig.pull()
                return tear_character(value, index)
            return value

        slot.tamper = tear
        session = kit.run_session(USER)
        slot.tamper = None
        assert struck
        codes.add(session.code)
        assert kit.state.illegal_cards == 0, (point, session.log)
    assert PULLED in codes and not codes & {5, 6, 7, 10}, codes
    assert kit.run_session(USER).code == 0
