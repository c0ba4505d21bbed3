"""Choose the session that a card's command byte asks for.

User cards come each month, so their session is made at the start. The others are rare: each is
imported for the first card of its kind, and the start and the heap are spared 12 KB of bytecode.
The `make_session` of its module takes what it works with from CardSessions.
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


class SessionError(Exception):
    """The module of a session is missing, damaged, or too big for the heap."""


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
        self.esam = esam
        self.settlement = settlement
        self.store = store
        self.clock = clock
        self.tariff = tariff
        self.events = events
        self.illegal = illegal
        self.metering = metering
        self.relay = relay
        self.display = display
        self.pages = pages
        self.self_check = self_check
        self.is_key_down = is_key_down
        self.report_alive = report_alive
        self.log = log
        self._user = UserSession(esam, settlement, store, clock, tariff, events, log)

    def find(self, command: int):
        """Return the session's coroutine function of (card, command, data of file 01), or None.

        Raise SessionError if its module can't be imported.
        """
        if command == card_files.CMD_USER:
            return self._user.run
        try:
            module = _import_rare(command)
        except Exception as error:
            # Nothing has been written yet. Unhandled it would restart the meter, again and again
            # while the card is in.
            raise SessionError("session %02X: %s" % (command, repr(error))) from None
        return module and module.make_session(self, command)


def _import_rare(command: int):
    """Return the module that serves these cards, or None."""
    if command == card_files.CMD_CLOSE:
        import card_close as module
    elif command == card_files.CMD_INIT:
        import card_init as module
    elif command in (card_files.CMD_KEYS, card_files.CMD_KEYS_RESTORE):
        import card_keys as module
    elif command == card_files.CMD_INSPECTION:
        import card_inspect as module
    elif command in (card_files.CMD_TEST_CREDIT, card_files.CMD_TEST_RELAY):
        import card_factory as module
    else:
        module = None
    return module
