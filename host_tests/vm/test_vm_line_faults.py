"""T=0 by PIO on rung 2, bit by bit: wrong parity is signalled and obeyed, and rates are kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.bench.models.bitline import BitLine
from dianka.bench.rungs.vm.runner import VmRunner
from dianka.bench.stage.stand import USER, S, Stand
from dianka.cardos.t0 import Behaviour
from dianka.firmware import BOARDS


@pytest.fixture(params=["rp2_pico", "rp2_pico2"])
def stand(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stand]:
    with Stand(tmp_path, "vm", BOARDS / request.param) as made:
        made.set_up()
        made.sell(1_000)
        yield made


def get_line(stand: Stand, name: str = "CARD") -> BitLine:
    assert isinstance(stand.rig.runner, VmRunner)
    return stand.rig.runner.lines[name]


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 3])
def test_a_character_with_wrong_parity_is_asked_for_again(stand: Stand, times: int) -> None:
    line = get_line(stand)
    line.spoil("out", 20, times)
    line.spoil("in", 30, times)
    assert stand.serve(USER).code == 0
    assert line.repeated == {"in": times, "out": times}
    assert stand.list_violations() == []


@pytest.mark.slow
def test_a_card_that_refuses_a_character_four_times_ends_the_session(stand: Stand) -> None:
    get_line(stand).spoil("in", 30, 4)
    assert stand.run_session(USER).code
    stand.wait(2 * S)
    assert stand.serve(USER).code == 0, "and the next one is served"


@pytest.mark.slow
@pytest.mark.parametrize("ta1", [0x12, 0x13, 0x14])
def test_edges_and_samples_fit_at_each_rate(stand: Stand, ta1: int) -> None:
    """2, 4 and 8 times the first rate offered; the firmware takes up to 4."""
    session = stand.run_session(USER, behaviour=Behaviour(ta1=ta1))
    assert session.code == 0
    assert stand.list_violations() == []


def test_metal_on_the_contacts_is_told_from_a_mute_card(stand: Stand) -> None:
    metal = stand.run_session(None)
    assert metal.code and any("card: Err-32" in line for line in metal.log), metal.log
    mute = stand.run_session(USER, behaviour=Behaviour(mute=True))
    assert mute.code == 4
    assert stand.serve(USER).code == 0
