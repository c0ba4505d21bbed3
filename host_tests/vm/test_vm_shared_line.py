"""What it costs the ESP32 that card and ESAM share a UART, beside the Pico, where they do not.

Nothing of it is money or energy: the journal in the FRAM has both, and the ESAM's wallet follows.
The ESP32's page has the figures. The supply holds up for 100 ms (models/supply.py).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dianka.bench.models import supply
from dianka.bench.stage.stand import MS, USER, S
from dianka.cardos.t0 import Behaviour
from service_kit import INSPECTION, make_inspection
from shared_line_kit import LineMeter

BOTH = pytest.mark.parametrize("board", ["rp2_pico", "esp32_devkit"])
Make = Callable[[str], LineMeter]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[LineMeter] = []

    def make_meter(board: str) -> LineMeter:
        made.append(LineMeter(tmp_path, board))
        return made[-1]

    yield make_meter
    for each in made:
        each.close()


def insert_inspection(meter: LineMeter, behaviour: Behaviour | None = None) -> None:
    """Put an inspection card in, and wait for the part of its session that needs the card alone."""
    if not (meter.folder / INSPECTION).exists():
        make_inspection(meter)  # type: ignore[arg-type]
    began_us, since = meter.now_us, len(meter.lines)
    meter.rig.insert(INSPECTION, "right", behaviour)
    while not any("inspected" in line for line in meter.lines[since:]):
        assert meter.now_us - began_us < 20 * S, "the session never came to that part"
        meter.wait(5 * MS)
    meter.wait(20 * MS)


def insert_one_that_stops(meter: LineMeter) -> None:
    """Put one in that stops answering in that part.

    How much it says before and in it is taken from a whole session.
    """
    said: list[str] = []
    meter.rig.bench.slot.listeners.append(lambda direction, _: said.append(direction))
    insert_inspection(meter)
    before = said.count("out")
    while meter.serving:
        meter.wait(5 * MS)
    whole = said.count("out")
    assert whole > before + 2
    meter.pull()
    insert_inspection(meter, Behaviour(stops_after=before + 2))


@BOTH
def test_a_failing_mains_settles_within_the_hold_up(make: Make, board: str) -> None:
    meter = make(board)
    balance_fen = 999 if meter.get_esam_wallet() == (1_000, 1) else 0
    spoken_us = meter.fail_mains()
    assert spoken_us[0] < 2 * MS, "at once"
    assert meter.get_esam_wallet() == (balance_fen, 1), "the wallet is down to the balance"
    meter.check_totals()


@BOTH
def test_a_mute_card_costs_a_second_and_no_pulse(make: Make, board: str) -> None:
    """9600 etu of waiting for its ATR; on either board, as a session has the ESAM to itself."""
    meter = make(board)
    session = meter.run_session(USER, behaviour=Behaviour(mute=True))
    assert session.code == 4
    assert 900 * MS < session.over_us < 1_200 * MS
    meter.wait(5 * S)
    meter.sell(500)
    assert meter.serve(USER).code == 0, "and the next one is served"
    meter.check_energy()


@pytest.mark.slow
@BOTH
def test_mains_that_fails_under_a_mute_card_is_settled_after_the_start(
    make: Make, board: str
) -> None:
    meter = make(board)
    meter.rig.insert(USER, "right", Behaviour(mute=True))
    meter.wait(600 * MS)
    assert meter.serving
    assert meter.fail_mains() == [], "the session has the ESAM, and waits"
    assert meter.get_esam_wallet() == (1_000, 1)
    meter.check_totals()
    meter.wait(16 * 60 * S)
    assert meter.get_esam_wallet()[0] < 1_000, "the next settling has made up for it"


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("nulls", [0, 20])
def test_a_slow_esam_makes_a_session_longer_and_costs_no_pulse(
    make: Make, board: str, nulls: int
) -> None:
    """20 NULLs before each of its answers: a second more on either board."""
    meter = make(board)
    meter.set_esam_behaviour(Behaviour(nulls=nulls))
    meter.bite()  # it talks so from its next reset on
    meter.wait(5 * S)
    meter.sell(500)
    session = meter.serve(USER)
    assert session.over_us < (1_000 if nulls == 0 else 2_000) * MS
    meter.check_energy()


def test_the_pico_settles_beside_a_long_session(make: Make) -> None:
    meter = make("rp2_pico")
    insert_inspection(meter)
    assert meter.fail_mains()[0] < 2 * MS
    assert meter.get_esam_wallet()[0] < 1_000
    meter.check_totals()


def test_the_esp32_can_not_settle_beside_a_long_command_of_the_card(make: Make) -> None:
    """The one that the card is at lasts longer than the hold-up; nothing of it is lost."""
    meter = make("esp32_devkit")
    insert_inspection(meter)
    assert meter.fail_mains() == []
    assert meter.card_us[-1] > meter.now_us - 4 * supply.HOLD_UP_US, "the card has the UART"
    assert meter.get_esam_wallet() == (1_000, 1)
    meter.check_totals()
    meter.wait(16 * 60 * S)
    assert meter.get_esam_wallet()[0] < 1_000


@BOTH
def test_a_card_that_stops_in_a_long_session_holds_up_the_esp32_s_esam(
    make: Make, board: str
) -> None:
    """For the second that the meter waits for the card.

    On the Pico the ESAM is reached, late, as whoever waits for a card gives the others a turn every
    25 ms (firmware/line.py).
    """
    meter = make(board)
    insert_one_that_stops(meter)
    while meter.now_us - meter.card_us[-1] < 300 * MS:
        meter.wait(5 * MS)
    spoken_us = meter.fail_mains()
    assert bool(spoken_us) == (board == "rp2_pico")
    meter.check_totals()


def test_the_slot_serves_on_after_a_card_that_stops(make: Make) -> None:
    meter = make("esp32_devkit")
    insert_one_that_stops(meter)
    while meter.serving:
        meter.wait(5 * MS)
    meter.rig.pull()
    meter.wait(5 * S)
    meter.sell(500)
    assert meter.serve(USER).code == 0
    assert meter.list_violations() == []
    meter.check_energy()
