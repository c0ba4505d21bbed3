"""Run the sessions of the master-key change card and of the restore card, which undoes it.

Six keys go from the card into the ESAM, each sealed by the card under the master key that the ESAM
has now. The ESAM keeps each new key aside and changes to all of them at once with the last one, the
master: a cut anywhere leaves the old set working, and the card can be put in again. The card counts
itself down when it seals the first key of this meter, and remembers the meter: serving the same one
again costs no use (docs/cards/protocol.md, "Loading keys"). The keys that name the meter go first,
so that the card knows whom the others are for.
"""

from micropython import const

import card_files
import state as records
import supply
from card_errors import make_error
from card_user import identify
from esam import Esam
from event_chain import BY_KEY_CARD, PARAMETERS
from events import Events
from iccard import Card
from state import State
from state_store import StateStore

_ROOT_KEYS = (1, 2, 6)  # loaded undiversified: the ESAM diversifies them by card
_METER_KEYS = (4, 5)  # diversified with the meter number, as the master is
_MASTER = const(0)
_NO_METER = b"\x01" + bytes(8)
_USED_UP = const(0x6985)
_SHOW_MS = const(5_000)


class KeysSession:
    """Serves master-key change and restore cards."""

    def __init__(self, esam: "Esam", store: "StateStore", events: "Events", log) -> None:
        self._esam = esam
        self._store = store
        self._events = events
        self._log = log

    async def run(self, card: "Card", command: int, data: bytes) -> tuple:
        """Load the keys. Return a message that shows that it is done."""
        esam, state = self._esam, self._store.state
        restore = command == card_files.CMD_KEYS_RESTORE
        has, gets = (
            (card_files.KEYS_PRIVATE, card_files.KEYS_PUBLIC)
            if restore
            else (card_files.KEYS_PUBLIC, card_files.KEYS_PRIVATE)
        )
        if not state.meter_no:
            raise make_error("KEY_STATE", "keys before the meter number")
        if state.has(records.TEST_CREDIT):
            raise make_error("KEY_STATE", "test credit in the meter: initialise it first")
        if await esam.read_key_state() != has:
            raise make_error(
                "KEY_STATE", "the meter has %s keys already" % ("public" if restore else "private")
            )
        if not restore:
            await _raise_unless_ready(esam, state)
        await identify(card, esam)
        if not restore:
            _cancel_debt(self._store)
        meter = b"\x01\x00\x00" + card_files.to_bcd(state.meter_no, 6)
        # Set, kind and factor of the present master key: public ones have meter number zero.
        order = bytes((gets,)) + (meter if restore else _NO_METER)
        own = order + (_NO_METER if restore else meter)
        for key in _METER_KEYS:
            await _load_key(card, esam, key, own, has)
        for key in _ROOT_KEYS:
            await _load_key(card, esam, key, order + b"\x00" + bytes(8), has)
        await _load_key(card, esam, _MASTER, own, has)
        if await esam.read_key_state() != gets:
            raise make_error("ESAM", "keys loaded, but not of the set they should be of")
        self._log("%s keys loaded" % ("public" if restore else "private"))
        self._events.log(PARAMETERS, BY_KEY_CARD, card.serial + bytes((gets,)))
        return (("donE", _SHOW_MS),)


async def _raise_unless_ready(esam: "Esam", state: "State") -> None:
    """Refuse private keys unless initialisation is complete and no credit is left.

    They would lock both in.
    """
    params = await esam.read(card_files.ESAM_PARAMS, 0, card_files.size_of(card_files.PARAMS))
    if (
        not state.has(records.INITIALISED)
        or card_files.unpack(card_files.PARAMS, params)["meter_no"] != state.meter_no
    ):
        raise make_error("KEY_STATE", "the initialisation is not complete: do it again first")
    if not state.has(records.OPENED) and (
        state.balance_fen > 0 or state.count or await esam.read_wallet() != (0, 0)
    ):
        raise make_error(
            "KEY_STATE", "credit in a meter that nobody has opened: initialise it first"
        )


def _cancel_debt(store: "StateStore") -> None:
    """Cancel the debt of a meter that nobody has opened.

    It was used by the factory's tests, and the first customer must not pay for it.
    """
    state = store.state
    if state.has(records.OPENED):
        return
    state.balance_fen = state.remainder = 0
    state.set(records.LOCKED, False)
    supply.update(state)
    store.commit()  # even if nothing was owed: an earlier one may have failed


async def _load_key(card: "Card", esam: "Esam", key: int, order: bytes, present: int) -> None:
    """Load one key, sealed by the card under the ESAM's present master key and challenge."""
    challenge = await esam.get_challenge(4)
    sealed, sw = await card.command(
        0x80, 0xFA, 0x06, key, order + challenge + bytes((present,)) + bytes(6)
    )
    if sw == _USED_UP:
        raise make_error("COUNT", "no uses left on the card")
    if sw != 0x9000:
        raise make_error("COMMUNICATION", "status %04X" % sw)
    await esam.install_key(key, sealed)


def make_session(parts, command: int):
    """Return the coroutine function that serves these cards, made from the CardSessions `parts`."""
    return KeysSession(parts.esam, parts.store, parts.events, parts.log).run
