"""The slot's task: a session for each card that is put in, and what becomes of one that fails - told, counted and kept.

A card is served once, however long it is left in; pulling it makes the slot ready for the next. Illegal cards (cardfault.py)
are counted in the state and kept with serial, command and status word in a log of their own (cardlog.py).
"""

import asyncio

from micropython import const

import cardfiles
import cardlog
import state as records
from iccard import CardError, Slot
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
            meter.cards.add(cardfiles.pack(cardlog.FIELDS[1:], record))
        except OSError:
            meter.log("illegal card not kept: the memory does not answer")
        except Exception as error:  # from here it would end main, and the meter restart for as long as the card is in
            meter.log("illegal card not kept: " + str(error))

    def _present(self) -> bool:
        return not self._switch.value()

    def _supply_good(self) -> bool:
        return self._meter.chip.voltage_mv >= _MIN_CARD_MV
