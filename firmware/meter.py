"""The whole meter on one page: which parts there are, and which task runs when.

    count    every 100 ms  chip to energy to debit; commit each 0.25 Wh and at each change of stage or price
    switch   every 200 ms  relay follows what supply.py decides, while the mains is good
    panel    every 100 ms  key, pages, messages, lamps
    slot     every 100 ms  card put in: a session; then wait until it is pulled (card_slot.py)
    keep     every 1 s     ESAM brought up and settled each 15 minutes, clock looked at
    rescue   on power fail commit, then settle if the supply lasts
    guard    every 1 s     feeds the watchdog when every periodic task has reported since the last time

What a cut can cost: less than 0.25 Wh not yet committed, and what the chip has counted but not yet told, which is at most
0.26 s of load (105 ms between reports, 55 ms of report, 100 ms between looks): 0.6 Wh at 30 A.
"""

import asyncio
import time

import machine
from micropython import const

import account
import parameters
import supply
from card_slot import CardTask
from display import Display
from ds3231 import Clock
from esam import Esam, EsamError
from events import CardLog
from fram import Fram
from journal import JournalError
from line import Channel
from metering import Metering
from pages import Panel
from relay import Relay
from selfcheck import SelfCheck
from settlement import Wallet
from state_recovery import LateMemory
from state_store import Store
from tm1638 import Segments

_TICK_MS = const(100)
_WATCHDOG_MS = const(8_000)
_SETTLE_S = const(900)
_ESAM_RETRY_S = const(10)
_MIN_RELAY_MV = const(154_000)  # 70 % of 220 V: what the coil needs (chips reference 6)
_COMMIT_PJ = account.PJ_PER_KWH // 4000  # 0.25 Wh

_COUNT = const(1)  # one bit for each task that has to report to the watchdog
_SWITCH = const(2)
_PANEL = const(4)
_SLOT = const(8)
_KEEP = const(16)
_ALL = const(31)


class Meter:
    """Built from a board (boards/<board>/board.py); `run` never returns."""

    def __init__(self, board) -> None:
        self._born_s = time.time()
        memory = Fram(board.i2c())
        self.store = Store(memory)
        self.cards = CardLog(memory)  # the illegal ones
        for note in self.store.notes:
            self.log(note)
        warm = machine.reset_cause() != machine.PWRON_RESET
        self.chip = board.metering_chip()
        self.metering = Metering(self.chip, self.store.state.register, board.MAX_POWER_MW, warm)
        self.clock = Clock(board.i2c())
        self.relay = Relay(board.relay_close(), board.relay_open(), board.relay_feedback())
        self.display = Display(Segments(board.display_spi(), board.display_strobe()))
        self.esam = Esam(Channel(board.esam_line()))
        self.wallet = Wallet(self.esam, self.store, self.log)
        self._slot = CardTask(self, Channel(board.card_line()), board.slot_switch())
        self._key = board.key()
        self._power_fail = board.power_fail()
        self._power_flag = asyncio.ThreadSafeFlag()
        self._uncommitted_pj = 0
        self._reported = 0
        self.reading = False  # a card session is under way
        self.forced = None  # what a test wants of the relay, whatever supply.py decides
        self.testing = False  # all lamps are on
        self.clock_bad = False
        self._timeless = False  # it has been said that a planned price waits for the clock
        self.esam_failures = 0
        self.face = Panel(self)
        self.self_check = SelfCheck(self)
        self.late = LateMemory(self)
        self._trouble = ""  # with the newest commit

    def log(self, text: str) -> None:
        """One line for whoever listens on the console."""
        print("[%d] %s" % (time.time() - self._born_s, text))

    async def run(self) -> None:
        self._power_fail.irq(self._on_power_fail, self._power_fail.IRQ_FALLING)
        watchdog = machine.WDT(timeout=_WATCHDOG_MS)
        await asyncio.gather(
            self._count(),
            self._switch(),
            self._panel(),
            self._slot.run(),
            self._keep(),
            self._rescue(),
            self._guard(watchdog),
            self.self_check.run(),
        )

    def stop(self) -> None:
        """Leave everything safe: no coil under current, the state committed. For whoever ends `run` from outside."""
        self.relay.release()
        self.late.recover()
        self.commit()

    # ****** Tasks ******

    async def _count(self) -> None:
        while True:
            self.look_at_price()  # before anything is charged, so that a meter that was dark charges by today's price
            energy_pj = self.metering.take_pj()
            if energy_pj:
                self._charge(energy_pj)
            self._reported |= _COUNT
            await asyncio.sleep_ms(_TICK_MS)

    async def _switch(self) -> None:
        told = None
        while True:
            why = supply.why_open(self.store.state)
            wanted = why == supply.MAY_CLOSE if self.forced is None else self.forced
            if why != told:
                told = why
                self.log("supply: " + supply.REASONS[why])
            able = self._power_fail.value() and not self.metering.silent and self.chip.voltage_mv >= _MIN_RELAY_MV
            await self.relay.follow(wanted, bool(able))
            self._reported |= _SWITCH
            await asyncio.sleep_ms(2 * _TICK_MS)

    async def _panel(self) -> None:
        pressed = before = False
        while True:
            now = self.key_down
            if now and before and not pressed:
                self.display.key()
            pressed, before = now and before, now
            self.face.update()
            self._reported |= _PANEL
            await asyncio.sleep_ms(_TICK_MS)

    async def _keep(self) -> None:
        settle_s = retry_s = 0
        while True:
            if (await self.late.look() or retry_s <= 0) and not self.wallet.ready:
                retry_s = _ESAM_RETRY_S
                await self._bring_up()
                settle_s = _SETTLE_S
            elif settle_s <= 0:
                settle_s = _SETTLE_S
                await self._settle()
            settle_s, retry_s = settle_s - 1, retry_s - 1
            self._reported |= _KEEP
            await asyncio.sleep_ms(1000)

    async def _rescue(self) -> None:
        while True:
            await self._power_flag.wait()
            self.log("mains failing")
            self.commit()
            await self._settle()

    async def _guard(self, watchdog) -> None:
        while True:
            if self._reported == _ALL:
                self._reported = 0
                watchdog.feed()
            await asyncio.sleep_ms(1000)

    # ****** What the tasks do ******

    def _charge(self, energy_pj: int) -> None:
        """Debit, and commit what a cut must not cost."""
        state = self.store.state
        stage = supply.why_open(state)
        account.debit(state, energy_pj)
        state.register = self.metering.register
        supply.update(state)
        self._uncommitted_pj += energy_pj
        if self._uncommitted_pj >= _COMMIT_PJ or supply.why_open(state) != stage:
            self.commit()

    def look_at_price(self) -> None:
        """Bring the planned price into force if it is time; a clock that does not tell the time never does.

        The former price does not come back, so it takes more than one look at the clock.
        """
        if not self.store.state.switch_time:
            return
        minute = self.clock.local_minute()
        if not minute and not self._timeless:
            self._timeless = True
            self.log("price: the planned one waits for a clock that tells the time")
        if minute >= self.store.state.switch_time and parameters.switch(self.store.state, self.clock.sure_minute()):
            self.log("price: now %d of 0.0001 yuan/kWh" % self.store.state.price_e4)
            self.commit()

    def commit(self) -> None:
        """Make the state safe; a memory that fails is told, once, and does not stop the meter."""
        trouble = ""
        try:
            self.store.commit()
            self._uncommitted_pj = 0
        except JournalError as error:
            trouble = "journal: " + str(error)
        if trouble and trouble != self._trouble:
            self.log(trouble)
        self._trouble = trouble

    async def _bring_up(self) -> None:
        """ESAM on and in agreement with the journal."""
        self.clock_bad = self.clock.seconds() is None
        await self._with_esam(False)

    async def _settle(self) -> None:
        self.clock_bad = self.clock.seconds() is None
        await self._with_esam(True)

    async def _with_esam(self, settle: bool) -> None:
        try:
            async with self.wallet.lock:
                await self.wallet.start()
                if settle:
                    await self.wallet.settle()
            self.esam_failures = 0
        except EsamError as error:
            self.esam_failures += 1
            self.log("ESAM: " + str(error))
        except JournalError as error:
            self.log("journal: " + str(error))

    def _on_power_fail(self, pin) -> None:
        self._power_flag.set()

    def slot_lives(self) -> None:
        """The slot's task reports; from inside a long session too."""
        self._reported |= _SLOT

    @property
    def key_down(self) -> bool:
        return not self._key.value()
