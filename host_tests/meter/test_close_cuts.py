"""A closing order broken off at every point: the balance is in the meter or in the statement.

Never in both, never in neither, and the same order put in again completes it. Points: characters of
both lines, bytes of the FRAM, commits of the ESAM and answers that never come.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_session_cuts import Break, Snapshot, cut, pull, through

from closing_order_kit import order, run_info, statement
from dianka.bench.models.fram import Cut
from dianka.card_port import CardError
from dianka.cardos.chip import Chip
from dianka.cardos.core import Faults
from dianka.cardos.files import card_files
from dianka.desk import closing_order
from meter_kit import USER, MeterKit, S, in_use, tell
from service_kit import files_of
from sweeps import points

CLOSED = 0x40
AMOUNT_FEN = 1000
CUTS = (Cut.AFTER, Cut.TORN, Cut.BEFORE)


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    in_use(kit, AMOUNT_FEN)
    assert order(kit) == 2
    yield kit
    kit.close()


def where(kit: MeterKit) -> str:
    """Return where the balance is, "meter" or "statement"; it is whole there, and nowhere else."""
    state, wallet = kit.state, kit.get_esam_wallet()
    assert state.intent != kit.modules["state"].CLOSE
    said = closing_order.unpack_statement(files_of(kit, USER)[card_files.CARD_WRITE_BACK])
    if state.flags & CLOSED:
        assert (state.balance_fen, state.count, wallet[1]) == (0, 2, 2)
        kept = closing_order.unpack_statement(run_info(kit))
        assert kept and kept.amount_fen == AMOUNT_FEN and said in (None, kept)
        return "statement"
    assert said is None, "the card has it as well"
    assert (state.balance_fen, state.count, wallet) == (AMOUNT_FEN, 1, (AMOUNT_FEN, 1))
    assert closing_order.unpack_statement(run_info(kit)) is None
    return "meter"


def settled(kit: MeterKit) -> str:
    """Let the meter come back to its ESAM, as it does within seconds, and say where it is."""
    kit.wait(15 * S)
    return where(kit)


def finish(kit: MeterKit) -> None:
    """Put the card in again: whatever was, the account is closed now, and pays out once."""
    session = kit.run_session(USER)
    assert session.code == 0, session.log
    assert where(kit) == "statement" and kit.get_esam_wallet() == (0, 2)
    assert statement(kit).amount_fen == AMOUNT_FEN
    assert kit.state.bought_fen == 0


@pytest.mark.slow
@pytest.mark.parametrize("act", [pull, cut])
def test_characters(kit: MeterKit, act: Break) -> None:
    seen = set()

    def check() -> None:
        seen.add(settled(kit))
        finish(kit)

    through(kit, USER, act, check)
    assert seen == {"meter", "statement"}


def test_bytes_of_every_commit(kit: MeterKit) -> None:
    fram, snapshot, seen = kit.rig.bench.fram, Snapshot(kit, USER), set()
    before = fram.writes
    finish(kit)
    most, cuts = fram.writes - before, 0
    for point in points(most, 61):
        snapshot.back()
        fram.cut_after(point, kit.cut_now, CUTS[cuts % 3])
        kit.run_session(USER)
        fram.cut_after_bytes = None
        if not kit.powered:
            cuts += 1
            kit.restart(1 * S)
        seen.add(settled(kit))
        finish(kit)
    assert seen == {"meter", "statement"}
    tell(f"{most} bytes of the memory, {cuts} cuts")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torn_before", "torn_after", "memory_fails_at", "refuse_at"])
def test_an_esam_that_fails(kit: MeterKit, name: str) -> None:
    """At each commit, or each command; the meter finds out by itself or by the card."""
    snapshot, seen, failed = Snapshot(kit, USER), set(), 0
    for at in range(1, 40):
        snapshot.back()
        kit.wait(5 * S)
        kit.esam.faults = Faults(**{name: at})
        session = kit.run_session(USER)
        struck = session.code != 0
        kit.esam.faults = Faults()
        failed += struck
        kit.wait(30 * S)
        seen.add(settled(kit))
        finish(kit)
        if not struck and name != "refuse_at":
            break
    assert failed and seen == {"meter", "statement"}
    tell(f"{name}: failed {failed} times")


def test_a_memory_that_keeps_nothing(kit: MeterKit) -> None:
    """The order waits for a memory; it fails before anything is asked of the ESAM."""
    kit.rig.bench.fram.mute = True
    kit.wait(2 * S)
    kit.run_session(USER)
    assert kit.get_esam_wallet() == (AMOUNT_FEN, 1)
    kit.rig.bench.fram.mute = False
    kit.wait(5 * S)
    assert settled(kit) == "meter"
    finish(kit)


@pytest.mark.parametrize("content", [b"", b"\x12" * 49])
def test_a_statement_that_is_gone_leaves_the_balance(kit: MeterKit, content: bytes) -> None:
    """Hands on the ESAM's wires wipe its file 07 right behind the REFUND."""
    chip, process = kit.esam, kit.esam.process

    def wipe(apdu: bytes) -> tuple[bytes, int]:
        answer = process(apdu)
        if apdu[:2] == b"\x84\x30":
            chip.state.files[card_files.ESAM_RUN_INFO] = content.ljust(49, b"\0")
        return answer

    chip.process = wipe
    assert kit.run_session(USER).code == 2
    chip.process = process
    kit.wait(60 * S)
    assert not kit.state.flags & CLOSED
    assert (kit.state.balance_fen, kit.state.count) == (AMOUNT_FEN, 2)


def test_garbled_lines(kit: MeterKit) -> None:
    """A bit in one character of the ESAM's line: the card completes it, and nothing is doubled."""
    snapshot, esam, seen = Snapshot(kit, USER), kit.rig.bench.esam, set()
    for at in range(3, 560, 41):
        snapshot.back()
        kit.wait(5 * S)
        passed = [0]

        def garble(
            _way: str, _at: int, value: int, passed: list[int] = passed, at: int = at
        ) -> int:
            passed[0] += 1
            return value ^ 0x18 if passed[0] == at else value

        esam.tamper = garble
        kit.run_session(USER)
        assert passed[0] >= at
        esam.tamper = None
        kit.wait(30 * S)
        seen.add(settled(kit))
        finish(kit)
    assert seen == {"meter", "statement"}


def test_a_forged_statement_is_not_taken_by_the_card(kit: MeterKit) -> None:
    """The wire between meter and card changes the balance: the card refuses the MAC."""
    finish(kit)
    first = files_of(kit, USER)[card_files.CARD_WRITE_BACK]

    def spoil(chip: Chip) -> None:
        process = chip.process

        def forge(apdu: bytes) -> tuple[bytes, int]:
            if apdu[:3] == bytes.fromhex("04d685"):
                apdu = apdu[:24] + b"\x7f" + apdu[25:]
            return process(apdu)

        chip.process = forge

    assert kit.run_session(USER, spoil=spoil).code == 10
    assert files_of(kit, USER)[card_files.CARD_WRITE_BACK] == first


def test_a_changed_statement_is_not_taken_by_the_desk(kit: MeterKit) -> None:
    """A device between card and desk tells another balance."""
    finish(kit)
    with kit.open(USER) as file:
        process = file.chip.process

        def lie(apdu: bytes) -> tuple[bytes, int]:
            answer, sw = process(apdu)
            if apdu[:4] == bytes.fromhex("04b08500") and sw == 0x9000:
                answer = answer[:19] + b"\x7f" + answer[20:]
            return answer, sw

        file.chip.process = lie
        with pytest.raises(CardError, match="not what the card holds"):
            closing_order.read_statement(kit.control.chip, file.chip, kit.rng)


def test_a_forged_file_on_the_card_is_not_its_meters(kit: MeterKit) -> None:
    """A statement that another meter's card holds, with this order's count."""
    finish(kit)
    block = files_of(kit, USER)[card_files.CARD_WRITE_BACK]
    fields = card_files.unpack(card_files.STATEMENT, card_files.unframe(block)[1])
    other = card_files.pack(card_files.STATEMENT, fields | {"meter_no": 13})
    forged = card_files.frame(card_files.CMD_STATEMENT, other) + b"\0"
    with kit.open(USER) as file:
        desk = closing_order.open_desk(kit.control.chip, file.chip, kit.rng)
        desk.update(card_files.CARD_WRITE_BACK, forged)
    with pytest.raises(CardError, match="not this card's"):
        statement(kit)
