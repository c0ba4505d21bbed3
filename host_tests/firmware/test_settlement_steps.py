"""Each step between journal and ESAM: what is sent and committed, in which order, and what is said.

On a real ESAM without its wire. Bits that flip on the wire are in test_settlement.py, cuts at every
byte and command in test_mirror.py, starts in test_settlement_start.py.
"""

import pytest

from mirror_kit import drive
from settlement_rig import APPEND, CREDIT, DEBIT, KEEPS_NOT, NO_ANSWER, READ, SettlementRig


@pytest.fixture
def books() -> SettlementRig:
    return SettlementRig()


# ****** Settle ******


def test_a_settle_commits_its_intent_and_debits_what_was_used(books: SettlementRig) -> None:
    books.use(3_000)
    books.clear()
    seen = books.watch(DEBIT)
    drive(books.settlement.settle())
    assert books.channel.sent == [READ, DEBIT, READ] and books.commits == 1
    assert books.wallet == (9_997, 1) and books.state.intent == books.records.NOTHING
    intent = seen[0]
    assert (intent.intent, intent.intent_fen, intent.intent_count) == (
        books.records.SETTLE,
        9_997,
        1,
    )
    assert books.lines == [] and books.state.difference_fen == 0


def test_nothing_is_settled_where_nothing_was_used(books: SettlementRig) -> None:
    drive(books.settlement.settle())
    assert books.channel.sent == [READ] and books.commits == 0


def test_a_wallet_that_has_less_is_not_debited(books: SettlementRig) -> None:
    books.set_wallet(9_000, 1)
    drive(books.settlement.settle())
    assert books.channel.sent == [READ] and books.commits == 1
    assert (books.wallet, books.state.difference_fen) == ((9_000, 1), -1_000)
    block = books.make_block(500, 2)
    books.clear()
    drive(books.settlement.credit(block, 500, 2))
    assert books.channel.sent == [READ, CREDIT]
    assert (books.wallet, books.state.difference_fen) == ((9_500, 2), -1_000)


def test_a_debit_that_takes_too_much_is_kept_as_a_difference(books: SettlementRig) -> None:
    books.use(3_000)
    process = books.chip.process

    def take_more(apdu: bytes) -> tuple[bytes, int]:
        answer = process(apdu)
        if apdu[:4] == DEBIT:
            books.set_wallet(9_990, 1)
        return answer

    books.chip.process = take_more  # type: ignore
    drive(books.settlement.settle())
    assert (books.wallet, books.state.balance_fen) == ((9_990, 1), 9_997)
    assert books.state.difference_fen == -7


def test_a_debt_empties_the_wallet(books: SettlementRig) -> None:
    books.use(10_200_000)
    drive(books.settlement.settle())
    assert books.wallet == (0, 1) and books.state.balance_fen == -200
    assert books.state.difference_fen == 0


def test_a_debit_that_leaves_too_much_is_an_error_that_says_how_much(books: SettlementRig) -> None:
    books.use(3_000)
    process = books.chip.process
    books.chip.process = lambda apdu: (b"", 0x9000) if apdu[:4] == DEBIT else process(apdu)  # type: ignore
    with pytest.raises(books.error, match=r"^wallet of 10000 fen after a debit to 9997$"):
        drive(books.settlement.settle())


# ****** Keep in step ******


def test_errors_of_the_esam_are_counted_and_logged_until_it_answers(books: SettlementRig) -> None:
    settlement = books.settlement
    books.silence()
    for failures in (1, 2, 3):
        drive(settlement.keep_in_step(True))
        assert (settlement.failures, settlement.ready) == (failures, False)
    assert books.lines[0] == f"ESAM: {NO_ANSWER}" and len(books.lines) == 3
    books.answer()
    drive(settlement.keep_in_step(True))
    assert (settlement.failures, settlement.ready) == (0, True)


def test_a_memory_that_takes_no_settle_still_lets_the_mirror_be_written(
    books: SettlementRig,
) -> None:
    books.use(3_000)
    books.clear()
    books.protect()
    drive(books.settlement.keep_in_step(True))
    assert books.lines == ["journal: " + KEEPS_NOT] and books.settlement.failures == 0
    assert books.wallet == (10_000, 1) and books.channel.sent.count(DEBIT) == 0
    assert [header for header in books.channel.sent if header[1] == APPEND]


def test_a_memory_that_takes_no_comparison_is_logged(books: SettlementRig) -> None:
    books.state.intent = books.records.SETTLE
    books.settlement.compare_again()
    books.protect()
    drive(books.settlement.keep_in_step(True))
    assert books.lines == ["journal: " + KEEPS_NOT] and books.settlement.failures == 0


def test_without_settling_the_wallet_stays(books: SettlementRig) -> None:
    books.use(3_000)
    books.clear()
    drive(books.settlement.keep_in_step(False))
    assert books.wallet == (10_000, 1) and READ not in books.channel.sent


def test_an_esam_in_step_is_not_started_again(books: SettlementRig) -> None:
    assert books.settlement.ready
    drive(books.settlement.start())
    assert books.channel.sent == [] and books.commits == 0
    books.settlement.compare_again()
    assert not books.settlement.ready
    drive(books.settlement.start())
    assert books.settlement.ready and READ in books.channel.sent and books.commits == 0


def test_an_esam_that_stops_answering_has_to_agree_again(books: SettlementRig) -> None:
    books.silence()
    with pytest.raises(books.error):
        drive(books.settlement.settle())
    assert not books.settlement.ready
    books.settlement.compare_again()
    with pytest.raises(books.error):
        drive(books.settlement.start())
    assert not books.settlement.ready


# ****** Credit ******


def credit(books: SettlementRig, amount_fen: int = 500, count: int = 2) -> None:
    drive(books.settlement.credit(books.make_block(amount_fen, count), amount_fen, count))


def test_a_credit_settles_first_and_leaves_the_commit_to_the_session(books: SettlementRig) -> None:
    books.use(3_000)
    block = books.make_block(500, 2)
    books.clear()
    seen = books.watch(CREDIT)
    drive(books.settlement.credit(block, 500, 2))
    assert books.channel.sent == [READ, DEBIT, READ, CREDIT] and books.commits == 1
    state, intent = books.state, seen[0]
    assert (intent.intent, intent.intent_fen, intent.intent_count, intent.balance_fen) == (
        books.records.CREDIT, 500, 2, 9_997
    )  # fmt: skip
    assert (state.balance_fen, state.bought_fen, state.count, state.intent) == (
        10_497, 10_500, 2, 0
    )  # fmt: skip
    assert books.wallet == (10_497, 2) and books.noted == [(500, 2, 10_497, False)]


def test_a_credit_where_nothing_was_used_debits_nothing(books: SettlementRig) -> None:
    block = books.make_block(500, 2)
    books.clear()
    drive(books.settlement.credit(block, 500, 2))
    assert books.channel.sent == [READ, CREDIT]


def test_a_credit_that_pays_a_debt_releases_the_supply(books: SettlementRig) -> None:
    books.use(11_500_000)
    books.state.tripped = books.records.STEPPED | books.records.STEP_LOCK
    books.settle()
    assert books.state.has(books.records.LOCKED)
    credit(books, 2_000)
    assert not books.state.has(books.records.LOCKED) and books.state.balance_fen == 500
    assert books.state.tripped == 0


def test_a_memory_that_takes_no_intent_stops_the_credit(books: SettlementRig) -> None:
    block = books.make_block(500, 2)
    books.clear()
    books.protect()
    with pytest.raises(books.journal_error):
        drive(books.settlement.credit(block, 500, 2))
    assert books.channel.sent == [] and books.state.intent == books.records.NOTHING
    assert books.state.balance_fen == 10_000


@pytest.mark.parametrize("header", [READ, DEBIT])
def test_an_esam_silent_before_the_credit_leaves_no_intent(
    books: SettlementRig, header: bytes
) -> None:
    books.use(3_000)
    block = books.make_block(500, 2)
    books.silence(header)
    with pytest.raises(books.error):
        drive(books.settlement.credit(block, 500, 2))
    assert books.state.intent == books.records.NOTHING and books.wallet == (10_000, 1)
    assert CREDIT not in books.channel.sent[-1:] and books.state.balance_fen == 9_997


def test_an_esam_that_refuses_the_credit_leaves_no_intent(books: SettlementRig) -> None:
    block = books.make_block(500, 2)
    books.clear()
    books.channel.refuse = lambda header: 0x6988 if header == CREDIT else 0
    with pytest.raises(books.error, match="6988"):
        drive(books.settlement.credit(block, 500, 2))
    assert books.commits == 2 and books.committed().intent == books.state.intent == 0
    assert (books.state.balance_fen, books.noted) == (10_000, [])
    assert books.channel.sent == [READ, CREDIT, READ]


def test_a_credit_whose_answer_is_a_refusal_but_that_was_done_counts(books: SettlementRig) -> None:
    block = books.make_block(500, 2)
    process = books.chip.process

    def lie(apdu: bytes) -> tuple[bytes, int]:
        answer = process(apdu)
        return (b"", 0x6F00) if apdu[:4] == CREDIT else answer

    books.chip.process = lie  # type: ignore
    drive(books.settlement.credit(block, 500, 2))
    assert books.wallet == (10_500, 2)
    assert (books.state.balance_fen, books.state.count, books.state.intent) == (10_500, 2, 0)
    assert books.noted == [(500, 2, 10_500, False)]


def test_a_credit_without_an_answer_leaves_its_intent_for_the_start(books: SettlementRig) -> None:
    block = books.make_block(500, 2)
    books.clear()
    books.silence(CREDIT)
    with pytest.raises(books.error, match=NO_ANSWER):
        drive(books.settlement.credit(block, 500, 2))
    assert books.state.intent == books.committed().intent == books.records.CREDIT
    assert books.channel.sent == [READ, CREDIT] and books.state.balance_fen == 10_000


def test_a_mirror_that_refuses_stops_the_debit_and_not_the_credit(books: SettlementRig) -> None:
    books.use(10_300_000)  # a debt of 3.00 yuan is in the mirror
    books.settle()
    books.channel.refuse = lambda header: 0x6581 if header[1] == APPEND else 0
    credit(books, 1_000)
    books.store.commit()
    assert (books.wallet, books.state.balance_fen) == ((1_000, 2), 700)
    credit(books, 500, 3)
    assert (books.wallet, books.state.balance_fen) == ((1_500, 3), 1_200)
    books.store.commit()
    books.silence(b"\x00\xe2\x00\x5c")
    block = books.make_block(100, 4)
    with pytest.raises(books.error, match=NO_ANSWER):
        drive(books.settlement.credit(block, 100, 4))
    assert books.wallet == (1_500, 3) and books.state.intent == 0


# ****** Test credit ******


@pytest.mark.parametrize(("price_e4", "charged_e4"), [(0, 6_000), (5_000, 5_000)])
def test_test_credit_is_the_wallet_and_closes_the_relay(price_e4: int, charged_e4: int) -> None:
    books, records = SettlementRig(), SettlementRig().records
    state = books.state
    state.price_e4, state.balance_fen, state.difference_fen = price_e4, -50, -7
    state.flags = records.LOCKED
    state.close_above_fen = 1_000
    books.settlement._esam.init_count = _accept
    books.clear()
    drive(books.settlement.grant(100, 6_000, b"sealed"))
    assert (state.price_e4, state.balance_fen, state.difference_fen) == (charged_e4, 100, 0)
    assert state.bought_fen == 10_150 and books.commits == 1
    assert state.has(records.TEST_CREDIT) and not state.has(records.LOCKED)
    assert state.has(records.RELEASED_ALARM2)
    assert books.committed().balance_fen == 100


async def _accept(block: bytes) -> None:
    """Take the count's block as the ESAM of an init card does."""
    assert block == b"sealed"


# ****** The mirror between two settlings ******


def test_the_mirror_is_behind_after_another_count_and_tried_once(books: SettlementRig) -> None:
    settlement = books.settlement
    assert not settlement.behind
    books.state.card_serial += 1
    assert settlement.behind
    books.channel.refuse = lambda header: 0x6581 if header[1] == APPEND else 0
    drive(settlement.catch_up())
    assert books.lines[-1] == "ESAM: status 6581 to 00E2" and not settlement.behind
    books.state.card_serial -= 2
    assert settlement.behind  # another one, if lower
    books.state.card_serial += 2
    books.answer()
    drive(settlement.keep_in_step(True))  # the next settling tries again
    books.state.card_serial += 1
    assert settlement.behind
    drive(settlement.catch_up())
    assert not settlement.behind and settlement.failures == 0


@pytest.mark.parametrize("why", ["not ready", "locked", "unread", "not set up"])
def test_the_mirror_is_not_written_now(books: SettlementRig, why: str) -> None:
    settlement, state = books.settlement, books.state
    state.card_serial += 1
    assert settlement.behind
    if why == "not ready":
        settlement.compare_again()
    elif why == "locked":
        drive(settlement.lock.acquire())
    elif why == "unread":
        books.store._provisional = state
    else:
        state.set(books.records.INITIALISED, False)
    assert settlement.behind is False


def test_a_mirror_is_caught_up_on_a_ready_esam_alone(books: SettlementRig) -> None:
    books.state.card_serial += 1
    books.settlement.compare_again()
    books.clear()
    drive(books.settlement.catch_up())
    assert books.channel.sent == []


def test_a_provisional_state_is_not_mirrored(books: SettlementRig) -> None:
    books.state.card_serial += 1
    books.store._provisional = books.state
    books.clear()
    drive(books.settlement.keep_in_step(False))
    assert books.channel.sent == []


def test_a_start_forgets_what_was_tried(books: SettlementRig) -> None:
    books.state.card_serial += 1
    books.channel.refuse = lambda header: 0x6581 if header[1] == APPEND else 0
    drive(books.settlement.catch_up())
    assert not books.settlement.behind
    books.settlement.compare_again()
    drive(books.settlement.start())
    assert books.settlement.behind
