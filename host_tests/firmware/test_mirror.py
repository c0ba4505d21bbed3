"""A meter that loses its memory takes energy, balance and debt back from the ESAM, and no fen more.

A random life, cut at any byte and command, then a blank memory: what comes back is held against
what the memory had.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cards_kit
from cards_kit import make_former
from dianka.cardos.files import card_files
from mirror_kit import Books, PowerLost
from sweeps import points, sweep

LASTING = (
    "energy_pj", "remainder", "balance_fen", "bought_fen", "count", "meter_no", "customer_no",
    "card_serial", "flags", "illegal_cards", "step_pj", "step_since_s", "earliest_s",
    "silence_limit_s", "tripped", "overload_trips", "step_trips", "step_day",
)  # fmt: skip


@pytest.fixture
def books() -> Books:
    return Books()


def pick(state: Any) -> dict[str, int]:
    return {name: getattr(state, name) for name in LASTING}


def lose(books: Books) -> None:
    books.lose_memory()
    books.start()


# ****** A life ******

# Near the stages of the supply: alarm 2 at 5.00, zero, overdraft up to 10.00.
USES = st.integers(0, 700_000)
STEPS = st.one_of(
    st.tuples(st.just("use"), USES),
    st.tuples(st.just("settle"), st.just(0)),
    st.tuples(st.just("buy"), st.integers(1, 1_500)),
    st.tuples(st.just("look"), st.just(0)),
    st.tuples(st.just("restart"), st.just(0)),
    st.tuples(st.just("lose"), st.just(0)),
)
# Where in a step the power fails: at any event, or at one of the ESAM's, in thousandths of them.
CUTS = st.one_of(
    st.none(),
    st.tuples(st.booleans(), st.integers(0, 999)),
    st.tuples(st.just(True), st.integers(0, 999)),
)
Cut = tuple[bool, int] | None


class Life:
    """Books, and what was used since the last settling that was whole."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.since_fen = self.since_pj = 0

    def step(self, name: str, value: int, cut: Cut = None) -> None:
        act = self.find_act(name, value)
        self.act(act, pick_event(self.books, act, cut))

    def find_act(self, name: str, value: int) -> Callable[[], object]:
        acts = {
            "use": lambda: self.books.use(value),
            "settle": self.books.settle,
            "buy": lambda: self.books.buy(value),
            "look": self.books.look,
            "restart": self.books.start_cut_short,
        }
        return acts[name]

    def act(self, act: Callable[[], object], event: int | None) -> None:
        """Do it, with a cut at this event of it."""
        books = self.books
        before_fen, before_pj = books.state.balance_fen, books.state.energy_pj
        books.power.left = event
        try:
            done = act()
        except PowerLost:
            books.start()
            done = False
        books.power.left = None
        if done:  # settled
            self.since_fen = self.since_pj = 0
        used_pj = books.state.energy_pj - before_pj
        if used_pj:
            self.since_fen += before_fen - books.state.balance_fen
            self.since_pj += used_pj

    def lose(self, cut: Cut = None) -> None:
        """Compare what a start would have found with what it finds in a blank memory."""
        books = self.books
        books.start()
        right, wallet = pick(books.state), books.wallet
        books.lose_memory()
        event = pick_event(books, books.start_cut_short, cut, losing=True)
        self.start_cut_at(event)
        found = pick(books.state)
        assert books.wallet == wallet
        assert found["count"] == right["count"]
        assert 0 <= found["balance_fen"] - right["balance_fen"] <= self.since_fen
        assert 0 <= right["energy_pj"] - found["energy_pj"] <= self.since_pj
        assert found["bought_fen"] <= right["bought_fen"]
        assert books.state.wallet_fen <= books.wallet[0]
        if not self.since_pj:
            same = ("balance_fen", "energy_pj", "bought_fen", "remainder")
            assert [found[name] for name in same] == [right[name] for name in same]
        self.since_fen = self.since_pj = 0

    def start_cut_at(self, event: int | None) -> None:
        self.books.power.left = event
        try:
            self.books.start_cut_short()
        except PowerLost:
            self.books.start()
        self.books.power.left = None


def pick_event(
    books: Books, act: Callable[[], object], cut: Cut, losing: bool = False
) -> int | None:
    if not cut:
        return None
    count, commands = books.count_events(act, losing)
    of_esam, part = cut
    if of_esam and commands:
        return commands[part * len(commands) // 1000]
    return 1 + part * count // 1000 if count else None


@pytest.mark.slow
@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(st.lists(st.tuples(STEPS, CUTS), min_size=4, max_size=24))
def test_a_blank_memory_after_any_life_costs_what_was_used_since_the_last_settling(
    steps: list[tuple[tuple[str, int], Cut]],
) -> None:
    life = Life(Books())
    for (name, value), cut in steps:
        if name == "lose":
            life.lose(cut)
        else:
            life.step(name, value, cut)
    life.lose()


# ****** Each cut of one life, and what an ESAM may be ******

# Into debt, out of it by a purchase, into debt again: a debt must be taken once.
SCRIPT = (
    ("use", 150_000), ("settle", 0), ("look", 0), ("buy", 1_000), ("settle", 0), ("use", 900_500),
    ("settle", 0), ("buy", 500), ("buy", 700), ("settle", 0), ("use", 100_250), ("restart", 0),
    ("buy", 50), ("look", 0), ("settle", 0),
)  # fmt: skip


def run_script(life: Life, steps: int) -> None:
    for name, value in SCRIPT[:steps]:
        life.step(name, value)


@sweep(7)
def test_a_cut_at_any_event_of_a_life(every: int) -> None:
    """At each of the ESAM's commands, and at one in `every` bytes of the memory's."""
    cuts = 0
    for at, (name, value) in enumerate(SCRIPT):
        life = Life(Books())
        run_script(life, at)
        books, since = life.books, (life.since_fen, life.since_pj)
        kept = books.keep()
        act = life.find_act(name, value)
        count, commands = books.count_events(act)
        for event in sorted({*commands, *points(count, every)} if count else ()):
            books.put_back(kept)
            life.since_fen, life.since_pj = since
            life.act(act, event)
            life.lose()
            cuts += 1
    assert cuts > 600


@sweep(3)
def test_a_cut_at_any_event_while_it_is_taken_back(every: int) -> None:
    life = Life(Books())
    run_script(life, len(SCRIPT))
    books = life.books
    right = pick(books.state)
    books.lose_memory()
    kept = books.keep()
    count, commands = books.count_events(books.start_cut_short, lost=True)
    for event in sorted({*commands, *points(count, every)}):
        books.chip.state, books.memory.content[:] = kept[0].copy(), kept[1]
        life.start_cut_at(event)
        assert pick(books.state) == right, event
    assert count > 350 and len(commands) > 20


def test_it_is_said_in_one_line_and_logged_once(books: Books) -> None:
    life = Life(books)
    run_script(life, len(SCRIPT))
    right = pick(books.state)
    books.lines.clear()
    lose(books)
    wh, fen = right["energy_pj"] // (3_600 * 10**12), right["balance_fen"]
    assert [line for line in books.lines if "taken back" in line] == [
        f"memory lost: {wh} Wh and a balance of {fen} fen taken back from the ESAM"
    ]
    assert books.restored == [(right["balance_fen"], right["energy_pj"])]
    books.start()
    assert len(books.restored) == 1 and pick(books.state) == right


def test_energy_counted_before_the_esam_answers_is_added(books: Books) -> None:
    books.use(50_000)
    books.settle()
    right = pick(books.state)
    books.lose_memory()
    books.channel.refuse = lambda header: 0x6F00
    books.start()
    books.use(2_000)
    assert not books.state.has(books.records.INITIALISED)
    more_pj = books.state.energy_pj
    books.channel.refuse = lambda header: 0
    books.start()
    assert pick(books.state) == right | {"energy_pj": right["energy_pj"] + more_pj}


def in_debt(books: Books, debt_fen: int = 300) -> None:
    books.use(debt_fen * 1000)
    books.settle()
    assert books.state.balance_fen == -debt_fen


def test_an_esam_without_the_file_goes_on_and_says_nothing(books: Books) -> None:
    in_debt(books)
    books.put_esam(make_former(books.chip, card_files.ESAM_MIRROR))
    books.lines.clear()
    books.channel.sent.clear()
    books.start()
    books.buy(1_000)
    for _ in range(3):
        books.use(10_000)
        assert books.settle() and not books.settlement.behind
    assert books.lines == [] and books.wallet == (670, 1)
    assert b"\x00\xe2\x00\x5c" not in books.channel.sent
    lose(books)
    assert (books.state.balance_fen, books.state.count, books.restored) == (670, 1, [])


def test_the_memorys_own_state_always_wins(books: Books) -> None:
    in_debt(books)
    former = books.chip.state.copy()
    books.use(1_234_567)
    books.buy(5_000)
    right = pick(books.state)
    books.chip.state.files[card_files.ESAM_MIRROR] = former.files[card_files.ESAM_MIRROR]
    for half in (0, 1):
        books.memory.content[half * 16384 : (half + 1) * 16384] = bytes(16384)
        books.start()
        assert pick(books.state) == right and not books.restored
        assert books.settle()  # which writes both halves again
        for _ in range(8):
            books.store.commit()


@pytest.mark.parametrize("debt_fen", [0, 300])
def test_another_meters_esam_gets_no_mirror_and_pays_no_debt(books: Books, debt_fen: int) -> None:
    """Its wallet counts as it always did, but what this meter owes stays owed."""
    if debt_fen:
        in_debt(books, debt_fen)
    other = Books()
    other.buy(2_000)
    other.settle()
    other.set_params(meter_no=99)
    mirror = other.chip.state.files[card_files.ESAM_MIRROR]
    books.put_esam(other.chip)
    books.start()
    assert (books.state.balance_fen, books.state.count) == (2_000 - debt_fen, 1)
    assert books.settle() and not books.settlement.behind
    books.use(5_000)
    assert books.settle()
    books.start()
    assert books.state.balance_fen == 2_000 - debt_fen - 5
    assert books.chip.state.files[card_files.ESAM_MIRROR] == mirror and not books.restored


def test_a_blank_esam_pays_no_debt(books: Books) -> None:
    in_debt(books)
    energy_pj = books.state.energy_pj
    books.put_esam(cards_kit.factory_esam())
    books.start()
    assert (books.state.balance_fen, books.state.energy_pj) == (-300, energy_pj)
    assert books.settle() and not any(books.chip.state.files[card_files.ESAM_MIRROR])


def test_a_mirror_that_was_copied_from_another_esam_is_none(books: Books) -> None:
    in_debt(books)
    mirror = books.chip.state.files[card_files.ESAM_MIRROR]
    other = Books()
    other.chip.state.serial = bytes(8)
    other.chip.state.files[card_files.ESAM_MIRROR] = mirror
    lose(other)
    assert (other.state.balance_fen, other.state.energy_pj, other.restored) == (0, 0, [])


def test_a_mirror_of_another_number_is_left_out(books: Books) -> None:
    in_debt(books)
    books.set_params(meter_no=99)
    lose(books)
    assert (books.state.meter_no, books.state.balance_fen, books.state.energy_pj) == (99, 0, 0)
    assert any("another meter's" in line for line in books.lines)


def test_a_former_customers_debt_is_not_the_next_ones(books: Books) -> None:
    in_debt(books)
    energy_pj = books.state.energy_pj
    books.set_params(customer_no=cards_kit.CUSTOMER_NO + 1)
    lose(books)
    assert (books.state.balance_fen, books.state.card_serial) == (0, 0)
    assert books.state.energy_pj == energy_pj


def test_no_money_comes_from_a_mirror(books: Books) -> None:
    """Whoever opens the meter can write one; the wallet is the most that it brings."""
    books.buy(1_000)
    books.state.balance_fen = 900_000
    books.settlement._mirror._block = b""
    books.settle()
    lose(books)
    assert books.state.balance_fen == 1_000


def test_a_record_that_was_garbled_on_its_way_is_noticed_and_passed_over(books: Books) -> None:
    in_debt(books)
    right = pick(books.state)
    books.use(10_000)
    process = books.chip.process

    def garble(apdu: bytes) -> tuple[bytes, int]:
        return process(apdu[:40] + bytes((apdu[40] ^ 3,)) + apdu[41:] if apdu[1] == 0xE2 else apdu)

    books.chip.process = garble  # type: ignore[method-assign]
    assert not books.settle() and "not kept" in books.lines[-1]
    books.chip.process = process  # type: ignore[method-assign]
    lose(books)
    assert pick(books.state) == right
    books.use(10_000)
    assert books.settle()


def test_eight_garbled_records_leave_none(books: Books) -> None:
    in_debt(books)
    books.write_file(card_files.ESAM_MIRROR, b"\x01" * 896)
    lose(books)
    assert books.state.balance_fen == 0 and books.state.meter_no == cards_kit.METER_NO


def test_a_mirror_that_takes_nothing_stops_no_purchase_and_forgets_no_debt(books: Books) -> None:
    """The wallet is not debited meanwhile, or the debt in the mirror would be taken twice."""
    in_debt(books)
    books.channel.refuse = lambda header: 0x6581 if header[1] == 0xE2 else 0
    books.buy(1_000)
    assert (books.state.balance_fen, books.wallet) == (700, (1_000, 1))
    assert not books.settle() and books.wallet == (1_000, 1)
    books.buy(500)
    assert (books.state.balance_fen, books.wallet) == (1_200, (1_500, 2))
    lose(books)
    assert books.state.balance_fen == 1_200
    books.channel.refuse = lambda header: 0
    assert books.settle() and books.wallet == (1_200, 2)
    lose(books)
    assert books.state.balance_fen == 1_200


def test_a_mirror_that_can_t_be_read_is_waited_for(books: Books) -> None:
    """A meter with a state of its own goes on; one that lost it does not go on without the debt."""
    in_debt(books)
    books.channel.refuse = lambda header: 0x6581 if header[3] == 0x5C else 0
    books.start()
    assert books.settlement.ready and any("no mirror" in line for line in books.lines)
    lose(books)
    assert not books.settlement.ready and not books.state.has(books.records.INITIALISED)
    books.channel.refuse = lambda header: 0
    books.start()
    assert books.state.balance_fen == -300


def test_it_is_written_for_what_has_changed_alone(books: Books) -> None:
    books.use(1_000)
    books.settle()
    sent = books.channel.sent
    sent.clear()
    for _ in range(3):
        assert books.settle()
        books.look()
    assert not [header for header in sent if header[1] == 0xE2]
    books.buy(700)
    books.look()
    books.look()
    assert len([header for header in sent if header[1] == 0xE2]) == 1
