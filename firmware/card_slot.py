"""Run the slot's task: one session for each card that is put in, and the handling of its errors.

The kind of the card chooses the session. A card is served once, however long it stays in; pulling
it makes the slot ready for the next. A session either ends with the messages to be shown or raises
CardError. Illegal cards (card_errors.py) are counted in the state, and logged with serial, command
and status word (illegal_cards.py); the log of events has every refused card.
"""

import asyncio
import gc

from micropython import const

import card_files
from card_errors import CardError, make_error, make_refusal
from card_sessions import CardSessions, SessionError
from display import Display
from ds3231 import Ds3231
from esam import Esam, EsamError
from event_chain import CARD
from events import Events
from iccard import Card
from illegal_cards import FIELDS, IllegalCards
from journal import JournalError
from metering import Metering
from panel import Buzzer
from settlement import Settlement
from state import MOST_ILLEGAL
from state_recovery import StateRecovery
from state_store import StateStore

_LOOK_MS = const(100)
# Below this the card's supply is not reliable (docs/cards/sessions.md).
_MIN_CARD_MV = const(145_000)
_READ_MS = const(4_000)


class CardSlot:
    """The slot with its presence `switch`, which reads 0 while a card is there.

    `report_alive` reports to the watchdog's guard that the task is running.
    """

    def __init__(
        self,
        card: "Card",
        switch,
        sessions: "CardSessions",
        esam: "Esam",
        settlement: "Settlement",
        store: "StateStore",
        recovery: "StateRecovery",
        metering: "Metering",
        clock: "Ds3231",
        events: "Events",
        illegal: "IllegalCards",
        display: "Display",
        buzzer: "Buzzer",
        report_alive,
        log,
    ) -> None:
        self._card = card
        self._switch = switch
        self._sessions = sessions
        self._esam = esam
        self._settlement = settlement
        self._store = store
        self._recovery = recovery
        self._metering = metering
        self._clock = clock
        self._events = events
        self._illegal = illegal
        self._display = display
        self._buzzer = buzzer
        self._report_alive = report_alive
        self._log = log
        self.busy = False  # a session is under way

    async def run(self) -> None:
        """Poll for a card every 100 ms, for ever."""
        served = before = False
        while True:
            now = self.has_card()
            if (
                now
                and before
                and not served
                and (self._metering.chip.voltage_mv != 0 or self._metering.silent)
            ):
                served = True
                await self._serve_and_show()
            if not now and not before:
                served = False
            before = now
            self._report_alive()
            await asyncio.sleep_ms(_LOOK_MS)

    def has_card(self) -> bool:
        """Return whether something is in the slot."""
        return not self._switch.value()

    async def _serve_and_show(self) -> None:
        await self._recovery.adopt_if_ready()  # a card should meet the memory's own state
        self._set_busy(True)
        self._display.show_messages(("rEAd", _READ_MS))
        try:
            shown = await self._serve()
            await asyncio.sleep_ms(0)  # whoever is due goes first: the last commit took long
            self._display.show_messages(*shown)
            self._buzzer.sound(True)
        except CardError as error:
            self._log("card: %s, code %d: %s" % (error.display, error.code, error))
            self._show_refusal(error.display, error.code)
            if error.illegal:
                self._keep_illegal(error.code)
            self._store.keep()
            self._log_refusal(error.code)
        except (JournalError, SessionError) as error:
            self._log("slot: " + str(error))
            self._show_refusal("Err-31", 0)
        finally:
            self._set_busy(False)

    def _show_refusal(self, group: str, code: int) -> None:
        self._buzzer.sound(False)
        try:
            from card_words import compose_messages

            messages = compose_messages(group, code)
        except Exception as error:
            self._log("words: " + repr(error))
            messages = ((group, _READ_MS),)
        self._display.show_messages(*messages)

    def _set_busy(self, busy: bool) -> None:
        self.busy = busy
        self._store.hold(busy)
        self._display.show_reading(busy)

    async def _serve(self) -> tuple:
        """Serve the card that has just been put in.

        Return messages as (text, ms); CardError if the session fails. A session with a long part
        that does not need the ESAM returns that part as a coroutine function; it runs after the
        ESAM is released.
        """
        card = self._card
        if not self._metering.is_mains_at_least(_MIN_CARD_MV):
            raise make_error("SUPPLY", "mains too low")
        gc.collect()  # now, so that it does not run in the middle of the session
        await asyncio.sleep_ms(0)  # it took long
        card.start_deadline()
        try:
            async with self._settlement.lock:
                shown = await self._run_session(card)
            return await shown() if callable(shown) else shown
        except CardError as error:
            if error.illegal:
                # A card pulled in the middle of a character sends wrong bytes: not its fault.
                card.raise_if_pulled()
            raise
        finally:
            card.power_off()

    async def _run_session(self, card: "Card"):
        try:
            await card.connect()
            await self._settlement.start()
            command, data = await card.read_info()
            run = self._sessions.find(command)
            if run is None:
                raise make_error("TYPE", "command %02X" % command)
            return await run(card, command, data)
        except ValueError as error:
            raise make_error("FORMAT", str(error)) from None
        except EsamError as error:
            code = "ESAM" if self._esam.serial else "ESAM_RESET"
            raise (
                make_refusal(code, error.sw) if error.sw else make_error(code, str(error))
            ) from None

    def _log_refusal(self, code: int) -> None:
        header, sw = self._card.last
        serial = (self._card.serial or b"") + bytes(8)
        command = bytes(header[1:4]) + bytes(3)
        self._events.log(CARD, code, serial[:8] + command[:3] + sw.to_bytes(2, "big"))

    def _keep_illegal(self, code: int) -> None:
        """Count the card that was in the slot as illegal, and log it."""
        state = self._store.state
        state.illegal_cards = min(state.illegal_cards + 1, MOST_ILLEGAL)
        try:
            header, sw = self._card.last
            record = {
                "time": self._clock.read_local_minute(),
                "serial": self._card.serial or bytes(8),
                "code": code,
                "header": bytes(header) + bytes(5 - len(header)),
                "sw": sw,
                "count": state.count,
            }
            self._illegal.add(card_files.pack(FIELDS[1:], record))
        except OSError:
            self._log("illegal card not kept: the memory does not answer")
        except Exception as error:
            # It would end main from here, and the meter would restart as long as the card is in.
            self._log("illegal card not kept: " + str(error))
