"""Stages of a falling balance, against a model made from the rules and not from the code."""

from dataclasses import dataclass
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from parts import Parts

PARTS = Parts()
supply, records = PARTS.module("supply"), PARTS.module("state")


@dataclass
class Rules:
    """The resident's and the regulator's view: what has happened since when, instead of flags."""

    alarm1: int
    alarm2: int
    limit: int
    close_above: int
    balance: int = 0
    carded_at_alarm2: bool = False  # the card was in since the balance last was above alarm 2
    carded_at_zero: bool = False  # likewise since it last was above zero, while overdraft was left
    exhausted: bool = (
        False  # the overdraft was used up and no purchase has lifted the balance above close_above
    )

    def balance_is(self, balance: int) -> None:
        self.balance = balance
        self.carded_at_alarm2 &= balance <= self.alarm2
        self.carded_at_zero &= balance <= 0
        if balance <= 0 and balance + self.limit <= 0:
            self.exhausted = True
        elif balance > self.close_above:
            self.exhausted = False

    def card(self) -> None:
        self.carded_at_alarm2 |= self.balance <= self.alarm2
        self.carded_at_zero |= self.balance <= 0 and not self.exhausted

    @property
    def on(self) -> bool:
        if self.exhausted:
            return False
        if self.balance <= 0:
            return self.carded_at_zero
        return self.balance > self.alarm2 or self.carded_at_alarm2

    @property
    def lamp(self) -> bool:
        return self.balance <= self.alarm1 or self.balance <= 0


def find(state: SimpleNamespace) -> int:
    """Return the cause in undisturbed circumstances."""
    return supply.find_cause(state, supply.Circumstances())


AMOUNT = st.one_of(st.sampled_from((0, 1, 2, 500)), st.integers(0, 99_999_999))


@st.composite
def stories(draw: st.DrawFn) -> tuple[Rules, list[int | None]]:
    """Thresholds, and balances near them with the card put in (None) in between."""
    rules = Rules(draw(AMOUNT), draw(AMOUNT), draw(AMOUNT), draw(AMOUNT))
    marks = (rules.alarm1, rules.alarm2, -rules.limit, rules.close_above, 0)
    near = [mark + by for mark in marks for by in (-2, -1, 0, 1, 2)]
    return rules, draw(st.lists(st.one_of(st.sampled_from(near), st.none()), max_size=25))


def state_of(rules: Rules) -> SimpleNamespace:
    state = records.State()
    state.alarm1_fen, state.alarm2_fen = rules.alarm1, rules.alarm2
    state.overdraft_limit_fen, state.close_above_fen = rules.limit, rules.close_above
    state.set(records.INITIALISED)
    state.set(records.OPENED)
    return state


@settings(max_examples=500)
@given(stories())
def test_every_stage_is_as_the_rules_say(story: tuple[Rules, list[int | None]]) -> None:
    rules, steps = story
    state = state_of(rules)
    for step in [0, *steps]:
        if step is None:
            rules.card()
            supply.release(state)
        else:
            rules.balance_is(step)
            state.balance_fen = step
            supply.update(state)
        why = find(state)
        assert (why == supply.MAY_CLOSE) == rules.on
        assert supply.is_alarm_on(state) == rules.lamp
        if rules.exhausted:
            assert why == (supply._AT_LIMIT if rules.limit else supply._SPENT)
        elif not rules.on:
            assert why == (supply._AT_ZERO if rules.balance <= 0 else supply._AT_ALARM2)
        assert records.unpack(records.pack(state)).flags == state.flags


@given(stories())
def test_asking_again_and_updating_again_change_nothing(
    story: tuple[Rules, list[int | None]],
) -> None:
    rules, steps = story
    state = state_of(rules)
    supply.update(state)
    for step in steps:
        if step is None:
            supply.release(state)
            supply.release(state)
        else:
            state.balance_fen = step
            supply.update(state)
        before = records.pack(state)
        supply.update(state)
        find(state)
        supply.is_alarm_on(state)
        assert records.pack(state) == before


@given(st.integers(-10, 10), st.booleans())
def test_a_meter_that_is_not_initialised_stays_off(balance: int, card: bool) -> None:
    state = records.State()
    state.balance_fen, state.overdraft_limit_fen = balance, 100
    supply.update(state)
    if card:
        supply.release(state)
    assert find(state) == supply._NOT_INITIALISED
    assert not supply.is_alarm_on(state)


def test_nothing_is_used_up_before_the_limits_are_known() -> None:
    """A meter that has lost its memory gets its balance back first, its limits then."""
    state = records.State()
    supply.update(state)
    state.overdraft_limit_fen = 5000
    state.set(records.INITIALISED)
    state.set(records.OPENED)
    supply.update(state)
    assert find(state) == supply._AT_ZERO
    supply.release(state)
    assert find(state) == supply.MAY_CLOSE


@given(st.integers(-10, 10))
def test_but_for_test_credit_as_long_as_it_lasts(balance: int) -> None:
    state = records.State()
    state.set(records.TEST_CREDIT)
    state.balance_fen = balance
    supply.update(state)
    assert (find(state) == supply.MAY_CLOSE) == (balance > 0)


def test_what_is_used_up_is_called_by_its_name() -> None:
    for limit, words in ((0, "credit used up"), (1, "overdraft used up")):
        state = state_of(Rules(0, 0, limit, 0))
        state.balance_fen = -limit
        supply.update(state)
        assert supply.CAUSES[find(state)][0] == words


def test_the_way_down_and_back() -> None:
    state = state_of(Rules(alarm1=20, alarm2=10, limit=5, close_above=0))

    def at(balance: int, *, card: bool = False) -> str:
        state.balance_fen = balance
        supply.update(state)
        if card:
            supply.release(state)
        return supply.CAUSES[find(state)][0]

    assert at(11) == "on"
    assert at(10) == "alarm 2"
    assert at(10, card=True) == at(1) == "on"
    assert at(0) == "no credit left"
    assert at(0, card=True) == at(-4) == "on"
    assert at(-5) == at(-5, card=True) == at(0, card=True) == "overdraft used up"
    assert at(1) == "on"  # alarm 2 was released before, and a purchase follows
    assert at(11) == "on"
    assert at(10) == "alarm 2"


def test_a_purchase_too_small_does_not_unlock() -> None:
    state = state_of(Rules(alarm1=0, alarm2=0, limit=0, close_above=1000))
    for balance, why in (
        (0, supply._SPENT),
        (1000, supply._SPENT),
        (1001, supply.MAY_CLOSE),
        (999, supply.MAY_CLOSE),
    ):
        state.balance_fen = balance
        supply.update(state)
        supply.release(state)
        assert find(state) == why
