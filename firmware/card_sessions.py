"""Choose the session that a card's command byte asks for.

User cards come each month, so their session is made at the start. The others are rare: each is
imported for the first card of its kind, and the start and the heap are spared 12 KB of bytecode.
"""

import card_files
from card_user import UserSession
from display import Display
from ds3231 import Ds3231
from esam import Esam
from events import Events
from illegal_cards import IllegalCards
from metering import Metering
from pages import Pages
from relay import Relay
from selfcheck import SelfCheck
from settlement import Settlement
from state_store import StateStore
from tariff import Tariff


class CardSessions:
    """What the sessions of all kinds of card work with.

    `is_key_down` says whether the key is pressed; `report_alive` reports to the watchdog's guard
    that the slot's task is running.
    """

    def __init__(
        self,
        esam: "Esam",
        settlement: "Settlement",
        store: "StateStore",
        clock: "Ds3231",
        tariff: "Tariff",
        events: "Events",
        illegal: "IllegalCards",
        metering: "Metering",
        relay: "Relay",
        display: "Display",
        pages: "Pages",
        self_check: "SelfCheck",
        is_key_down,
        report_alive,
        log,
    ) -> None:
        self._esam = esam
        self._settlement = settlement
        self._store = store
        self._clock = clock
        self._tariff = tariff
        self._events = events
        self._illegal = illegal
        self._metering = metering
        self._relay = relay
        self._display = display
        self._pages = pages
        self._self_check = self_check
        self._is_key_down = is_key_down
        self._report_alive = report_alive
        self._log = log
        self._user = UserSession(esam, settlement, store, clock, tariff, events, log)

    def find(self, command: int):
        """Return the session's coroutine function of (card, command, data of file 01), or None."""
        if command == card_files.CMD_USER:
            return self._user.run
        if command == card_files.CMD_CLOSE:
            return self._make_close().run
        if command == card_files.CMD_INIT:
            return self._make_init().run
        if command in (card_files.CMD_KEYS, card_files.CMD_KEYS_RESTORE):
            return self._make_keys().run
        if command == card_files.CMD_INSPECTION:
            return self._make_inspect().run
        if command == card_files.CMD_TEST_CREDIT:
            return self._make_factory().credit
        if command == card_files.CMD_TEST_RELAY:
            return self._make_factory().run
        return None

    def _make_close(self):
        from card_close import CloseSession

        return CloseSession(self._esam, self._settlement, self._store, self._clock, self._log)

    def _make_init(self):
        from card_init import InitSession

        return InitSession(
            self._esam, self._store, self._clock, self._tariff, self._events, self._log
        )

    def _make_keys(self):
        from card_keys import KeysSession

        return KeysSession(self._esam, self._store, self._events, self._log)

    def _make_inspect(self):
        from card_inspect import InspectSession

        return InspectSession(
            self._esam, self._store, self._clock, self._events, self._illegal, self._pages,
            self._self_check, self._report_alive, self._log,
        )  # fmt: skip

    def _make_factory(self):
        from card_factory import FactorySession

        return FactorySession(
            self._esam, self._settlement, self._store, self._clock, self._metering.chip,
            self._relay, self._display, self._self_check, self._is_key_down, self._report_alive,
            self._log,
        )  # fmt: skip
