"""Run the inspection card's session: copy the meter's data to card and display, change nothing.

It works in either key state. The ESAM seals wallet, key info, parameters, limits and run info for
the card, so that the desk can trust them. The run info is made anew for it and is the only thing
that the session writes, into the ESAM's file for it. Totals and illegal cards come from the
controller, unsealed, and are written after both sides have proved themselves. The totals' file is
blanked first and written last: so a card that was pulled in between shows that it is incomplete.
The log of events follows, when the ESAM is free again (card_log.py).
"""

from micropython import const

import card_files
import service_files
import versions
from card_user import authenticate, compose_run_info
from ds3231 import Ds3231
from esam import RECORD_COUNT, RECORD_MONEY, Esam
from events import Events
from iccard import Card
from illegal_cards import FIELDS, IllegalCards
from pages import Pages
from selfcheck import SelfCheck
from state import CLOSED
from state_store import StateStore

_BESIDE = const(0x10)  # offset of the card's keys for meters with public keys
_PAGE_MS = const(2_000)
# Copy bit of the order, ESAM file, offset or record there, the card's command for it.
_SEALED = (
    (service_files.COPY_WALLET, card_files.ESAM_WALLET, RECORD_MONEY, b"\x04\xd6\x82\x00\x08"),
    (service_files.COPY_WALLET, card_files.ESAM_WALLET, RECORD_COUNT, b"\x04\xd6\x82\x04\x08"),
    (service_files.COPY_PARAMS, card_files.ESAM_PARAMS, 0, b"\x04\xd6\x83\x00\x2b"),
    (service_files.COPY_PARAMS, card_files.ESAM_KEY_INFO, 0, b"\x04\xd6\x86\x00\x0e"),
    (service_files.COPY_PARAMS, card_files.ESAM_LIMITS, 0, b"\x04\xd6\x87\x00\x10"),
    (service_files.COPY_TOTALS, card_files.ESAM_RUN_INFO, 0, b"\x04\xd6\x88\x00\x35"),
)


class InspectSession:
    """Serves inspection cards.

    `report_alive` reports to the watchdog's guard that a long session goes on.
    """

    def __init__(
        self,
        esam: "Esam",
        store: "StateStore",
        clock: "Ds3231",
        events: "Events",
        illegal: "IllegalCards",
        pages: "Pages",
        self_check: "SelfCheck",
        report_alive,
        log,
    ) -> None:
        self._esam = esam
        self._store = store
        self._clock = clock
        self._events = events
        self._illegal = illegal
        self._pages = pages
        self._self_check = self_check
        self._report_alive = report_alive
        self._log = log

    async def run(self, card: "Card", command: int, data: bytes):
        """Copy the data that the card asks for. Return all pages as messages, one by one.

        If it asks for the log of events too, return the coroutine function that copies it and
        returns them.
        """
        copies = (
            card_files.unpack(service_files.INSPECTION_ORDER, data)["copies"]
            & service_files.COPY_ALL
        )
        esam = self._esam
        await authenticate(
            card, esam, 0 if await esam.read_key_state() == card_files.KEYS_PRIVATE else _BESIDE
        )
        await _write(card, service_files.INSPECTION_TOTALS, b"\x00")
        framed = await self._set_run_info() if copies & service_files.COPY_TOTALS else b""
        for bit, file, at, target in _SEALED:
            if copies & bit:
                challenge = await card.ask(0x00, 0x84, 0x00, 0x00, le=4)
                if file == card_files.ESAM_RUN_INFO:
                    sealed = await esam.seal_run_info(framed, target, challenge, card.serial)
                else:
                    sealed = await esam.seal(file, at, target, challenge, card.serial)
                await card.ask(target[0], target[1], target[2], target[3], sealed)
        number = await self._copy_events(card) if copies & service_files.COPY_EVENTS else 0
        totals = card_files.pack(service_files.TOTALS, self._compose_totals(copies, number))
        await _write(
            card,
            service_files.INSPECTION_TOTALS,
            card_files.frame(service_files.CMD_READ_BACK, totals),
        )
        self._log("inspected")
        if not copies & service_files.COPY_LOG:
            return self._list_messages()
        return lambda: self._carry_log(card, totals)

    def _list_messages(self) -> tuple:
        return tuple([(text, _PAGE_MS) for text in self._pages.compose_texts()])

    async def _carry_log(self, card: "Card", totals: bytes) -> tuple:
        from card_log import carry

        await carry(card, self._events, totals, self._report_alive, self._log)
        return self._list_messages()

    async def _set_run_info(self) -> bytes:
        """Give the ESAM balance, count, debt and illegal cards of this moment; return them framed.

        The ESAM's wallet may be 30 minutes behind. When the account is closed its statement is kept
        in that place, and goes to the card.
        """
        if self._store.state.has(CLOSED):
            from closing import read

            statement, _ = await read(self._esam)
            if statement:
                return statement
        params = await self._esam.read(
            card_files.ESAM_PARAMS, 0, card_files.size_of(card_files.PARAMS)
        )
        data = card_files.pack(
            card_files.WRITE_BACK,
            compose_run_info(
                self._store.state, self._clock, card_files.unpack(card_files.PARAMS, params)
            ),
        )
        framed = card_files.frame(service_files.CMD_READ_BACK, data)
        await self._esam.set_run_info(framed)
        return framed

    async def _copy_events(self, card: "Card") -> int:
        """Copy the newest illegal cards to the card. Return the number of all that ever were.

        The oldest of them goes first, as the card's log puts the newest in front.
        """
        self._report_alive()
        # A new limit: with a full log and a slow card, one for the whole session is too short.
        card.start_deadline()
        try:
            found = self._illegal.read_newest(service_files.EVENTS)
        except OSError:
            return 0  # the memory's fault is in `faults`
        for packed in found:
            record = card_files.unpack(FIELDS, packed)
            record["code"] += service_files.ILLEGAL_CARD
            record["command"] = record["header"][1:4]
            event = card_files.pack(service_files.CARD_EVENT, record)
            await card.ask(0x00, 0xE2, 0x00, service_files.INSPECTION_EVENTS << 3 | 4, event)
        return int.from_bytes(found[-1][:4], "big") if found else 0

    def _compose_totals(self, copies: int, number: int) -> dict:
        state = self._store.state
        record = {
            name: getattr(state, name)
            for name in ("meter_no", "energy_pj", "remainder", "bought_fen", "price_e4")
        }
        record["faults"] = self._pages.compute_fault_bits()
        record["selfcheck"] = pad_text(self._self_check.code)
        record["version"] = pad_text(versions.version())
        record["events"] = number
        record["copied"] = copies & ~service_files.COPY_LOG  # it comes later, and says so itself
        record["time"] = self._clock.read_local_minute()
        return record


async def _write(card: "Card", file: int, data: bytes) -> None:
    await card.ask(0x00, 0xD6, 0x80 | file, 0x00, data)


def pad_text(text: str) -> bytes:
    """Return this text as eight bytes, filled with blanks."""
    return (text + " " * 8)[:8].encode()


def make_session(parts, command: int):
    """Return the coroutine function that serves these cards, made from the CardSessions `parts`."""
    return InspectSession(
        parts.esam, parts.store, parts.clock, parts.events, parts.illegal, parts.pages,
        parts.self_check, parts.report_alive, parts.log,
    ).run  # fmt: skip
