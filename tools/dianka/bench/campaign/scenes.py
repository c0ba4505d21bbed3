"""A scene is a kind of card and the meter that it meets, with the rules for a broken session.

Facts are the contents of meter, ESAM and card, in groups that change together or not at all. After
the break each group is as before or as after; in the end all are as after an unbroken session.
`also` names what the design allows in between: a debit of the ESAM down to the journal's balance,
which goes before each credit, and a meter that waits for its initialisation card again.

A card that is refused as illegal changes its count and the log instead, once for each time that it
is put in. The record goes to the memory before the count is committed: a cut between the two leaves
a record of a card that was not counted.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dianka.bench.campaign.trial import Trial
from dianka.cardos import desk_files, kinds
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files, service_files
from dianka.cardos.image import dump
from dianka.desk.event_log import belongs_to, read_log, read_totals
from dianka.desk.log_check import find_break
from dianka.desk.reading import read_kind
from dianka.firmware import load_shared

RECORDS = load_shared("state")
Facts = dict[str, Any]
PARAMETERS = (
    "alarm1_fen",
    "alarm2_fen",
    "overdraft_limit_fen",
    "hoard_limit_fen",
    "close_above_fen",
    "price_e4",
)
INCOMPLETE = "not complete"
CARRIED = "carried log"
EARLIER, PART, WHOLE = "none, or of an earlier visit", "a part", "whole"
COUNT, LOG = "illegal cards", "illegal cards' log"
PULLED = 20
KEY_CARDS = (kinds.KEYS, kinds.RESTORE)
COUNTED = (*KEY_CARDS, kinds.TEST_CREDIT, kinds.TEST)
_COPIED = (
    desk_files.INSPECTION_WALLET,
    desk_files.INSPECTION_PARAMS,
    desk_files.INSPECTION_KEY_INFO,
    desk_files.INSPECTION_LIMITS,
)
ESAM_FILES = ("ESAM_PARAMS", "ESAM_TARIFF_1", "ESAM_TARIFF_2", "ESAM_LIMITS")


@dataclass(frozen=True)
class Scene:
    """One scene.

    `prepare` makes the meter and the card. `proof` checks that the finished meter works. `also`
    returns the values that the design allows after a break. `again`: one more session must change
    nothing.
    """

    name: str
    card: Path
    prepare: Callable[[Trial], None]
    proof: Callable[[Trial], None]
    also: Callable[[Facts], dict[str, list[Any]]] = field(default=lambda old: {})
    # Groups that are all old or all new, unless the first of them is neither.
    agree: tuple[str, ...] = ()
    again: bool = True
    # Codes with which the card is refused once its work is done.
    refused_after: frozenset[int] = frozenset()
    # The code with which the card is refused whenever it is put in, and counted as illegal.
    refused: int = 0


def collect_facts(trial: Trial, card: Path) -> Facts:
    """Return the present facts; the card's own memory only when it is not in the slot."""
    state, esam = trial.state, trial.esam.state
    found: Facts = {
        "credit": (state.bought_fen, state.count),
        "used": (trial.compute_used_fen(), state.energy_pj),
        "owner": (state.customer_no, state.card_serial, state.has(RECORDS.OPENED)),
        "number": (state.meter_no, state.has(RECORDS.INITIALISED)),
        COUNT: state.illegal_cards,
        LOG: trial.read_illegal_log(),
        "closed": state.has(RECORDS.CLOSED),
        "wallet": trial.get_esam_wallet(),
        "keys": (dict(esam.keys), esam.files[card_files.ESAM_KEY_INFO]),
    }
    found |= {name: getattr(state, name) for name in PARAMETERS}
    found |= {name: esam.files[getattr(card_files, name)] for name in ESAM_FILES}
    if trial.rig.card is None:
        on_card = trial.read_card_state(card)
        found["on card"] = _collect_from_card(on_card)
        if on_card.kind == kinds.CONTROL:
            found |= _collect_untouched(trial, card)
        if on_card.kind == kinds.INSPECTION:
            found[CARRIED] = _judge_carried_log(Chip(on_card.copy(), trial.rng))
    return found


def _judge_carried_log(card: Chip) -> str:
    """Return what the desk makes of the log of events on an inspection card."""
    read_kind(card)
    log = read_log(card)
    if log is None or not belongs_to(log, read_totals(card)):
        return EARLIER
    broken = find_break(log)
    return PART if log.is_partial else f"broken at {broken}" if broken else WHOLE


def _collect_untouched(trial: Trial, card: Path) -> Facts:
    """Return all that a refused card must not change.

    Bytes with keys in them are returned as digests.
    """
    state, counted = trial.state, ("illegal_cards", "uncharged_starts")
    return {
        "state": {
            name: getattr(state, name) for name, _, _ in RECORDS.FIELDS if name not in counted
        },
        "ESAM": hashlib.sha256(dump(trial.esam.state)).hexdigest(),
        "card file": hashlib.sha256((trial.folder / card).read_bytes()).hexdigest(),
    }


def _collect_from_card(state: Any) -> Any:
    """Return the data that the session has left on the card, without its time."""
    if state.kind == kinds.USER:
        block = state.files[card_files.CARD_WRITE_BACK]
        if card_files.is_blank(block):
            return "blank"
        ended = card_files.unframe(block)[0] == card_files.CMD_STATEMENT
        return _unpack_timeless(card_files.STATEMENT if ended else card_files.WRITE_BACK, block)
    if state.kind != kinds.INSPECTION:
        return None
    totals = state.files[service_files.INSPECTION_TOTALS]
    if card_files.is_blank(totals):
        return INCOMPLETE
    found = _unpack_timeless(service_files.TOTALS, totals)
    files = {sfi: state.files[sfi] for sfi in _COPIED}
    events = state.files[service_files.INSPECTION_EVENTS][
        : found["events"] * card_files.size_of(desk_files.EVENT)
    ]
    return (
        found,
        _unpack_timeless(card_files.WRITE_BACK, state.files[desk_files.INSPECTION_RUN_INFO]),
        files,
        events,
    )


def _unpack_timeless(fields: Any, block: bytes) -> Facts:
    record = card_files.unpack(fields, card_files.unframe(block)[1])
    return {name: value for name, value in record.items() if name != "time"}


def read_uses(trial: Trial, card: Path) -> int | None:
    """Return the uses left on the card's counter, or None if its kind has none."""
    state = trial.read_card_state(card)
    if desk_files.CARD_USES not in kinds.ALL[state.kind].files or state.kind not in COUNTED:
        return None
    return int.from_bytes(state.files[desk_files.CARD_USES], "big")


def check_unbroken(scene: Scene, old: Facts, new: Facts) -> None:
    """Check an unbroken session with a refused card.

    AssertionError unless it was counted and logged once, and nothing else has changed.
    """
    if scene.refused:
        check_end(old, _count_once_more(old, new), new)


def expect_once_more(scene: Scene, now: Facts, new: Facts) -> Facts:
    """Return the facts that another session makes of `now`.

    They are those of an unbroken one; of a refused card, one more count and record.
    """
    return _count_once_more(now, new) if scene.refused else new


def _count_once_more(now: Facts, new: Facts) -> Facts:
    """Return `now` with the refused card counted and logged once more.

    The log is full: its length is that after an unbroken session.
    """
    number = now[LOG][-1][0] + 1
    log = (*now[LOG], (number, *new[LOG][-1][1:]))[-len(new[LOG]) :]
    return now | {COUNT: now[COUNT] + 1, LOG: log}


def check_code(scene: Scene, old: Facts, trial: Trial, code: int) -> None:
    """Check the code of a broken session with a refused card.

    AssertionError unless the card was counted if, and only if, the meter shows why it is refused.
    """
    if not scene.refused:
        return
    counted = trial.state.illegal_cards - old[COUNT]
    assert code in (PULLED, scene.refused), (
        f"the session ended with code {code}: {trial.lines[-3:]}"
    )
    assert counted == (code == scene.refused), f"code {code}, and {counted} illegal cards counted"


def check_break(scene: Scene, old: Facts, new: Facts, now: Facts, again: bool = False) -> None:
    """Check the facts after the break.

    AssertionError unless every group is old or new, and meter and ESAM agree on the money. `again`:
    the card was served once more.
    """
    also = scene.also(old)
    if again and scene.refused:
        old, new, also = expect_once_more(scene, old, new), expect_once_more(scene, new, new), {}
    for group, value in now.items():
        allowed = [old[group], new[group], *also.get(group, ())]
        assert value in allowed, (
            f"{group} is neither old nor new: {value!r}, not one of {allowed!r}"
        )
    if scene.agree and now[scene.agree[0]] in (old[scene.agree[0]], new[scene.agree[0]]):
        sides = [all(now[group] == side[group] for group in scene.agree) for side in (old, new)]
        assert any(sides), (
            f"part old and part new: { ({group: now[group] for group in scene.agree})!r}"
        )
    if now["credit"] == new["credit"] != old["credit"]:
        _, count = new["wallet"]
        ended = [wallet for wallet in also.get("wallet", ()) if wallet[1] == count]
        assert now["wallet"] in (new["wallet"], *ended), (
            "the meter has the credit and the ESAM has not"
        )
    if now[COUNT] == new[COUNT] != old[COUNT]:
        assert now[LOG] == new[LOG], "the illegal card is counted and not in the log"


def check_end(old: Facts, new: Facts, now: Facts) -> None:
    """Check the end; AssertionError unless everything is as after an unbroken session."""
    for group, value in now.items():
        assert value == new[group], (
            f"{group} is {value!r} in the end, not {new[group]!r} (it was {old[group]!r})"
        )
