"""The slot's task: a session for each card that is put in, and what becomes of one that fails - told, counted and kept.

A card is served once, however long it is left in; pulling it makes the slot ready for the next. Illegal cards (card_errors.py)
are counted in the state and kept with serial, command and status word in a log of their own (events.py).
"""

import asyncio
import gc

from micropython import const

import card_factory
import card_files
import card_init
import card_inspect
import card_keys
import card_user
import esam as esam_module
import events
import state as records
from card_errors import CardError, fault, mac_or
from iccard import Card
from journal import JournalError

_LOOK_MS = const(100)
_MIN_CARD_MV = const(145_000)  # below, the card's supply is not to be relied on (cards reference 1.4)
_READ_MS = const(4_000)
_ERROR_MS = const(5_000)


class CardTask:
    """Runs beside the tasks of a `Meter`."""

    def __init__(self, meter, channel, switch) -> None:
        self._meter = meter
        self._switch = switch
        self._slot = Slot(channel, self._present, self._supply_good, meter)

    async def run(self) -> None:
        meter = self._meter
        served = before = False
        while True:
            now = self._present()
            if now and before and not served and (meter.chip.voltage_mv or meter.metering.silent):
                served = True
                await self._session()
            if not now and not before:
                served = False
            before = now
            meter.slot_lives()
            await asyncio.sleep_ms(_LOOK_MS)

    async def _session(self) -> None:
        meter = self._meter
        await meter.late.look()  # a card should find the memory's own state
        meter.reading = True
        meter.display.say(("rEAd", _READ_MS))
        try:
            meter.display.say(*await self._slot.session())
        except CardError as error:
            meter.log("card: %s, code %d: %s" % (error.display, error.code, error))
            meter.display.say((error.display, _ERROR_MS))
            if error.illegal:
                self._keep(error.code)
            meter.commit()
        except JournalError as error:
            meter.log("journal: " + str(error))
            meter.display.say(("Err-31", _ERROR_MS))
        finally:
            meter.reading = False

    def _keep(self, code: int) -> None:
        meter, card = self._meter, self._slot.card
        state = meter.store.state
        state.illegal_cards = min(state.illegal_cards + 1, records.MOST_ILLEGAL)
        try:
            header, sw = card.last
            record = {
                "time": meter.clock.local_minute(),
                "serial": card.serial or bytes(8),
                "code": code,
                "header": bytes(header) + bytes(5 - len(header)),
                "sw": sw,
                "count": state.count,
            }
            meter.cards.add(card_files.pack(events.FIELDS[1:], record))
        except OSError:
            meter.log("illegal card not kept: the memory does not answer")
        except Exception as error:  # from here it would end main, and the meter restart for as long as the card is in
            meter.log("illegal card not kept: " + str(error))

    def _present(self) -> bool:
        return not self._switch.value()

    def _supply_good(self) -> bool:
        return self._meter.chip.voltage_mv >= _MIN_CARD_MV


class Slot:
    """Runs sessions. `present` is called to ask the switch, `supply_good` whether the mains is high enough."""

    def __init__(self, channel, present, supply_good, parts) -> None:
        self._card = Card(channel, present)
        self._supply_good = supply_good
        self._parts = parts  # esam, wallet, store, clock, log of the meter

    @property
    def card(self) -> Card:
        """The card that is or was in the slot last."""
        return self._card

    async def session(self) -> tuple:
        """Serve the card that has just been put in: messages to show as (text, ms). CardError tells what went wrong.

        A session that goes on for long without the ESAM returns how, and does so after the ESAM has been let go.
        """
        card = self._card
        if not self._supply_good():
            raise fault("SUPPLY", "mains too low")
        gc.collect()  # now, or it would be in the middle of the session
        card.bound()
        try:
            async with self._parts.wallet.lock:
                shown = await self._serve(card)
            return await shown() if callable(shown) else shown
        except CardError as error:
            if error.illegal:
                card.must_be_there()  # pulled in the middle of a character, it has said what it never meant
            raise
        finally:
            card.off()

    async def _serve(self, card) -> tuple:
        parts = self._parts
        try:
            await card.connect()
            await parts.wallet.start()
            command, data = await card.info()
            run = _SESSIONS.get(command)
            if run is None:
                raise fault("TYPE", "command %02X" % command)
            return await run(card, command, data, parts)
        except ValueError as error:
            raise fault("FORMAT", str(error)) from None
        except esam_module.EsamError as error:
            code = "ESAM" if parts.esam.serial else "ESAM_RESET"
            raise (mac_or(code, error.sw) if error.sw else fault(code, str(error))) from None


_SESSIONS = {
    card_files.CMD_USER: card_user.run,
    card_files.CMD_INIT: card_init.run,
    card_files.CMD_KEYS: card_keys.run,
    card_files.CMD_KEYS_RESTORE: card_keys.run,
    card_files.CMD_INSPECTION: card_inspect.run,
    card_files.CMD_TEST_CREDIT: card_factory.credit,
    card_files.CMD_TEST_RELAY: card_factory.run,
}
