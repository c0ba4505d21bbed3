"""Build the whole meter from its parts, and run its tasks.

    count    every 100 ms  chip to energy to debit; commit each 0.25 Wh and at each change of
                           stage or price
    switch   every 200 ms  load and voltage are watched, and the relay follows the decision of
                           supply.py, while the mains is good
    show     every 100 ms  key, pages, messages, lamps, buzzer, data port
    slot     every 100 ms  card put in: a session; then wait until it is pulled (card_slot.py)
    keep     every 1 s     start the ESAM, each 15 minutes its mirror or both, read the clock
    rescue   on power fail commit, then settle if the supply lasts
    guard    every 1 s     feed the watchdog when every periodic task has reported since the
                           last feed

`Meter` hands each part the few objects that it works with, in the order of their dependence. No
part knows the meter, and none changes anything above itself.

Cost of a power cut: less than 0.25 Wh not yet committed, and the energy that the chip has counted
but not yet reported. The latter is at most 0.26 s of load (105 ms between reports, 55 ms of report,
100 ms between polls): 0.5 Wh at 30 A. docs/journal.md has the rest, by board.
"""

import asyncio
import gc
import time

import machine
from micropython import const

import account
import supply
from metering import Metering
from state import State
from state_store import StateStore
from tariff import Tariff

_TICK_MS = const(100)
_WATCHDOG_MS = const(8_000)
# To the next mirror; every second one goes with a DEBIT, as the wallet is worn in one place.
_SETTLE_S = const(900)
_ESAM_RETRY_S = const(10)
_COMMIT_PJ = account.PJ_PER_KWH // 4000  # 0.25 Wh
_LEAST_FREE = const(50_000)  # bytes: more than is allocated in a second
_LAST_LOOKS = const(20)  # polls of the metering chip while the supply lasts without mains
_PAUSE_MS = const(10)

_COUNT = const(1)  # one bit for each task that has to report to the watchdog
_SWITCH = const(2)
_SHOW = const(4)
_SLOT = const(8)
_KEEP = const(16)
_ALL = const(31)


class Meter:
    """The meter of one board (boards/<board>/board.py); `run` never returns."""

    def __init__(self, board) -> None:
        self._born_s = time.time()
        self._memory = memory = board.memory()
        self._find_calibrator = board.find_calibrator
        self.store = StateStore(memory, self.log)
        warm = machine.reset_cause() != machine.PWRON_RESET
        self.chip, state = board.metering_chip(), self.store.state
        most_mw = board.MAX_POWER_MW * len(self.chip.phases)
        self.metering = Metering(self.chip, state.register, most_mw, warm, state.pulse_pj)
        self.calibrate(state)
        self.clock = board.clock(lambda: self.store.state.earliest_s)
        self.tariff = Tariff(self.store, self.clock, memory, self.log)
        self._power_fail = board.power_fail()
        self._power_flag = asyncio.ThreadSafeFlag()
        self._reported = 0
        self._counts_start = not (warm or self.store.unread or self.store.anew)
        if self._counts_start:
            supply.count_start(state)
        # What the chip has told since power came, before the rest is imported: that is more than
        # half of the firmware.
        if self._count_once():
            self.store.keep()
        gc.collect()  # here and below: later the heap would be in pieces too small for the imports
        self._make_parts(board, not warm)
        self._make_card_slot(board)
        gc.collect()  # what the imports have left: now no task waits for it

    def _make_parts(self, board, cold: bool) -> None:
        """Import and build what the first count does without. `cold`: power came just now."""
        from display import Display
        from esam import Esam
        from event_watch import EventWatch
        from events import Events
        from illegal_cards import IllegalCards
        from line import Channel
        from pages import Pages
        from panel import Buzzer, Key
        from relay import Relay
        from selfcheck import SelfCheck
        from settlement import Settlement
        from state_recovery import StateRecovery
        from supply_switch import SupplySwitch
        from use_history import UseHistory

        self.relay = Relay(board.relay_close(), board.relay_open(), board.relay_feedback())
        self.display = Display(board.display())
        self.esam = Esam(Channel(board.esam_line()))
        self.events = Events(self._memory, self.clock, self.store, self.log)
        self.settlement = Settlement(
            self.esam, self.store, self._note_purchase, self.events.log_restored, self.log
        )
        self.self_check = SelfCheck(
            self.store, self.metering, self.settlement, self.esam, self.clock, self.relay,
            self.display, self.log, self._note_update, self.stop,
        )  # fmt: skip
        self.recovery = StateRecovery(
            self.store, self.metering, self.clock, self.settlement, self.self_check,
            self.tariff.charge, self.calibrate, self.log,
        )  # fmt: skip
        self.illegal = IllegalCards(self._memory)
        self.supply_switch = SupplySwitch(
            self.store, self.metering, self.relay, self.clock, self._memory, self.events, cold,
            self.log,
        )  # fmt: skip
        self.history = UseHistory(self._memory, self.store, self.clock, self.log)
        self.pages = Pages(
            self.display,
            self.store,
            self.metering,
            self.relay,
            self.clock,
            self.settlement,
            self.self_check,
            self.supply_switch,
            self.tariff,
            self.events,
            self.history,
        )
        self.key = Key(board.key(), self.display, self.pages, self.supply_switch)
        self.buzzer = Buzzer(board.buzzer(), self.clock, self.supply_switch)
        self._event_watch = EventWatch(
            self.events, self.store, self.pages, self._memory, self.metering, self.log, not cold
        )
        self._case_watch = None
        if hasattr(board, "case_contact"):
            from case_watch import CaseWatch

            self._case_watch = CaseWatch(board.case_contact(), self.events, self.store, self.log)
        self._uart = board.data_port() if hasattr(board, "data_port") else None
        self._data_port = None  # who answers there, from the first byte on

    def _make_readings(self):
        from readings import Readings

        return Readings(
            self.store, self.metering, self.relay, self.clock, self.events, self._memory,
            self.supply_switch, self.pages.compute_fault_bits,
        )  # fmt: skip

    def _make_card_slot(self, board) -> None:
        """Build the slot above all that its sessions work with."""
        gc.collect()
        from card_sessions import CardSessions
        from card_slot import CardSlot
        from iccard import Card
        from line import Channel

        sessions = CardSessions(
            self.esam, self.settlement, self.store, self.clock, self.tariff, self.events,
            self.illegal, self.metering, self.relay, self.display, self.pages, self.self_check,
            self.key.is_down, self._report_slot, self.log,
        )  # fmt: skip
        switch = board.slot_switch()
        self.card_slot = CardSlot(
            Card(Channel(board.card_line()), switch), switch, sessions, self.esam, self.settlement,
            self.store, self.recovery, self.metering, self.clock, self.events, self.illegal,
            self.display, self.buzzer, self._report_slot, self.log,
        )  # fmt: skip

    def log(self, text: str) -> None:
        """Print one line to the console, with the seconds since the start."""
        print("[%d] %s" % (time.time() - self._born_s, text))

    async def run(self) -> None:
        """Run all tasks, for ever."""
        self._power_fail.irq(self._on_power_fail, self._power_fail.IRQ_FALLING)
        watchdog = machine.WDT(timeout=_WATCHDOG_MS)
        await asyncio.gather(
            self._count(),
            self._switch(),
            self._show(),
            self.card_slot.run(),
            self._keep(),
            self._rescue(),
            self._guard(watchdog),
            self.self_check.run(),
        )

    def stop(self) -> None:
        """Leave the meter safe: both relay coils off, no sound, the state committed.

        For code that ends `run` from outside.
        """
        self.relay.release()
        self.buzzer.silence()
        self.recovery.adopt_now()
        self.store.keep()

    def set_clock(self, seconds: int, back: bool = False) -> tuple:
        """Set the clock for an installer (`dianka clock`, flashing); return as `Ds3231.adjust`.

        A time before `earliest_s` replaces `earliest_s`: otherwise the clock's time would be
        refused.
        """
        former, done = self.clock.adjust(seconds, self.log, back)
        if done and seconds < self.store.state.earliest_s:
            self.store.state.earliest_s = seconds
            self.tariff.go_back(seconds)
            self.store.keep()
            self.clock.read_seconds()  # updates the clock's fault: this time is accepted now
        if done:
            self.events.log_clock(former, seconds)
        return former, done

    def calibrate(self, state: "State") -> None:
        """Let the metering chip count by the calibration that this state names, if it names one."""
        if state.calibration_crc:
            from calibration import put_in_force

            put_in_force(self.metering, self._memory, state.calibration_crc, self.log)

    def make_calibrator(self):
        """Return what calibrates the stopped meter for an installer (`dianka calibrate`)."""
        make = self._find_calibrator()
        return make(self.store, self.metering, self._memory, self._count_once, self.log)

    # ****** Tasks ******

    async def _count(self) -> None:
        while True:
            if self._count_once():
                await asyncio.sleep_ms(0)  # whoever is due goes before the commit, which takes long
                self.store.keep()
            self._reported |= _COUNT
            await asyncio.sleep_ms(_TICK_MS)

    async def _switch(self) -> None:
        while True:
            await self.supply_switch.step(bool(self._power_fail.value()))
            self._reported |= _SWITCH
            await asyncio.sleep_ms(2 * _TICK_MS)

    async def _show(self) -> None:
        while True:
            self.key.look()
            self.pages.update()
            if self._case_watch:
                self._case_watch.look()
            self.buzzer.step(supply.is_alarm_on(self.store.state))
            self._look_at_port()
            self._reported |= _SHOW
            await asyncio.sleep_ms(_TICK_MS)

    async def _keep(self) -> None:
        await asyncio.sleep_ms(0)  # the first steps of all tasks come before this commit
        if self._counts_start:
            # Here and not in __init__, where a commit would delay the first poll of the chip.
            self.store.keep()
        settle_s = retry_s = heard_s = 0
        debits = False
        while True:
            if (await self.recovery.adopt_if_ready() or retry_s <= 0) and not self.settlement.ready:
                retry_s = _ESAM_RETRY_S
                await self._keep_in_step(False)
                settle_s = _SETTLE_S
            elif settle_s <= 0:
                settle_s, debits = _SETTLE_S, not debits
                await (self._keep_in_step(True) if debits else self.settlement.catch_up())
            elif self.settlement.behind:
                await self.settlement.catch_up()
            for part in (self.tariff, self.supply_switch):
                if part.lacks and self.settlement.ready:
                    await part.fetch(self.esam, self.settlement.lock)
            heard_s = heard_s + 1 if self.metering.heard and not self.metering.silent else 0
            if heard_s >= supply.FORGIVE_S:
                heard_s = 0
                if supply.forgive_start(self.store.state):
                    self.store.keep()
            self._event_watch.look()
            await asyncio.sleep_ms(0)
            self.history.look()
            await self.pages.compute_receipt(self.esam)
            settle_s, retry_s = settle_s - 1, retry_s - 1
            self._reported |= _KEEP
            await asyncio.sleep_ms(1000)

    async def _rescue(self) -> None:
        while True:
            await self._power_flag.wait()
            self.log("mains failing")
            self.store.keep()
            self._event_watch.note_power_down()
            await asyncio.gather(self._keep_in_step(True), self._hear_last())

    async def _guard(self, watchdog) -> None:
        while True:
            if self._reported == _ALL:
                self._reported = 0
                watchdog.feed()
            if gc.mem_free() < _LEAST_FREE and not self.card_slot.busy:
                gc.collect()  # now, so that none falls due in the middle of a session's step
            await asyncio.sleep_ms(1000)

    # ****** Steps of the tasks ******

    def _count_once(self) -> bool:
        """Charge what the chip has counted. Return True if that is to be committed."""
        energy_pj = self.metering.take_pj()
        if energy_pj:
            return self._charge(energy_pj)
        self.tariff.follow_clock()
        return bool(self.chip.withheld) and self._pass_withheld()

    def _pass_withheld(self) -> bool:
        """Take over the chip's count when it has grown without a charge. Return True if it has.

        The next start would else take the difference for energy to be charged.
        """
        state = self.store.state
        if state.register == self.metering.register:
            return False
        state.register, state.pulse_pj = self.metering.register, self.chip.pulse_pj
        return True

    async def _hear_last(self) -> None:
        """Charge and commit energy that the metering chip reports after the mains has failed."""
        for _ in range(_LAST_LOOKS):
            energy_pj = self.metering.take_pj()
            if energy_pj:
                self._charge(energy_pj)
                self.store.keep()
            await asyncio.sleep_ms(_PAUSE_MS)

    def _charge(self, energy_pj: int) -> bool:
        """Debit this energy. Return True if that is to be committed.

        So at 0.25 Wh, and when the stage of supply or a price changes.
        """
        state = self.store.state
        stage = supply.find_unpaid_cause(state)
        changed = self.tariff.charge(state, energy_pj)
        state.register, state.pulse_pj = self.metering.register, self.chip.pulse_pj
        supply.update(state)
        return (
            changed
            or self.store.uncommitted_pj >= _COMMIT_PJ
            or supply.find_unpaid_cause(state) != stage
        )

    def _look_at_port(self) -> None:
        if self._data_port:
            self._data_port.look()
        elif self._uart and self._uart.any():
            from data_port import DataPort

            self._data_port = DataPort(
                self._uart, self.store, self.clock, self.events, self._make_readings, self.set_clock
            )

    async def _keep_in_step(self, settle: bool) -> None:
        self.clock.read_seconds()  # updates the clock's fault
        await self.settlement.keep_in_step(settle)

    def _note_purchase(self, amount_fen: int, count: int, balance_fen: int, again: bool) -> None:
        self.events.log_purchase(amount_fen, count, balance_fen, again)

    def _note_update(self, refused: bool) -> None:
        self._event_watch.note_update(refused)

    def _on_power_fail(self, pin) -> None:
        self._power_flag.set()

    def _report_slot(self) -> None:
        """Report to the guard that the slot's task is alive.

        Long sessions call this too.
        """
        self._reported |= _SLOT
