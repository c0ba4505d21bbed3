"""An inspection of a meter whose log of illegal cards is full, with cards that take their time.

Without the log of events, which has limits of its own (test_session_carry.py).
"""

from pathlib import Path

import pytest

from dianka.cardos.files import card_files, service_files
from dianka.cardos.t0 import Behaviour
from meter_kit import USER, MeterKit, S, in_use, tell
from service_kit import INSPECTION, files_of, make_inspection, totals

UNKNOWN = Behaviour(lying_sw=0x6A82)
LIMIT_US = 6 * S  # 3 s, and 3 s more for the log


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> MeterKit:
    """A meter that has seen more illegal cards than its inspection copies."""
    kit = MeterKit.new(tmp_path_factory.mktemp("full"))
    in_use(kit, 1000)
    for _ in range(service_files.EVENTS + 2):
        assert kit.run_session(USER, behaviour=UNKNOWN).code
    assert kit.state.illegal_cards == service_files.EVENTS + 2
    return kit


@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(), Behaviour(one_by_one=True), Behaviour(nulls=8), Behaviour(nulls=16)],
    ids=["plain", "one by one", "10 ms for an answer", "20 ms for an answer"],
)
def test_a_full_log_fits_with_a_slow_card(
    full: MeterKit, behaviour: Behaviour, request: pytest.FixtureRequest
) -> None:
    card = Path(f"inspection-{request.node.callspec.id.replace(' ', '-')}.card")
    make_inspection(full, card, copies=service_files.COPY_ALL & ~service_files.COPY_LOG)
    session = full.run_session(card, behaviour=behaviour)
    tell(f"inspection of a full log, {request.node.callspec.id}: {session.took_us} us")
    assert session.code == 0, session.log
    assert session.took_us < LIMIT_US
    assert totals(full, card)["events"] == full.state.illegal_cards
    log = files_of(full, card)[service_files.INSPECTION_EVENTS]
    size = card_files.size_of(service_files.CARD_EVENT)
    numbers = [
        card_files.unpack(service_files.CARD_EVENT, log[at : at + size])["number"]
        for at in range(0, len(log), size)
    ]
    newest = full.state.illegal_cards
    assert numbers == list(range(newest, newest - service_files.EVENTS, -1))
    assert not full.list_violations()


def test_a_card_that_never_gets_on_ends(full: MeterKit) -> None:
    make_inspection(full, INSPECTION)
    session = full.run_session(INSPECTION, behaviour=Behaviour(nulls=90))
    assert session.code == 19 and session.took_us < LIMIT_US
    with pytest.raises(ValueError, match="does not begin with 68H"):
        totals(full)
