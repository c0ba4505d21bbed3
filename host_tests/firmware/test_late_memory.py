"""The state of a memory that answers late: what is added to it, and when it may be exchanged.

Memory, store, account and supply are the firmware's own; of the other parts stands here what the
recovery asks of them. Whole meters are in host_tests/meter/test_state_recovery.py.
"""

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from dianka.bench.models.fram import ADDRESS, Mb85rc256v
from parts import Parts

PRICE_E4, NEXT_E4, MINUTE = 5000, 8000, 2_601_050_900
FOUND = "journal: memory answers at last; %d mWh were counted meanwhile"


class Late:
    """A meter in use whose memory has not answered at this start; `chip` None: it is blank."""

    def __init__(
        self, chip: Mb85rc256v | None = None, minute: int = MINUTE, silent: bool = True
    ) -> None:
        self.parts = parts = Parts()
        self.records, self.account = parts.module("state"), parts.module("account")
        self.chip = chip or Mb85rc256v()
        parts.mcu.get_i2c_bus(0).devices[ADDRESS] = self.chip
        self.chip.mute = silent
        self.lines: list[str] = []
        driver = parts.module("fram").Fram(parts.machine().I2C(0))
        self.store = parts.module("state_store").StateStore(driver, self.lines.append)
        self.calls: list[tuple[str, Any]] = []
        self.settlement = SimpleNamespace(
            lock=SimpleNamespace(locked=lambda: self.locked),
            taken_pj=0,
            taken_cards=0,
            compare_again=lambda: self.calls.append(("compare", self.store.state)),
            tell=lambda: self.calls.append(("tell", self.store.state)),
        )
        self.metering = SimpleNamespace(
            register=77, chip=SimpleNamespace(pulse_pj=500), correct_pj=self._correct
        )
        self.locked, self.correction_pj = False, 0
        self.recovery = parts.module("state_recovery").StateRecovery(
            self.store,
            self.metering,
            SimpleNamespace(read_sure_minute=lambda: minute),
            self.settlement,
            SimpleNamespace(note_totals=lambda state: self.calls.append(("totals", state))),
            self.account.debit,
            lambda state: self.calls.append(("calibrate", state)),
            self.lines.append,
        )
        self.lines.clear()

    @property
    def state(self) -> Any:
        return self.store.state

    def _correct(self, register: int, pulse_pj: int) -> int:
        self.calls.append(("correct", (register, pulse_pj)))
        return self.correction_pj

    def answer(self) -> None:
        self.chip.mute = False

    def adopt(self) -> bool:
        return self.parts.run(self.recovery.adopt_if_ready())

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


def make_memory(**values: int) -> Mb85rc256v:
    """The memory of a meter in use: 100 yuan bought, 60 of them left."""
    late = Late(silent=False)
    state = late.state
    state.energy_pj, state.price_e4 = 80 * late.account.PJ_PER_KWH, PRICE_E4
    state.balance_fen, state.bought_fen = 6000, 10_000
    state.register, state.pulse_pj = 3, 400
    state.set(late.records.INITIALISED)
    state.set(late.records.OPENED)
    for name, value in values.items():
        setattr(state, name, value)
    late.store.commit(True)
    return late.chip


def exact(late: Late) -> Fraction:
    """Return bought - used - balance in fen: 0 if no fraction is lost."""
    state, fen = late.state, late.account.FEN
    return state.bought_fen - state.balance_fen + Fraction(state.remainder, fen)


# ****** What is added ******


def test_energy_and_cards_of_meanwhile_are_added_and_charged_once() -> None:
    late = Late(make_memory(illegal_cards=4))
    kwh_pj = late.account.PJ_PER_KWH
    provisional = late.state
    provisional.energy_pj, provisional.illegal_cards = 5 * kwh_pj, 9
    provisional.balance_fen = -100
    late.settlement.taken_pj, late.settlement.taken_cards = 2 * kwh_pj, 3
    late.correction_pj = kwh_pj + 1
    late.answer()
    assert late.adopt()
    state = late.state
    assert state is not provisional and state.energy_pj == 84 * kwh_pj + 1
    assert exact(late) == 10_000 - 6000 + 4 * 50 + Fraction(PRICE_E4, late.account.FEN)
    assert (state.illegal_cards, state.register, state.pulse_pj) == (10, 77, 500)
    assert late.lines == [FOUND % 4_000_000]
    assert late.calls == [
        ("calibrate", state), ("totals", state), ("correct", (3, 400)), ("compare", state),
        ("tell", state),
    ]  # fmt: skip
    kept = Late(late.chip, silent=False).state
    assert vars(kept) == vars(state)


@pytest.mark.parametrize("mwh", [3, 10**9])  # a float could not tell the second from the next
def test_less_than_a_thousandth_of_a_wh_is_counted_and_not_told(mwh: int) -> None:
    late = Late(make_memory())
    late.state.energy_pj = late.account.PJ_PER_KWH // 1_000_000 * mwh - 1
    late.answer()
    assert late.adopt() and late.lines == [FOUND % (mwh - 1)]


def test_a_chip_without_pulses_leaves_the_former_ones_energy() -> None:
    late = Late(make_memory())
    late.metering.chip.pulse_pj = 0
    late.answer()
    assert late.adopt() and (late.state.pulse_pj, late.state.register) == (400, 77)


def test_illegal_cards_end_at_what_the_write_back_holds() -> None:
    late = Late(make_memory(illegal_cards=999_998))
    late.state.illegal_cards = 5
    late.answer()
    assert late.adopt() and late.state.illegal_cards == 999_999


@pytest.mark.parametrize(("minute", "price_e4"), [(MINUTE - 1, PRICE_E4), (MINUTE, NEXT_E4)])
def test_what_came_meanwhile_has_the_price_of_the_start(minute: int, price_e4: int) -> None:
    late = Late(make_memory(next_price_e4=NEXT_E4, switch_time=MINUTE), minute)
    late.state.energy_pj = late.account.PJ_PER_KWH
    late.answer()
    assert late.adopt() and exact(late) == 4000 + Fraction(price_e4, 100)
    assert late.state.price_e4 == price_e4


def test_a_debt_of_meanwhile_locks_the_supply() -> None:
    late = Late(make_memory())
    late.state.energy_pj = 1000 * late.account.PJ_PER_KWH
    late.answer()
    assert late.adopt() and late.state.has(late.records.LOCKED)


# ****** When ******


@pytest.mark.parametrize("now", [False, True])
def test_a_memory_that_was_read_is_not_adopted_again(now: bool) -> None:
    late = Late(make_memory(), silent=False)
    state = late.state
    adopted = late.recovery.adopt_now() if now else late.adopt()
    assert not adopted and late.state is state and late.calls == []


@pytest.mark.parametrize("now", [False, True])
def test_a_memory_that_is_still_silent_changes_nothing(now: bool) -> None:
    late = Late(make_memory())
    state = late.state
    adopted = late.recovery.adopt_now() if now else late.adopt()
    assert not adopted and late.state is state and late.store.unread
    assert (late.calls, late.lines) == ([], [])


@pytest.mark.parametrize("why", ["held", "locked", "trial"])
def test_what_is_under_way_with_the_state_is_waited_for(why: str) -> None:
    late = Late(make_memory())
    late.answer()
    versions = late.parts.module("versions")
    late.store.hold(why == "held")
    late.locked, versions.on_trial = why == "locked", why == "trial"
    assert not late.adopt() and late.store.unread and late.calls == []
    assert late.recovery.adopt_now() is (why != "trial")  # when the mains fails it can't wait
    late.store.hold(False)
    late.locked = versions.on_trial = False
    assert late.adopt() is (why == "trial") and not late.store.unread


def test_a_session_that_begins_between_the_halves_is_waited_for() -> None:
    late = Late(make_memory())
    late.answer()
    sleep_ms = late.parts.runner.modules["asyncio"].sleep_ms
    adopted: list[bool] = []

    async def adopt() -> None:
        adopted.append(await late.recovery.adopt_if_ready())

    async def both() -> None:
        late.parts.runner.modules["asyncio"].create_task(adopt())
        await sleep_ms(0)
        late.store.hold(True)
        await sleep_ms(10)

    late.parts.run(both())
    assert adopted == [False] and late.store.unread and late.calls == []


def test_each_half_is_read_once() -> None:
    late = Late(make_memory())
    late.answer()
    halves: list[int] = []
    scan = late.store.scan

    def note(half: int) -> tuple:
        halves.append(half)
        return scan(half)

    late.store.scan = note
    begun_us = late.parts.clock.now_us
    assert late.adopt() and halves == [0, 1]
    assert late.parts.clock.now_us == begun_us  # others had their turn, and it waited for nothing
    again = Late(late.chip)
    again.answer()
    again.store.scan, scan = note, again.store.scan
    assert again.recovery.adopt_now() and halves == [0, 1] * 2


@pytest.mark.parametrize("now", [False, True])
def test_a_blank_memory_gets_the_provisional_state(now: bool) -> None:
    late = Late()
    state = late.state
    state.energy_pj = 5
    late.answer()
    adopted = late.recovery.adopt_now() if now else late.adopt()
    assert not adopted and late.state is state and not late.store.unread
    assert late.names == ["tell"]  # nothing to compare: the state is the same as before
    assert late.lines == ["journal: blank memory, starting anew"]
    assert Late(late.chip, silent=False).state.energy_pj == 5


def test_the_minute_is_asked_for_only_where_the_memory_is_silent() -> None:
    assert Late(make_memory()).recovery._since == MINUTE
    assert Late(make_memory(), silent=False).recovery._since == 0
