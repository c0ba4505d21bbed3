"""Run the initialisation card's session: number, thresholds, limits, tariff, empty wallet.

Public key state only; the meter then has no customer. The steps are in docs/cards/sessions.md.

A card with money, a count or a customer is refused before anything changes. A cut in the middle
leaves the meter not initialised, as does a card refused later; a good card repeats the whole
session. Anybody can make such a card, so the meter's counts go on: energy and illegal cards.

The card brings the time when it was made. The meter's clock can't be right before that time: a
clock that is earlier, or has lost the time, is set to it, and no earlier time is accepted any more.
"""

from micropython import const

import card_files
import parameters
import state as records
import supply
from card_errors import make_error, make_refusal
from card_user import authenticate
from display import add_label
from ds3231 import Ds3231
from esam import Esam
from event_chain import BY_INITIALISATION, PARAMETERS
from events import Events
from iccard import Card
from state import State
from state_store import StateStore
from tariff import FRAMED_BYTES, Tariff, check, set_price

_MONEY = b"\x04\xdc\x01\x0c\x08"
_COUNT = b"\x04\xdc\x03\x0c\x08"
# In the public state the ESAM's meter keys are diversified with meter number zero.
_FACTOR = bytes(8)
_NO_FILE = const(0x6A82)
_SHOW_MS = const(5_000)


class InitSession:
    """Serves initialisation cards."""

    def __init__(
        self,
        esam: "Esam",
        store: "StateStore",
        clock: "Ds3231",
        tariff: "Tariff",
        events: "Events",
        log,
    ) -> None:
        self._esam = esam
        self._store = store
        self._clock = clock
        self._tariff = tariff
        self._events = events
        self._log = log

    async def run(self, card: "Card", command: int, data: bytes) -> tuple:
        """Set the meter up. Return a message that shows the end of its number."""
        info = card_files.unpack(card_files.PARAMS, data)
        if not info["meter_no"]:
            raise make_error("FORMAT", "meter number zero")
        if info["customer_no"] or info["card_type"]:
            raise make_error("FORMAT", "initialisation card that names a customer")
        if await self._esam.read_key_state() != card_files.KEYS_PUBLIC:
            raise make_error("KEY_STATE", "initialisation card, but the meter has private keys")
        earliest_s = _compute_desk_time_s(self._clock, info["switch_time"])
        await authenticate(card, self._esam)
        rules, moves = await self._read_rules(card)
        fresh = records.State()
        fresh.meter_no = info["meter_no"]
        fresh.earliest_s = earliest_s
        parameters.apply_params(fresh, info)
        parameters.apply_silence(fresh, info)
        if rules:
            parameters.apply_supply(fresh, rules)
        await self._transfer(card, data, rules if moves else b"", fresh)
        fresh.set(records.INITIALISED)
        supply.update(fresh)
        _copy_lasting_values(self._store.state, fresh)
        self._store.state = fresh
        self._store.commit()
        self._log("initialised as meter %012d" % fresh.meter_no)
        if earliest_s:
            done = self._clock.bring_up_to(earliest_s, self._log)
            if done:
                self._events.log_clock(done[0], earliest_s)
        self._events.log(PARAMETERS, BY_INITIALISATION, card.serial)
        return ((add_label("no", "%06d" % (fresh.meter_no % 1000000)), _SHOW_MS),)

    async def _read_rules(self, card: "Card") -> tuple:
        """Return (the rules of the supply that the meter is to have, whether the card brings them).

        The rules are b"" if there are none. They are judged by the caller before anything changes.
        From a card of an earlier make nothing comes, and the ESAM keeps what it has. An ESAM of an
        earlier make can't take any.
        """
        own = await parameters.read_supply(self._esam)
        size = card_files.SUPPLY_SIZE + card_files.FRAME_OVERHEAD
        framed, sw = await card.command(0x00, 0xB0, 0x80 | card_files.CARD_SUPPLY, 0x00, le=size)
        if sw == _NO_FILE:
            return own or b"", False
        if sw != 0x9000:
            raise make_refusal("COMMUNICATION", sw)
        _, rules = card_files.unframe(framed)
        if own is None and any(rules):
            raise make_error("ESAM", "an ESAM of an earlier make can't take rules of the supply")
        return rules, own is not None

    async def _transfer(self, card: "Card", params: bytes, rules: bytes, fresh: "State") -> None:
        """Copy every file to the ESAM, sealed for it; `fresh` gets the meter's own values."""
        state, esam = self._store.state, self._esam
        if card_files.unpack(card_files.PARAMS, params)["user_type"] == card_files.SEVERAL_RATES:
            check(await card.read(card_files.CARD_TARIFF_1, 0, FRAMED_BYTES))
        # Only checked: the money's challenge replaces the one that it is sealed for.
        await _read_empty_count(card, esam)
        money = await _read_sealed(card, esam, card_files.CARD_WALLET, 0, _MONEY)
        if any(money[:-4]):
            raise make_error("FORMAT", "initialisation card with money")
        state.set(records.INITIALISED, False)
        self._store.commit()
        await esam.init_money(money)
        await esam.init_count(await _read_empty_count(card, esam))
        block = await _read_sealed(card, esam, card_files.CARD_INFO, 4, b"\x04\xd6\x82\x00\x2b")
        if block[:-4] != params:
            raise make_error("MAC", "sealed is not what was read")
        await esam.update(card_files.ESAM_PARAMS, block)
        limits = await _read_sealed(card, esam, card_files.CARD_LIMITS, 4, b"\x04\xd6\x89\x00\x10")
        await esam.update(card_files.ESAM_LIMITS, limits)
        tariff = await _read_sealed(
            card, esam, card_files.CARD_TARIFF_1, 0, b"\x04\xd6\x83\x00\xcb"
        )
        check(tariff[:-4])
        await esam.update(card_files.ESAM_TARIFF_1, tariff)
        if rules:
            sealed = await _read_sealed(
                card, esam, card_files.CARD_SUPPLY, 4, b"\x04\xd6\x8a\x00\x29"
            )
            if sealed[:-4] != rules:
                raise make_error("MAC", "sealed is not what was read")
            await esam.update(card_files.ESAM_SUPPLY, sealed)
        parameters.apply_limits(fresh, card_files.unpack(card_files.LIMITS, limits[:-4]))
        self._tariff.keep(tariff[:-4])
        set_price(fresh, tariff[:-4])


def _compute_desk_time_s(clock: "Ds3231", minute: int) -> int:
    """Return when the card was made; 0 if it does not say.

    With 0 the clock and `earliest_s` stay as they are. CardError if the time is not a date.
    """
    if not minute:
        return 0
    try:
        return clock.seconds_of(minute)
    except ValueError:
        raise make_error("FORMAT", "initialisation card whose time is none") from None


def _copy_lasting_values(former: "State", fresh: "State") -> None:
    """Copy to the fresh state the values that no card may set back.

    The remainder is not among them: that part of a fen was the former account's.
    """
    fresh.energy_pj = former.energy_pj
    fresh.register, fresh.pulse_pj = former.register, former.pulse_pj
    fresh.calibration_crc = former.calibration_crc
    fresh.uncharged_starts = former.uncharged_starts
    fresh.illegal_cards = former.illegal_cards
    fresh.earliest_s = fresh.earliest_s or former.earliest_s


async def _read_empty_count(card: "Card", esam: "Esam") -> bytes:
    """Return the sealed purchase count; CardError unless it is zero."""
    block = await _read_sealed(card, esam, card_files.CARD_WALLET, 4, _COUNT)
    if any(block[:-4]):
        raise make_error("COUNT", "initialisation card with a purchase count")
    return block


async def _read_sealed(card: "Card", esam: "Esam", file: int, offset: int, target: bytes) -> bytes:
    """Return data ‖ MAC of a card file, sealed for the ESAM's next command `target`."""
    challenge = await esam.get_challenge(4)
    return await card.ask(0x04, 0xB0, 0x80 | file, offset, challenge + target + _FACTOR)


def make_session(parts, command: int):
    """Return the coroutine function that serves these cards, made from the CardSessions `parts`."""
    return InitSession(
        parts.esam, parts.store, parts.clock, parts.tariff, parts.events, parts.log
    ).run
