"""The stand of tests, campaign and figures repeats itself, on any rung, and says what failed."""

from pathlib import Path

import pytest

from dianka.bench.stage.rig import RigError
from dianka.bench.stage.session import Session
from dianka.bench.stage.stand import INIT, KEYS, USER, Stand
from dianka.cardos.t0 import Behaviour


def purchase(folder: Path, seed: int = 1, runner: str = "host") -> tuple[Session, bytes]:
    """A resident's first purchase; the card's memory after it."""
    folder.mkdir()
    with Stand(folder, runner, seed=seed) as stand:
        stand.set_up()
        stand.sell(1000)
        session = stand.serve(USER)
    return session, (folder / USER).read_bytes()


def test_one_seed_is_one_story_to_the_last_byte(tmp_path: Path) -> None:
    session, card = purchase(tmp_path / "first")
    again, same = purchase(tmp_path / "again")
    _, other = purchase(tmp_path / "other", seed=2)
    assert card == same != other
    assert (again.traffic, again.log, again.texts) == (session.traffic, session.log, session.texts)


def test_the_real_micropython_is_waited_for_by_the_card_supply(tmp_path: Path) -> None:
    on_host, card = purchase(tmp_path / "host")
    on_vm, same = purchase(tmp_path / "vm", runner="vm")
    assert card == same and on_vm.traffic.counts == on_host.traffic.counts
    assert abs(on_vm.over_us - on_host.over_us) < 200_000
    with Stand(tmp_path / "vm", "vm") as stand, pytest.raises(RigError, match="take the runner"):
        _ = stand.meter


def test_what_did_not_happen_is_told_in_one_line(tmp_path: Path) -> None:
    with Stand(tmp_path) as stand:
        stand.make_first_cards()
        session = stand.run_session(KEYS)
        assert (session.begun, session.cut, session.code, session.took_us) == (False, True, 0, 0)
        with pytest.raises(RigError, match=r"^keys.card was not taken .*: the meter took no"):
            stand.serve(KEYS)
        stand.switch_mains_on()
        with pytest.raises(RigError, match=r"^user.card was not taken .*code \d+") as refused:
            stand.serve(USER)
        assert "\n" not in str(refused.value)
        with pytest.raises(RigError, match=r"^init.card was not taken"):
            stand.serve(INIT, Behaviour(mute=True))


def test_a_meter_that_has_died_can_be_looked_at(tmp_path: Path) -> None:
    with Stand(tmp_path) as stand:
        stand.set_up()
        number = stand.state.meter_no
        stand.cut_now()
        stand.wait(1_000_000)
        assert not stand.powered and stand.state.meter_no == number == 12
        stand.restart()
        assert stand.powered and stand.state.meter_no == number
