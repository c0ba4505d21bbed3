"""Each kind of card, broken off before, in and after a sample of all bytes of lines and memory.

`dianka bench pulled` takes every point; here it is one in many, and faults planted in the firmware
show that it can fail.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from dianka.bench.campaign.pulled import SCENES, find_scenes
from pulled_kit import campaign, planted, played

EVERY = 457  # a prime: no rhythm of commands hides a point from it
WHOLE = ("system control",)  # so short a session that all its points take a few seconds


@pytest.mark.slow
@pytest.mark.parametrize("kind", [scene.name for scene in SCENES])
def test_old_or_new_and_never_both(
    kind: str, record_property: Callable[[str, object], None]
) -> None:
    code, said = campaign(kind, 1 if kind in WHOLE else EVERY)
    assert code == 0, said
    assert played(said) >= 8, said
    record_property("figure", f"{kind}: {said.splitlines()[-1]}")


def test_a_kind_that_is_none() -> None:
    code, said = campaign("season ticket", EVERY)
    assert (
        code == 1
        and said.startswith("no kind of card is called season ticket")
        and said.count("\n") == 1
    )
    assert len(find_scenes("user card")) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "module", "right", "wrong", "finding", "every"),
    [
        (
            "purchase",
            "settlement",
            "self._intend(CREDIT, amount_fen, count)",
            "pass",
            "restored",
            41,
        ),
        (
            "initialisation",
            "card_init",
            "state.set(records.INITIALISED, False)",
            "pass",
            "part old and part new",
            EVERY,
        ),
        (
            "closing order",
            "card_close",
            "await closing.keep(esam, statement)\n            await esam.refund(block)",
            "await esam.refund(block)\n            await closing.keep(esam, statement)",
            "credit is neither old nor new",
            211,
        ),
        (
            "inspection",
            "card_inspect",
            'await _write(card, service_files.INSPECTION_TOTALS, b"\\x00")',
            "pass",
            "on card",
            EVERY,
        ),
        (
            "inspection",
            "card_log",
            "for block in range(blocks):",
            "for block in range(blocks - 1):",
            "the log of events on the card is a part",
            EVERY,
        ),
        ("08", "card_factory", "await card.ask(0x80, 0x30, 0x00, _USES, ", "bytes(", "uses", EVERY),
        ("09", "card_factory", "session.relay.force(None)", "pass", "the test never ends", EVERY),
    ],
    ids=[
        "credit without intent",
        "not marked",
        "order before statement",
        "not blanked",
        "log cut short",
        "no use taken",
        "relay held",
    ],
)
def test_a_planted_fault_is_found(
    kind: str, module: str, right: str, wrong: str, finding: str, every: int, tmp_path: Path
) -> None:
    code, said = campaign(kind, every, planted(tmp_path, module, right, wrong))
    assert code == 1 and finding in said, said[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "right", "wrong", "finding"),
    [
        (
            "illegal_cards",
            'if binascii.crc32(body) == int.from_bytes(record[-4:], "big")',
            "if body",
            "log is neither old nor new",
        ),
        pytest.param(
            "card_slot",
            "header, sw =",
            "self._store.keep(); header, sw =",
            "counted and not in the log",
            marks=pytest.mark.campaign,
        ),
        pytest.param(
            "card_slot",
            "            self._store.keep()\n        except",
            "        except",
            "illegal cards is ",
            marks=pytest.mark.campaign,
        ),
        ("card_slot", "illegal_cards + 1", "illegal_cards + 2", "illegal cards are not counted"),
        pytest.param(
            "card_slot",
            "state.illegal_cards =",
            "state.set(0x10); state.illegal_cards =",
            "state is",
            marks=pytest.mark.campaign,
        ),
        ("card_slot", "card.raise_if_pulled()", "pass", "ended with code 7"),
    ],
    ids=[
        "torn record",
        "counted first",
        "not committed",
        "counted twice",
        "meter locked",
        "pulled and counted",
    ],
)
def test_a_planted_fault_with_a_refused_card_is_found(
    module: str, right: str, wrong: str, finding: str, tmp_path: Path
) -> None:
    code, said = campaign("system control", 1, planted(tmp_path, module, right, wrong))
    assert code == 1 and finding in said, said[-3000:]
