"""One operation of a meter that the power is cut in: how it begins, runs, and is finished later."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dianka.bench.campaign import resident
from dianka.bench.campaign.cuts.books import (
    LIMIT_PJ,
    PJ_PER_WH,
    compute_cost_fen,
    compute_used_fen,
)
from dianka.bench.campaign.cuts.flash import Flash
from dianka.bench.campaign.scenes import Scene
from dianka.bench.campaign.trial import USER, S, Trial
from dianka.cardos.files import pack_tariff
from dianka.desk import issue

LOAD_MW = 6_600_000  # 30 A at 220 V, about the most that the boards' shunt measures
# At 99.9999 yuan a kWh a fen is 0.1 Wh, so that some fen go by in every second.
INIT_DATA = issue.InitData(resident.METER_NO, 100, 50, 50, 0, 0, [resident.DEAR_E4])
USER_DATA = issue.UserData(
    resident.METER_NO, resident.CUSTOMER_NO, 100, 50, [resident.DEAR_E4]
)  # fmt: skip
BOUGHT_FEN = 60_000
RATES_E4 = [300_000, 500_000, 800_000, 999_999]
STEPS = {"limits": [1, 2], "steps_e4": [0, 100_000, 300_000]}  # 0.01 and 0.02 kWh
_STEP_PJ = 10 * PJ_PER_WH
# What the first rate costs by the energy of the month (books.py).
STEP_PRICES = ((_STEP_PJ, 300_000), (2 * _STEP_PJ, 400_000), (1 << 80, 600_000))
# The chip goes on, and nothing is lost but pulses that have begun.
RESET_LIMIT_PJ = PJ_PER_WH // 100
# After an outage an open contact waits its turn (firmware/supply_switch.py), and moves.
TURN_US = (resident.METER_NO % 61 + 8) * S
_FORGIVEN_US = 25 * S  # two starts are off the count, and the relay has taken its turn

Act = Callable[[Trial], None]


def do_nothing(trial: Trial) -> None:
    pass


@dataclass(frozen=True)
class Operation:
    """One operation.

    `furnish` puts things into the folder before the meter is built there. `prepare` makes the
    meter, at rest in the end. `run` is what is cut, at every byte. After a cut and the power's
    return, `again` is what people do next, until all is done; a run that was not cut needs it too.
    `load_mw` is drawn while the power comes back. `sold_fen` is what the operation brings. `pairs`:
    the recovery from one in so many futures is cut too; 0: none. `shares`: processes may share it.
    `beyond` says why a cut may cost more than 1 Wh there, up to `limit_pj`.

    `resets`: the controller alone restarts too, everywhere (watch.py). That may cost
    `reset_limit_pj`; if the firmware has hung before (crashes.py), `hang_limit_pj`, which
    `hang_beyond` says the reason of.

    `others` are the books' (books.py). `scene`: contents are judged by its rules. `judge` checks
    what is the operation's own in the end. `returns_us`: when the contact is closed at the latest
    where nothing wants the supply off (contact.py). `locks`: a contact that is found open was
    opened for good.
    """

    name: str
    prepare: Act
    run: Act
    again: Act = do_nothing
    card: Path | None = None
    furnish: Callable[[Path], None] = field(default=lambda folder: None)
    flash: Callable[[], Flash] | None = None
    load_mw: int = LOAD_MW
    sold_fen: int = 0
    limit_pj: int = LIMIT_PJ
    beyond: str = ""
    session: bool = False
    pairs: int = 0
    shares: int = 1
    blank: bool = False  # the memory is blank to begin with
    returns_us: int = TURN_US
    locks: bool = False
    scene: Scene | None = None
    resets: bool = False
    reset_limit_pj: int = RESET_LIMIT_PJ
    hang_limit_pj: int = RESET_LIMIT_PJ
    hang_beyond: str = ""
    others: Mapping[str, Any] = field(default_factory=dict)
    judge: Act = do_nothing


# ****** Meters to begin with ******


def make_meter(
    trial: Trial,
    init: issue.InitData = INIT_DATA,
    user: issue.UserData = USER_DATA,
    bought_fen: int = BOUGHT_FEN,
) -> None:
    """Make a meter in use, its relay closed, that has used some parts of a fen."""
    trial.set_up(init, user)
    trial.sell(bought_fen)
    resident.complete_session(trial, USER)
    trial.wait(3 * S)
    trial.rig.set_load(LOAD_MW)
    trial.wait(5 * S)
    rest(trial)
    state = trial.state
    assert trial.relay_closed and state.remainder, "the meter is not in use"
    assert state.bought_fen == bought_fen, "what was sold is not what was bought"
    cost_fen = compute_cost_fen(state.energy_pj, init.rates_e4[0])
    assert compute_used_fen(state) == cost_fen, "what is charged is not what was used"


def make_with_tariff(trial: Trial, form: dict[str, Any], **init_data: Any) -> None:
    """Make a meter in use with several prices, which nothing was used of yet."""
    tariff = pack_tariff(RATES_E4, form)
    init = replace(INIT_DATA, tariff=tariff, **init_data)
    trial.set_up(init, replace(USER_DATA, tariff=tariff))
    trial.sell(60_000)
    resident.complete_session(trial, USER)
    rest(trial)
    assert trial.state.energy_pj == 0 and trial.relay_closed


def rest(trial: Trial) -> None:
    """Draw nothing, until all that was used is charged and every start is forgiven."""
    trial.rig.set_load(0)
    trial.wait(_FORGIVEN_US)
    trial.meter.store.keep()


def settle(trial: Trial) -> None:
    """Let the mains dip: the meter commits and settles with its ESAM, and runs on."""
    trial.rig.switch_mains_off()
    trial.wait(50_000)
    trial.rig.switch_mains_on()
    trial.wait(2 * S)


def make_with(**changes: Any) -> Act:
    """Return a `prepare` with other data on the initialisation card."""

    def prepare(trial: Trial) -> None:
        make_meter(trial, replace(INIT_DATA, **changes))

    return prepare


def draw(seconds: int, load_mw: int = LOAD_MW) -> Act:
    """Return a `run` that draws this load for so long."""

    def run(trial: Trial) -> None:
        trial.rig.set_load(load_mw)
        trial.wait(seconds * S)

    return run
