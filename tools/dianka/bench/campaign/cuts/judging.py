"""Compare a meter that had its power cut with the books, and say what is wrong."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from dianka.bench.campaign.cuts.books import PJ_PER_WH, Books
from dianka.bench.campaign.cuts.operation import Operation, settle
from dianka.bench.campaign.scenes import Facts, Scene, check_break, collect_facts
from dianka.bench.campaign.scenes import check_end as check_facts
from dianka.bench.campaign.trial import Trial
from dianka.cardos.files import card_files
from dianka.desk.closing_order import unpack_statement

# What the end of twins has to have in common, beside chips and contact.
_FIELDS = ("bought_fen", "balance_fen", "remainder", "energy_pj", "count", "flags", "price_e4")
_PURCHASE = 1  # kind of an entry in the log (docs/journal.md, "Events")
CLOSED = 0x40  # of the state's flags (docs/journal.md)
_BAD = ("restarts", "Traceback", "lacks")
_RESTORED = "restored from the ESAM"


class WrongMoney(AssertionError):
    """Money that is lost (below zero) or given twice, in fen."""

    def __init__(self, fen: Fraction | int, text: str) -> None:
        super().__init__(text)
        self.fen = fen


class TooMuchLost(AssertionError):
    """More energy is lost than a cut may cost: by the last of the cuts that leave the same."""


def begin_books(operation: Operation, trial: Trial) -> Books:
    """Begin the books of an operation's meter, which is at rest.

    A pulse that has begun is not lost: the meter will hear of it when it is full.
    """
    bench = trial.rig.bench
    delivered_pj = bench.mains.energy_nj * 1000 - bench.chip.begun_pj
    pulse_pj = bench.chip.params.pulse_pj
    return Books.begin(trial.state, delivered_pj, pulse_pj=pulse_pj, **operation.others)


def check_console(operation: Operation, trial: Trial) -> None:
    """Check that the meter's console says nothing of a fault since the last cut."""
    bad_words = _BAD if operation.blank else (*_BAD, _RESTORED)
    bad = [line for line in trial.lines if any(word in line for word in bad_words)]
    assert not bad, f"the console says {bad[:3]}"


def check_start(
    operation: Operation,
    books: Books,
    trial: Trial,
    ends: tuple[Facts, Facts] | None,
    pair: bool,
) -> None:
    """Check a meter that has come back: old or new, and exact. `pair`: from its second cut."""
    state = trial.state
    check_console(operation, trial)
    assert trial.meter.settlement.ready, f"the ESAM is not ready: {trial.lines[-3:]}"
    assert operation.blank or not trial.meter.store.anew, "the memory is taken for a blank one"
    assert state.intent == 0, f"intent {state.intent} is left"
    if operation.scene and ends:
        now = collect_facts(trial, operation.scene.card)
        _check_credit(now, ends)
        check_break(_allow_pair(operation.scene, ends[1]) if pair else operation.scene, *ends, now)
        _check_receipt(now, *ends)
    else:
        check_money(operation, books, trial, (0, operation.sold_fen))


def check_end(
    operation: Operation, books: Books, trial: Trial, ends: tuple[Facts, Facts] | None
) -> None:
    """Check a meter on which all has been done: new, and exact, and its ESAM has the same."""
    if operation.scene and ends:
        now = collect_facts(trial, operation.scene.card)
        _check_credit(now, ends[1:])
        check_facts(ends[0], ends[1], now)
        operation.scene.proof(trial)
        return
    settle(trial)
    check_money(operation, books, trial, (operation.sold_fen,))
    operation.judge(trial)
    state = trial.state
    if operation.sold_fen:  # to a new meter, so each of its purchases has an entry
        entries = trial.meter.events.newest_number(_PURCHASE)
        assert entries == state.count, f"{entries} of {state.count} purchases are in the log"
    money_fen, count = trial.get_esam_wallet()
    assert (money_fen, count) == (state.wallet_fen, state.count), (
        f"after settling the ESAM has {money_fen} fen, count {count}, "
        f"the meter {state.wallet_fen} and {state.count}"
    )


def check_money(
    operation: Operation, books: Books, trial: Trial, allowed_fen: tuple[int, ...]
) -> None:
    """Check that what was bought is one of these, and what is charged is what was used."""
    state = trial.state
    brought_fen = state.bought_fen - books.bought_fen
    closed = bool(state.flags & CLOSED)
    if closed:
        # What was left went into the statement, and is no longer of this account.
        said = unpack_statement(trial.esam.state.files[card_files.ESAM_RUN_INFO])
        assert said, "the account is closed, and its statement is gone"
        brought_fen += said.amount_fen
    if brought_fen not in allowed_fen:
        expected_fen = max(allowed_fen)
        raise WrongMoney(
            brought_fen - expected_fen,
            f"{brought_fen} fen were bought, not {' or '.join(map(str, allowed_fen))}",
        )
    bought = operation.sold_fen > 0 and brought_fen == operation.sold_fen
    count = books.count + (bought or closed)
    assert state.count == count, f"count {state.count}, not {count}"
    error_fen = books.find_error_fen(state)
    if error_fen:
        way = "more" if error_fen > 0 else "less"
        text = f"{float(abs(error_fen)):g} fen {way} are charged than were used"
        raise WrongMoney(-error_fen, text)
    money_fen, esam_count = trial.get_esam_wallet()
    assert esam_count == state.count, f"the ESAM's count is {esam_count}, the meter's {state.count}"
    if money_fen < state.wallet_fen:
        raise WrongMoney(
            money_fen - state.wallet_fen,
            f"the ESAM has {money_fen} fen and the meter {state.wallet_fen}",
        )


def _check_credit(now: Facts, allowed: tuple[Facts, ...]) -> None:
    """Check what was bought, and what of it was used, before all other facts of a scene."""
    wanted = [facts["credit"] for facts in allowed]
    if now["credit"] not in wanted:
        more_fen = now["credit"][0] - wanted[-1][0]
        raise WrongMoney(more_fen, f"{now['credit']} are bought and the count, not {wanted}")
    if now["used"] not in [facts["used"] for facts in allowed]:
        more_fen = now["used"][0] - allowed[-1]["used"][0]
        raise WrongMoney(-more_fen, f"{float(more_fen):g} fen more are charged than were used")


def _allow_pair(scene: Scene, new: Facts) -> Scene:
    """Return the scene with what it allows in between when its work was done once already."""

    def also(old: Facts) -> dict[str, list[Any]]:
        first, second = scene.also(old), scene.also(new)
        return {group: [*first[group], *second[group]] for group in first}

    return replace(scene, also=also)


def _check_receipt(now: Facts, old: Facts, new: Facts) -> None:
    """Check that a card which has the receipt has it of what the meter has kept."""
    if now["on card"] == new["on card"] != old["on card"]:
        lacking = [group for group, value in now.items() if value != new[group]]
        assert not lacking, f"the card has the receipt, and the meter has not {lacking}"


def check_energy(limit_pj: int, least_pj: int, most_pj: int) -> None:
    """Check that a cut has cost no more than this, and has charged nothing twice."""
    assert least_pj >= 0, f"{-least_pj * 1000 // PJ_PER_WH} mWh were charged that nobody used"
    if most_pj > limit_pj:
        most_mwh, limit_mwh = most_pj * 1000 // PJ_PER_WH, limit_pj * 1000 // PJ_PER_WH
        raise TooMuchLost(f"{most_mwh} mWh are lost, more than {limit_mwh}")


def describe_end(trial: Trial) -> tuple[Any, ...]:
    """Return what a future has come to, for its twin to be compared with."""
    state, esam = trial.state, trial.esam.state
    fields = tuple(getattr(state, name) for name in _FIELDS)
    return (*fields, trial.relay_closed, trial.get_esam_wallet(), tuple(sorted(esam.keys.items())))
