"""Makes what a panel needs: a system with its control card, meters with cards of their own.

The folder of a panel:

    desk/control.card    the system's keys, which the counter holds
    tray/                the cards that lie before the meters
    bin/                 those that were thrown away
    meter1/, meter2/     the meters' folders (stage/rig.py); slot/ has the card that is in
    meter1/set-up/       the two cards that give a new meter its number and keys

A card is a file, and is where its file is (places.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dianka.bench.stage.rig import Rig, RigError
from dianka.bench.stage.session import find_code
from dianka.cardos.image import CardFile
from dianka.desk import issue
from dianka.desk.sell import sell

CONTROL = Path("desk") / "control.card"
TRAY, BIN, SLOT, SET_UP = "tray", "bin", "slot", "set-up"
# A price and alarms at which a household's appliances use up a purchase within a few minutes of
# this computer's time: an hour of them passes in half a minute.
PRICE_E4 = 10_000
ALARM1_FEN, ALARM2_FEN, OVERDRAFT_FEN = 1500, 1000, 200
FIRST_FEN = 2000
MOST_METERS = 8
_STEP_US = 100_000
_SESSION_US = 40_000_000
_SETTLED_US = 2_000_000
_STARTED_US = 5_000_000


@dataclass(frozen=True)
class Terms:
    """What a meter's first cards say."""

    meter_no: int
    price_e4: int = PRICE_E4
    alarm1_fen: int = ALARM1_FEN
    alarm2_fen: int = ALARM2_FEN
    overdraft_fen: int = OVERDRAFT_FEN


def name_meter(number: int) -> str:
    """Return the name of a meter's folder."""
    return f"meter{number}"


def make_folders(root: Path, meters: int) -> None:
    """Make all folders of a panel that are not there."""
    for folder in (root / CONTROL.parent, root / TRAY, root / BIN):
        folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, meters + 1):
        (root / name_meter(number) / SLOT).mkdir(parents=True, exist_ok=True)


def found_panel(root: Path, meters: int, price_e4: int = PRICE_E4) -> None:
    """Make a panel of so many meters, each with a resident's card of 20.00 yuan in the tray.

    What is there already stays as it is.
    """
    make_folders(root, meters)
    control = root / CONTROL
    if not control.exists():
        issue.issue_control(control)
    with CardFile.open(control) as held:
        for number in range(1, meters + 1):
            if not (root / name_meter(number) / SET_UP).exists():
                terms = Terms(number, price_e4)
                _make_resident(root, held, terms)
                make_set_up(root / name_meter(number), held, terms)


def make_set_up(folder: Path, control: CardFile, terms: Terms) -> None:
    """Make the two cards that a new meter in this folder is set up with."""
    beside = folder / f"{SET_UP}.new"
    beside.mkdir(parents=True)
    data = issue.InitData(
        terms.meter_no,
        terms.alarm1_fen,
        terms.alarm2_fen,
        terms.overdraft_fen,
        0,
        0,
        [terms.price_e4],
    )
    issue.issue_init(control, beside / "init.card", data)
    issue.issue_keys(control, beside / "keys.card", 1)
    beside.rename(folder / SET_UP)


def _make_resident(root: Path, control: CardFile, terms: Terms) -> None:
    number = terms.meter_no
    path = root / TRAY / f"resident-{number}.card"
    path.unlink(missing_ok=True)  # of a founding that was broken off
    alarms_fen = terms.alarm1_fen, terms.alarm2_fen
    issue.issue_user(control, path, number, number, *alarms_fen, [terms.price_e4])
    with CardFile.open(path) as card:
        sell(control, card, FIRST_FEN)


def install_meter(rig: Rig) -> None:
    """Give a new meter its number and its keys, as an installer does. RigError if it refuses.

    A meter that has them is left as it is.
    """
    done = rig.folder / SET_UP / "done"
    if done.exists() or not (rig.folder / SET_UP).exists():
        return
    lines: list[str] = []
    before, rig.on_log = rig.on_log, lines.append
    rig.set_clock()
    rig.switch_mains_on()
    rig.wait(_STARTED_US)
    try:
        for card in ("init.card", "keys.card"):
            _take_card(rig, rig.folder / SET_UP / card, lines)
    finally:
        rig.on_log = before
        rig.cut_power()
    done.touch()


def _take_card(rig: Rig, card: Path, lines: list[str]) -> None:
    """Put a card in, wait until the meter is done with it, and pull it. RigError on any error."""
    since = len(lines)
    rig.insert(card)

    def is_talking() -> bool:
        return bool(rig.bench.get_wire_level("CARD_POWER"))

    begun = _wait_until(rig, is_talking)
    ended = begun and _wait_until(rig, lambda: not is_talking())
    rig.pull()
    rig.wait(_SETTLED_US)
    if not ended or find_code(lines[since:]):
        known = " / ".join(lines[since:][-3:]) or "the meter took no notice of it"
        raise RigError(f"{card.name} was not taken as it should be: {known}")


def _wait_until(rig: Rig, holds: Callable[[], bool]) -> bool:
    until_us = rig.clock.now_us + _SESSION_US
    while not holds():
        if rig.clock.now_us >= until_us:
            return False
        rig.wait(_STEP_US)
    return True
