"""Faults planted in the firmware that a campaign judging money alone would pass.

Cuts of one operation are played until one of them breaks a rule.
"""

from pathlib import Path

import pytest

from dianka.bench.campaign.cuts import chip_restarts
from dianka.bench.campaign.cuts.campaign import ERRORS, list_operations
from dianka.bench.campaign.cuts.player import Futures, Player
from dianka.bench.campaign.cuts.watch import RESET
from dianka.bench.campaign.forks import format_error
from dianka.bench.campaign.trial import Trial
from dianka.bench.rungs import runners
from pulled_kit import planted

PLAYED = 12  # of all futures, spread evenly
# (operation, place of the cuts or RESET, module, right, wrong, what is found)
FAULTS = {
    "the contact is never driven after a start": (
        "overload, locked",
        "memory byte 30",
        "relay",
        "if self.commanded != wanted:",
        "if self.commanded not in (None, wanted):",
        "the contact is closed, though an overload has locked it",
    ),
    "the contact is always closed": (
        "overload, locked",
        "",
        "supply_switch",
        "wanted = self.cause == supply.MAY_CLOSE",
        "wanted = True",
        "the contact is closed, though an overload has locked it",
    ),
    "a plan is never taken": (
        "planned price",
        "",
        "tariff_timed",
        "if not state.switch_time or now_s < self._find_begin(state):",
        "if state.switch_time:",
        "the price is 999999 in the end, not 1234567",
    ),
    "a plan is taken a minute late": (
        "planned price",
        "",
        "tariff_timed",
        "if not state.switch_time or now_s < self._find_begin(state):",
        "if not state.switch_time or now_s < self._find_begin(state) + 60:",
        "the price is 999999 in the end, not 1234567",
    ),
    "a slot begins two seconds late": (
        "slot of a tariff",
        "",
        "tariff_timed",
        "at_s = seconds + self._clock.offset_s\n",
        "at_s = seconds + self._clock.offset_s - 2\n",
        "mWh are charged at the old price",
    ),
    "the log begins anew at each start": (
        "event log",
        "",
        "events",
        "(number, entry[-event_chain.HASH :], entry[_KIND_AT + 1])",
        "(number, event_chain.START, entry[_KIND_AT + 1])",
        "the log is broken at ",
    ),
    "a day is kept in one half alone": (
        "midnight",
        "memory byte 12",
        "use_history",
        "for half in fram_map.HALVES:\n            self._memory.write",
        "for half in fram_map.HALVES[:1]:\n            self._memory.write",
        "are kept, and today is",
    ),
    "a count of a former life is taken for a wrap": (
        "start, the count near the wrap",
        RESET,
        "metering",
        "elif self._warm and register <= new and since <=",
        "elif self._warm and since <=",
        "mWh were charged that nobody used",
    ),
    "energy is committed without the chip's count": (
        "metering, 300 W",
        RESET,
        "meter",
        "state.register, state.pulse_pj = self.metering.register, self.chip.pulse_pj\n"
        "        supply.update(state)",
        "state.pulse_pj = self.chip.pulse_pj\n        supply.update(state)",
        "mWh were charged that nobody used",
    ),
    "a start of the controller alone forgets what the chip has counted": (
        "metering, 300 W",
        RESET,
        "metering",
        "elif self._warm and register <= new and since <= self._compute_limit(_RESTART_MS):\n"
        "            return since",
        "elif self._warm:\n            return 0",
        "mWh are lost, more than 10",
    ),
}


def find_fault(name: str, folder: Path, place: str) -> str:
    """Play some cuts at this place, or some resets; return what is wrong, "" if nothing is."""
    operation = next(one for one in list_operations() if one.name == name)
    player, futures = Player(operation, folder, 1), Futures()
    try:
        player.run(futures)
        if place == RESET:
            kept = list(futures.kept_resets.values())
        else:
            kept = [each for each in futures.kept.values() if place in each.point.place]
        for future in kept[:: max(1, len(kept) // PLAYED)]:
            player.play(future)
    except ERRORS as error:
        return format_error(error)
    finally:
        player.close()
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    operation, place, module, right, wrong, finding = FAULTS[name]
    folders = [tmp_path / each for each in ("right", "wrong")]
    for folder in folders:
        folder.mkdir()
    assert find_fault(operation, folders[0], place) == ""
    monkeypatch.setattr(runners, "FIRMWARE", planted(tmp_path, module, right, wrong))
    assert finding in find_fault(operation, folders[1], place)


def find_restart_fault(folder: Path, steady: bool) -> str:
    """Restart the chip 500 pulses before its wrap, with and without a step of the load."""
    folder.mkdir()
    with Trial(folder) as trial:
        chip_restarts.make(trial)
        for case in chip_restarts.CASES:
            if case.restarts and case.left == 500 and not case.phase_us:
                if steady == (case.load_mw == case.then_mw):
                    try:
                        chip_restarts.play(trial, case)
                    except AssertionError as error:
                        return format_error(error)
    return ""


def test_a_load_that_comes_when_the_chip_restarts_finds_what_a_steady_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = "power_mw = self.chip.register, max(", "power_mw = self.chip.register, min("
    monkeypatch.setattr(runners, "FIRMWARE", planted(tmp_path, "metering", right, wrong))
    assert find_restart_fault(tmp_path / "steady", steady=True) == ""
    assert "mWh are lost at Case(" in find_restart_fault(tmp_path / "step", steady=False)
