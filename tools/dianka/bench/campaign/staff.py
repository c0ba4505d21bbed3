"""The cards of the service staff, and the desk's own control card, which is refused.

Staff cards: inspection, restore, and the two of the production test.
"""

from pathlib import Path
from typing import Any

from dianka.bench.campaign import resident
from dianka.bench.campaign.scenes import (
    CARRIED,
    COUNT,
    EARLIER,
    INCOMPLETE,
    LOG,
    PART,
    WHOLE,
    Facts,
    Scene,
    check_end,
    collect_facts,
)
from dianka.bench.campaign.trial import CONTROL, USER, S, Trial
from dianka.cardos import desk_files, kinds
from dianka.cardos.files import card_files, service_files
from dianka.desk import issue, service

NEW_KEYS = Path("new-keys.card")
INSPECTION, RESTORE, CREDIT, TEST = (
    Path(f"{name}.card") for name in ("inspection", "restore", "credit", "test")
)
DESK = Path("desk.card")  # the system control card, whose own file the desk holds open
CONTROL_CARD = 22
CREDIT_FEN = 500
_TESTS = (
    service_files.TEST_RELAY
    | service_files.TEST_MEMORY
    | service_files.TEST_CLOCK
    | service_files.TEST_ESAM
)
_REST_US = 15 * S  # of the relay, between two moves


def _prepare_inspection(trial: Trial) -> None:
    """Make a meter that the inspection card has inspected before.

    So former copies can be told from new ones. There is an illegal card in the log, too.
    """
    resident.make_keyed_meter(trial)
    resident.make_user_card(trial)
    trial.sell(300)
    resident.complete_session(trial, USER)
    trial.make(INSPECTION, kinds.INSPECTION, service.make_inspection, service.InspectionData())
    resident.complete_session(trial, INSPECTION)
    _insert_foreign_control(trial)
    resident.use_electricity(trial)


def _insert_foreign_control(trial: Trial, times: int = 1) -> None:
    """Put in another system's control card, for the log of illegal cards."""
    issue.issue_control(trial.folder / resident.OTHER, rng=trial.rng)
    for _ in range(times):
        assert trial.run_session(resident.OTHER).code == CONTROL_CARD, (
            "a control card is not refused"
        )


def _prepare_refusal(trial: Trial) -> None:
    """Make a meter whose log of illegal cards is full.

    So each new record replaces another one. The card is the control card of this very system.
    """
    resident.make_meter_in_use(trial)
    (trial.folder / DESK).write_bytes((trial.folder / CONTROL).read_bytes())
    before = collect_facts(trial, DESK)
    _insert_foreign_control(trial, trial.log_records)
    full = collect_facts(trial, DESK)
    # Any other effect of a refused card, also one of the first card alone, is detected here.
    check_end(before, before | {group: full[group] for group in (COUNT, LOG)}, full)
    assert full[COUNT] == len(full[LOG]) == trial.log_records, (
        "illegal cards are not counted, or not in the log"
    )


def _prepare_restore(trial: Trial) -> None:
    resident.make_meter_in_use(trial)
    trial.make(RESTORE, kinds.RESTORE, service.make_restore, service.RestoreData(resident.KEY_USES))


def _prepare_test_credit(trial: Trial) -> None:
    trial.switch_mains_on()
    resident.initialise_meter(trial)
    data = service.TestCreditData(CREDIT_FEN, resident.USES)
    trial.make(CREDIT, kinds.TEST_CREDIT, service.make_test_credit, data)


def _prepare_test(trial: Trial) -> None:
    trial.switch_mains_on()
    resident.initialise_meter(trial)
    data = service.TestData(resident.USES, tests=_TESTS, seconds=1)
    trial.make(TEST, kinds.TEST, service.make_test, data)


def _allow_overwritten_record(old: Facts) -> dict[str, list[Any]]:
    """Allow a log without its oldest record: a cut record has destroyed the one in its place."""
    return {LOG: [old[LOG][1:]]}


# ****** Proofs: everything works in the end ******


def _check_next_purchase(trial: Trial) -> None:
    resident.check_next_purchase(trial)


def _check_inspection(trial: Trial) -> None:
    """Check that the whole log of events is on the card in the end, and the next purchase."""
    log = collect_facts(trial, INSPECTION)[CARRIED]
    assert log == WHOLE, f"the log of events on the card is {log}"
    _check_next_purchase(trial)


def _check_restored_keys(trial: Trial) -> None:
    """Check that public keys work: key change is taken again, then the resident's card."""
    resident.make_keys_card(trial, NEW_KEYS)
    resident.complete_session(trial, NEW_KEYS)
    resident.check_next_purchase(trial)


def _check_test_credit(trial: Trial) -> None:
    """Check that the credit closes the relay, and that an initialisation takes it back."""
    trial.wait(_REST_US)
    assert trial.relay_closed, "credit, and the relay stays open"
    resident.complete_session(trial, resident.INIT)
    assert trial.state.balance_fen == 0, "test credit outlives the initialisation"


def _check_test_result(trial: Trial) -> None:
    """Check that the result on the card is good and that the test has ended.

    The relay is open and free, and the lamps show what is the matter again.
    """
    trial.wait(_REST_US)
    assert not trial.relay_closed and not trial.under_test, "the test never ends"
    size = card_files.size_of(service_files.TEST_RESULT)
    newest = trial.read_card_state(TEST).files[desk_files.TEST_RESULTS][:size]
    result = card_files.unpack(service_files.TEST_RESULT, newest)
    assert result["done"] == result["passed"] == _TESTS, f"the result on the card is {result}"


def _check_count(trial: Trial) -> None:
    """Check that count and log name this card, and outlive a power cut.

    The resident's card brings the count to the desk.
    """
    before = collect_facts(trial, DESK)
    _, serial, code, *_ = before[LOG][-1]
    assert (serial, code) == (trial.read_card_state(DESK).serial, CONTROL_CARD), (
        "the log tells of another card"
    )
    trial.rig.cut_power()
    trial.switch_mains_on()
    check_end(before, before, collect_facts(trial, DESK))
    resident.check_next_purchase(trial)
    block = trial.read_card_state(USER).files[card_files.CARD_WRITE_BACK]
    written = card_files.unpack(card_files.WRITE_BACK, card_files.unframe(block)[1])[
        "illegal_cards"
    ]
    assert written == before[COUNT], (
        f"the desk hears of {written} illegal cards, not of {before[COUNT]}"
    )


SCENES = (
    Scene(
        "inspection",
        INSPECTION,
        _prepare_inspection,
        _check_inspection,
        lambda old: {"on card": [INCOMPLETE], CARRIED: [EARLIER, PART]},
    ),
    Scene("restore", RESTORE, _prepare_restore, _check_restored_keys, refused_after=frozenset({9})),
    Scene(
        "production test 08",
        CREDIT,
        _prepare_test_credit,
        _check_test_credit,
        refused_after=frozenset({21}),
    ),
    Scene("production test 09", TEST, _prepare_test, _check_test_result, again=False),
    Scene(
        "system control",
        DESK,
        _prepare_refusal,
        _check_count,
        _allow_overwritten_record,
        refused=CONTROL_CARD,
    ),
)
