"""The journal at each moment of a purchase session, and the cost of a wrong bit in the wallet."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import cards_kit
from dianka.card_port import make_command, send
from dianka.cardos.chip import Chip
from meter_kit import USER, MeterKit, S, in_use
from parts import Parts

PARTS = Parts()
RECORDS = PARTS.module("state")
JOURNAL = PARTS.module("journal")
INTENT_CREDIT = 1
WALLET_READ = "00b2000c10"


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    """A meter with money used since the ESAM was settled, and a purchase of 3 yuan on the card."""
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    kit.rig.set_load(2_200_000)
    kit.wait(120 * S)
    kit.sell(300)
    yield kit
    kit.close()


def kept(kit: MeterKit) -> SimpleNamespace:
    """What a start would find in the memory now."""
    content = kit.rig.bench.fram.content
    memory = SimpleNamespace(
        size=len(content), read=lambda address, count: content[address : address + count]
    )
    return RECORDS.unpack(JOURNAL.Journal(memory, RECORDS.SIZE).load())


def tap(chip: Chip, heard: Callable[[str], None]) -> None:
    process = chip.process

    def listen(apdu: bytes) -> tuple[bytes, int]:
        heard(apdu.hex())
        return process(apdu)

    chip.process = listen


def test_the_journal_is_ahead_of_every_step_that_lasts(kit: MeterKit) -> None:
    seen: list[str] = []

    def esam(line: str) -> None:
        state = kept(kit)
        if line.startswith("8030"):
            assert (state.intent, state.count) == (INTENT_CREDIT, 1)
            # Else a cut would leave a difference.
            assert kit.get_esam_wallet()[0] - int(line[10:18], 16) >= state.wallet_fen
        elif line.startswith("8432"):
            assert (state.intent, state.intent_fen, state.intent_count) == (INTENT_CREDIT, 300, 2)
            assert state.wallet_fen <= kit.get_esam_wallet()[0] < 1000
        else:
            return
        seen.append(line[:4])

    def card(line: str) -> None:
        if line.startswith("04d685"):
            state = kept(kit)
            assert (state.intent, state.count) == (0, 2) == (0, kit.get_esam_wallet()[1])
            assert 0 <= kit.get_esam_wallet()[0] - state.wallet_fen < 10  # settled on the way
            seen.append(line[:4])

    tap(kit.esam, esam)
    assert kit.run_session(USER, spoil=lambda chip: tap(chip, card)).code == 0
    assert seen == ["8030", "8432", "04d6"]


def test_any_wrong_bit_in_the_wallet_is_noticed_and_changes_nothing(kit: MeterKit) -> None:
    """Each bit of money, count and both inverses in turn.

    The UART of a board without PIO hands flipped bits on.
    """
    socket = kit.rig.bench.esam
    answer: list[int] = []
    told: list[str] = []
    tap(socket.engine.chip, told.append)  # type: ignore[union-attr]
    for at, bit in [(at, (at * 3 + 1) % 8) for at in range(16)]:
        answer.clear()

        def flip(way: str, _index: int, value: int, at: int = at, bit: int = bit) -> int:
            if way == "out" and told and told[-1] == WALLET_READ:
                answer.append(value)
                if len(answer) == at + 2:  # behind the procedure byte
                    return value ^ 1 << bit
            return value

        before = kit.get_esam_wallet()
        socket.tamper = flip
        session = kit.run_session(USER)
        socket.tamper = None
        assert session.code == 2 and any("inverse" in line for line in session.log), (
            at,
            session.log,
        )
        assert kit.get_esam_wallet() == before and kit.state.count == 1, at
        told.clear()
        kit.wait(15 * S)
    assert kit.run_session(USER).code == 0 and kit.state.count == 2


def test_the_wallet_is_read_whole_with_its_inverse() -> None:
    esam = cards_kit.private_esam(cards_kit.control_card())
    esam.power_on()
    found = send(esam, bytes.fromhex(WALLET_READ), "read the wallet")
    assert found[:4] == send(esam, bytes.fromhex("00B2010C04"), "read money")
    assert found[4:8] == send(esam, bytes.fromhex("00B2030C04"), "read count")
    assert bytes(byte ^ 0xFF for byte in found[:8]) == found[8:] and len(found) == 16
    assert cards_kit.sw_of(esam, "00B2000C04") == 0x6C10
    counter = cards_kit.keys_card(cards_kit.control_card(), uses=1)
    cards_kit.open_card(counter)
    assert cards_kit.sw_of(counter, "00B2001404") == 0x6A83  # of no other file


@pytest.mark.parametrize("kid", [1, 2])
def test_one_command_diversifies_and_enciphers(kid: int) -> None:
    esam = cards_kit.private_esam(cards_kit.control_card())
    esam.power_on()
    factor, data = bytes(range(8)), bytes(range(100, 108))
    both = send(esam, make_command(f"80FA000{kid}", factor + data), "diversify and encipher")
    # The process key stays.
    assert both == send(esam, make_command("80FA0000", data), "encipher") and len(both) == 8
    esam.power_on()
    send(esam, make_command(f"80FA000{kid}", factor), "diversify")
    assert both == send(esam, make_command("80FA0000", data), "encipher")
    for size in (0, 1, 7, 9, 15, 17, 32):
        assert cards_kit.sw_of(esam, make_command(f"80FA000{kid}", bytes(size)).hex()) == 0x6700, (
            size
        )
    for other in (3, 4, 5, 6, 7):
        assert cards_kit.sw_of(esam, make_command(f"80FA000{other}", factor + data).hex()) == 0x6982
