"""What a start makes of journal and ESAM that differ, and of a memory that is lost.

On a real ESAM without its wire; cuts at every byte and command are in test_mirror.py.
"""

import pytest

import cards_kit
from dianka.cardos.files import card_files
from dianka.cardos.state import make_key_info
from mirror_kit import drive
from settlement_rig import SettlementRig

WH_PJ = 3_600 * 10**12


@pytest.fixture
def books() -> SettlementRig:
    return SettlementRig()


# ****** What a start finds ******


def begin_with(
    books: SettlementRig, money_fen: int = 10_000, count: int = 1, **changes: int
) -> None:
    """Start with this wallet in the ESAM and these fields in the journal."""
    for name, value in changes.items():
        setattr(books.state, name, value)
    books.store.commit()
    books.set_wallet(money_fen, count)
    books.clear()
    books.start()


def test_a_start_in_agreement_commits_nothing(books: SettlementRig) -> None:
    begin_with(books)
    assert (books.commits, books.lines, books.noted, books.restored) == (0, [], [], [])
    assert (books.state.balance_fen, books.state.count) == (10_000, 1)


def test_a_credit_that_the_cut_has_left_is_completed_once(books: SettlementRig) -> None:
    intent = {"intent": books.records.CREDIT, "intent_fen": 500, "intent_count": 2}
    begin_with(books, 10_500, 2, **intent)
    state = books.state
    assert (state.balance_fen, state.bought_fen, state.count, state.intent) == (
        10_500, 10_500, 2, 0
    )  # fmt: skip
    assert books.lines == ["credit of 500 fen completed after a cut"] and books.commits == 1
    assert books.noted == [(500, 2, 10_500, True)]
    books.start()
    assert books.state.balance_fen == 10_500 and books.commits == 1


@pytest.mark.parametrize("intent_count", [1, 2])
def test_a_credit_that_did_not_happen_is_dropped(books: SettlementRig, intent_count: int) -> None:
    intent = {"intent": books.records.CREDIT, "intent_fen": 500, "intent_count": intent_count}
    begin_with(books, **intent)
    assert (books.state.balance_fen, books.state.count, books.state.intent) == (10_000, 1, 0)
    assert (books.commits, books.lines, books.noted) == (1, [], [])
    assert books.committed().intent == 0


@pytest.mark.parametrize("count", [0, 3])
def test_a_count_that_is_not_the_intents_takes_the_esams_word(
    books: SettlementRig, count: int
) -> None:
    """The intent was 2: neither an old wallet nor a later one is its credit."""
    intent = {"intent": books.records.CREDIT, "intent_fen": 500, "intent_count": 2}
    begin_with(books, 7_000, count, **intent)
    assert (books.state.balance_fen, books.state.bought_fen, books.state.count) == (
        7_000, 7_000, count
    )  # fmt: skip
    assert books.lines == [f"balance 7000 fen, count {count} restored from the ESAM"]
    assert (books.commits, books.noted, books.state.intent) == (1, [], 0)


@pytest.mark.parametrize("intent", ["NOTHING", "SETTLE"])
def test_only_the_intent_of_a_credit_is_completed(books: SettlementRig, intent: str) -> None:
    """The numbers of a former intent may still be there."""
    former = {"intent_fen": 500, "intent_count": 2}
    begin_with(books, 9_000, 2, intent=getattr(books.records, intent), **former)
    assert (books.state.balance_fen, books.state.count, books.noted) == (9_000, 2, [])


def test_a_settle_that_was_under_way_is_forgotten(books: SettlementRig) -> None:
    begin_with(books, intent=books.records.SETTLE, intent_fen=9_000)
    assert (books.state.intent, books.commits, books.state.balance_fen) == (0, 1, 10_000)
    assert (books.lines, books.noted) == ([], [])


@pytest.mark.parametrize("lacks_fen", [0, 1, 700])
def test_a_wallet_that_has_less_is_no_reason_to_believe_it(
    books: SettlementRig, lacks_fen: int
) -> None:
    begin_with(books, 10_000 - lacks_fen)
    assert (books.state.balance_fen, books.state.difference_fen) == (10_000, -lacks_fen)
    said = f"ESAM's wallet lacks {lacks_fen} fen; the journal's balance stands"
    assert books.lines == [said][: min(1, lacks_fen)] and books.commits == (1 if lacks_fen else 0)


def test_a_difference_is_told_when_it_grows_and_when_it_has_gone(books: SettlementRig) -> None:
    expected = [
        # wallet, difference, line
        (9_900, -100, "ESAM's wallet lacks 100 fen; the journal's balance stands"),
        (9_900, -100, None),
        (9_950, -50, None),
        (9_949, -51, "ESAM's wallet lacks 51 fen; the journal's balance stands"),
        (10_000, 0, "ESAM's wallet and journal agree again"),
        (10_001, 0, None),
    ]
    for wallet_fen, difference_fen, line in expected:
        books.set_wallet(wallet_fen, 1)
        books.clear()
        assert books.settlement._keep_difference(wallet_fen) is (line is not None)
        assert books.lines == ([line] if line else [])
        assert books.state.difference_fen == difference_fen


@pytest.mark.parametrize(
    ("meter_no", "balance_fen"),
    [(cards_kit.METER_NO, 10_000), (99, 9_000), (cards_kit.METER_NO + 1, 9_000)],
)
def test_a_wallet_of_another_meter_is_believed(
    books: SettlementRig, meter_no: int, balance_fen: int
) -> None:
    begin_with(books, 9_000, meter_no=meter_no)
    assert books.state.balance_fen == balance_fen
    assert books.state.bought_fen == balance_fen


@pytest.mark.parametrize(("initialised", "meter_no", "debt_fen"), [
    (True, cards_kit.METER_NO, 0), (True, 99, 300), (False, 99, 0),
])  # fmt: skip
def test_another_meters_esam_pays_no_debt(
    books: SettlementRig, initialised: bool, meter_no: int, debt_fen: int
) -> None:
    books.write_file(card_files.ESAM_KEY_INFO, make_key_info(card_files.KEYS_PUBLIC))
    flags = books.state.flags if initialised else 0
    begin_with(books, 2_000, 7, balance_fen=-300, bought_fen=100, meter_no=meter_no, flags=flags)
    assert books.state.balance_fen == 2_000 - debt_fen
    assert books.state.bought_fen == 100 + 2_300 - debt_fen and books.state.count == 7


def test_what_was_bought_is_never_below_zero(books: SettlementRig) -> None:
    begin_with(books, 100, 7, bought_fen=5_000)
    assert (books.state.balance_fen, books.state.bought_fen) == (100, 0)


def test_a_meter_that_is_not_set_up_follows_a_smaller_wallet(books: SettlementRig) -> None:
    books.write_file(card_files.ESAM_KEY_INFO, make_key_info(card_files.KEYS_PUBLIC))
    begin_with(books, 9_000, flags=0)
    assert books.state.balance_fen == 9_000
    begin_with(books, 9_500)
    assert books.state.balance_fen == 9_000  # a larger one has not been settled yet
    begin_with(books, 9_000)
    assert books.lines == []


def test_a_new_start_has_agreed_with_nothing(books: SettlementRig) -> None:
    assert books.esam.alive
    settlement = books.make_settlement()
    assert (settlement.ready, settlement.failures) == (False, 0)


# ****** A memory that is lost ******


def test_a_lost_memory_comes_back_from_the_esam(books: SettlementRig) -> None:
    books.use(3_250)
    books.state.illegal_cards = 4
    books.state.energy_pj = 10**6 * WH_PJ - 1  # a float could not tell it from a whole Wh
    books.settle()
    right = dict(vars(books.state))
    books.lose_memory()
    books.clear()
    books.start()
    state, settlement = books.state, books.settlement
    for name in ("balance_fen", "bought_fen", "energy_pj", "remainder", "count", "meter_no",
                 "customer_no", "flags", "illegal_cards"):  # fmt: skip
        assert getattr(state, name) == right[name], name
    assert (settlement.taken_pj, settlement.taken_cards) == (right["energy_pj"], 4)
    assert books.lines[-2:] == [
        "balance 9997 fen, count 1 restored from the ESAM",
        "memory lost: 999999 Wh and a balance of 9997 fen taken back from the ESAM",
    ]
    assert books.restored == [(9_997, right["energy_pj"])]
    settlement.tell()
    assert len(books.restored) == 1  # once
    settlement.compare_again()
    assert (settlement.taken_pj, settlement.taken_cards) == (0, 0)
    books.start()
    assert len(books.restored) == 1 and (books.settlement.taken_pj, books.state.count) == (0, 1)


def test_only_what_the_mirror_has_brought_is_taken(books: SettlementRig) -> None:
    """Energy and cards that were counted before the ESAM answered are not."""
    books.use(5_000)
    books.state.illegal_cards = 5
    books.settle()
    brought_pj = books.state.energy_pj
    books.lose_memory()
    books.silence()
    books.start()
    books.use(2_000)
    books.state.illegal_cards = 3
    counted_pj = books.state.energy_pj
    books.answer()
    drive(books.settlement.keep_in_step(False))
    assert books.settlement.taken_pj == brought_pj and books.settlement.taken_cards == 5
    assert (books.state.energy_pj, books.state.illegal_cards) == (brought_pj + counted_pj, 8)


def test_a_mirror_of_another_meter_is_left_out(books: SettlementRig) -> None:
    books.use(5_000)
    books.settle()
    books.set_params(meter_no=99)
    books.lose_memory()
    books.clear()
    books.start()
    assert books.lines[-1] == "the ESAM's mirror is another meter's and was left out"
    assert (books.settlement.taken_pj, books.restored, books.state.energy_pj) == (0, [], 0)


def test_a_state_that_was_taken_back_is_told_once_it_is_in_the_memory(books: SettlementRig) -> None:
    books.use(5_000)
    books.settle()
    right = books.state.balance_fen, books.state.energy_pj
    memory = books.memory
    read = memory.read

    def silent(address: int, count: int) -> bytes:
        raise OSError(5)

    memory.read = silent  # type: ignore
    books.clear()
    books.start()  # the memory does not answer: the state is provisional
    assert books.store.unread and books.restored == [] and books.settlement._untold
    memory.read = read  # type: ignore
    memory.content[:] = bytes(len(memory.content))  # a new one
    assert books.store.take((books.store.scan(0), books.store.scan(1)))
    books.settlement.tell()
    books.settlement.tell()
    assert books.restored == [right]


def test_parameters_that_can_t_be_read_are_an_error(books: SettlementRig) -> None:
    books.write_file(card_files.ESAM_TARIFF_1, bytes(203))
    books.lose_memory()
    books.clear()
    books.start()
    assert books.lines[-1] == "ESAM: parameters unreadable: file does not begin with 68H"
    assert not books.settlement.ready


@pytest.mark.parametrize("lost", [False, True])
def test_public_keys_are_of_a_meter_that_was_never_set_up(lost: bool) -> None:
    books = SettlementRig()
    if not lost:
        books.write_file(card_files.ESAM_KEY_INFO, make_key_info(card_files.KEYS_PUBLIC))
    books.lose_memory()
    books.start()
    assert books.state.has(books.records.INITIALISED) is lost
    assert (books.state.balance_fen, books.state.count) == (10_000, 1)


# ****** An account that is closed ******


def close(books: SettlementRig, count: int) -> None:
    """Put the statement of a closing order into the ESAM, as its REFUND has left it."""
    fields = {
        "meter_no": cards_kit.METER_NO,
        "customer_no": cards_kit.CUSTOMER_NO,
        "count": count,
    }
    packed = card_files.pack(card_files.STATEMENT, fields)
    framed = card_files.frame(card_files.CMD_STATEMENT, packed)
    padding = bytes(card_files.WRITE_BACK_SIZE - len(framed))
    books.write_file(card_files.ESAM_RUN_INFO, framed + padding)


def test_a_lost_memory_of_a_closed_account_owes_nothing(books: SettlementRig) -> None:
    books.use(10_300_000)
    books.settle()
    assert (books.state.balance_fen, books.state.bought_fen) == (-300, 10_000)
    close(books, 1)
    books.lose_memory()
    books.start()
    state = books.state
    assert (state.balance_fen, state.bought_fen, state.count) == (0, 10_300, 1)
    assert state.has(books.records.CLOSED) and state.has(books.records.INITIALISED)


def test_a_debt_stays_on_another_meters_esam_that_is_closed(books: SettlementRig) -> None:
    close(books, 7)
    begin_with(books, 0, 7, balance_fen=-300, meter_no=99)
    assert books.state.has(books.records.CLOSED) and books.state.balance_fen == -300


def test_a_statement_beside_a_journal_in_agreement_closes_nothing(books: SettlementRig) -> None:
    close(books, 1)
    begin_with(books, 0, 1, balance_fen=0)
    assert not books.state.has(books.records.CLOSED) and books.commits == 0


@pytest.mark.parametrize("done", [False, True])
def test_a_closing_order_is_finished_or_dropped(books: SettlementRig, done: bool) -> None:
    """By the ESAM's count: one that was not taken leaves no statement."""
    close(books, 2)
    intent = {"intent": books.records.CLOSE, "intent_count": 2}
    begin_with(books, 0, 2 if done else 1, balance_fen=0, **intent)
    state = books.state
    assert state.has(books.records.CLOSED) is done and state.count == (2 if done else 1)
    assert any(books.chip.state.files[card_files.ESAM_RUN_INFO]) is done
    assert (state.intent, books.commits) == (books.records.NOTHING, 1)
