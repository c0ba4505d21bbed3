"""Service cards pulled, and the power cut, all through their sessions.

The old keys or the new ones work, never none of them.

Each point begins from the same snapshot. An inspection card, which proves itself both ways under
whichever keys the ESAM has, says afterwards whether they work; then the card that was interrupted
goes in again and does what it should have done.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from dianka.cardos.files import card_files
from meter_kit import INIT, KEYS, METER_NO, MS, USER, MeterKit, S, in_use, tell
from service_kit import (
    CREDIT,
    INSPECTION,
    RESTORE,
    esam_chip,
    files_of,
    key_state,
    make_credit,
    make_inspection,
    make_restore,
    totals,
    uses,
)

MANY = 1000
POINTS = 20
Break = Callable[[MeterKit], None]


def pull(kit: MeterKit) -> None:
    kit.rig.pull()


def cut(kit: MeterKit) -> None:
    kit.cut_now()


class Snapshot:
    """Meter and card as they are now, to begin from again and again."""

    def __init__(self, kit: MeterKit, card: Path) -> None:
        self._kit, self._path, self._card = kit, kit.folder / card, (kit.folder / card).read_bytes()
        self._state, self._fram = esam_chip(kit).state, kit.rig.bench.fram.content

    def back(self) -> None:
        kit, chip = self._kit, esam_chip(self._kit)
        kit.rig.cut_power()
        self._path.write_bytes(self._card)
        assert chip.on_commit
        chip.on_commit(self._state)
        chip.state = self._state
        kit.rig.bench.fram.load(self._fram)
        kit.restart(100 * MS)


def broken_off(kit: MeterKit, card: Path, point: int, act: Break) -> int:
    """A session that ends before this character of both lines together (below zero.

    Does not); how many there were.
    """
    heard, struck = [0], [False]

    def hear(direction: str, index: int) -> None:
        if heard[0] == point and not struck[0]:
            struck[0] = True
            act(kit)
        heard[0] += 1

    sockets = (kit.rig.bench.slot, kit.rig.bench.esam)
    for socket in sockets:
        socket.on_character = hear
    session = kit.run_session(card)
    for socket in sockets:
        socket.on_character = None
    assert session.code == 0 or act is pull, session.log
    assert point < 0 or struck[0], f"no character {point}"
    if act is cut and point >= 0:
        kit.restart(1 * S)
    return heard[0]


def through(kit: MeterKit, card: Path, act: Break, check: Callable[[], None]) -> None:
    """Break the session off at points all through it.

    `check` looks at what is left, the same card then completes it.
    """
    snapshot = Snapshot(kit, card)
    points = broken_off(kit, card, -1, act)
    done = 0
    for point in (*range(0, points, max(1, points // POINTS)), *range(points - 4, points)):
        snapshot.back()
        broken_off(kit, card, point, act)
        check()
        done += 1
    assert not [line for line in kit.lines if "restarts" in line]
    tell(f"{card.stem}, {act.__name__}: {done} of {points} points")


def keys_work(kit: MeterKit) -> None:
    session = kit.run_session(INSPECTION)
    assert session.code == 0, session.log
    assert totals(kit)["meter_no"] == kit.state.meter_no == METER_NO


@pytest.mark.slow
@pytest.mark.parametrize("act", [pull, cut])
def test_key_change(tmp_path: Path, act: Break) -> None:
    kit = MeterKit(tmp_path)
    kit.make_init(INIT)
    kit.make_keys(KEYS, uses=MANY)
    make_inspection(kit)
    kit.rig.switch_mains_on()
    kit.wait(3 * S)
    assert kit.run_session(INIT).code == 0
    seen = set()

    def check() -> None:
        keys_work(kit)
        old = key_state(kit) == card_files.KEYS_PUBLIC
        seen.add(old)
        assert uses(kit, KEYS) >= MANY - 1
        assert kit.run_session(KEYS).code == (0 if old else 9)
        keys_work(kit)
        assert key_state(kit) == card_files.KEYS_PRIVATE and uses(kit, KEYS) >= MANY - 2

    through(kit, KEYS, act, check)
    assert True in seen
    kit.close()


@pytest.mark.slow
@pytest.mark.parametrize("act", [pull, cut])
def test_restore_of_a_meter_in_use(tmp_path: Path, act: Break) -> None:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    make_restore(kit, uses=MANY)
    make_inspection(kit)

    def check() -> None:
        keys_work(kit)
        old = key_state(kit) == card_files.KEYS_PRIVATE
        assert kit.run_session(USER).code == (0 if old else 9)
        assert kit.run_session(RESTORE).code == (0 if old else 9)
        keys_work(kit)
        assert key_state(kit) == card_files.KEYS_PUBLIC
        assert (kit.state.balance_fen, kit.state.count, kit.get_esam_wallet()) == (
            1000,
            1,
            (1000, 1),
        )

    through(kit, RESTORE, act, check)
    kit.close()


@pytest.mark.slow
@pytest.mark.parametrize("act", [pull, cut])
def test_inspection(tmp_path: Path, act: Break) -> None:
    """The card says whether its copy is complete; the meter is untouched."""
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    make_inspection(kit)
    whole = [0, 0]

    def held() -> tuple[object, ...]:
        """All but what each start counts."""
        return (
            vars(kit.state) | {"uncharged_starts": 0},
            kit.get_esam_wallet(),
            dict(esam_chip(kit).state.keys),
        )

    before = held()

    def check() -> None:
        try:
            totals(kit)
            whole[1] += 1
        except ValueError:
            whole[0] += 1
        assert held() == before
        keys_work(kit)

    through(kit, INSPECTION, act, check)
    assert whole[0] > POINTS // 2
    kit.close()


@pytest.mark.slow
@pytest.mark.parametrize("act", [pull, cut])
def test_test_credit(tmp_path: Path, act: Break) -> None:
    """Given or not, and the meter's own books agree with the ESAM's.

    A use is spent at most once for it.
    """
    kit = MeterKit(tmp_path)
    make_credit(kit, uses=MANY)
    kit.rig.switch_mains_on()
    kit.wait(3 * S)
    seen = set()

    def check() -> None:
        balance_fen = kit.state.balance_fen
        seen.add(balance_fen)
        assert balance_fen in (0, 100) and kit.state.bought_fen == balance_fen
        assert kit.get_esam_wallet()[0] >= balance_fen and kit.get_esam_wallet()[1] == 0
        assert uses(kit, CREDIT) in (MANY, MANY - 1)
        assert uses(kit, CREDIT) == MANY - 1 or not balance_fen
        assert kit.run_session(CREDIT).code == (21 if balance_fen else 0)
        assert kit.state.balance_fen == 100 and kit.get_esam_wallet() == (100, 0)
        assert any(files_of(kit, CREDIT)[5]) or balance_fen

    through(kit, CREDIT, act, check)
    assert seen == {0, 100}
    kit.close()
