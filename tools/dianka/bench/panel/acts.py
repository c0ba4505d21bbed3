"""What people do at the panel: each act by name, with its arguments checked."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dianka.bench.panel.founding import BIN, CONTROL, TRAY
from dianka.bench.panel.hub import Hub
from dianka.bench.panel.meter import APPLIANCES, SPEEDS
from dianka.bench.panel.places import Card, Places, read_number
from dianka.bench.panel.process import MeterProcess
from dianka.bench.panel.refusals import LATE, Refusal
from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.cardos.image import CardFile
from dianka.desk.sell import sell

_MOST_FEN = 100_000
_LOOK_S = 0.5  # how often the places are looked at: a counter moves and makes cards too

Act = Callable[[dict[str, Any]], Awaitable[Any]]


class Acts:
    """The acts on these meters, by name, and the news of them in `hub`.

    `sells`: whether the panel sells credit itself, as it has no counter beside it.
    """

    def __init__(
        self,
        root: Path,
        places: Places,
        meters: Mapping[str, MeterProcess],
        hub: Hub,
        sells: bool = True,
    ) -> None:
        self.hub = hub
        self._root = root
        self._places = places
        self._meters = meters
        self._sells = sells
        self._turn = asyncio.Lock()  # one card moves at a time
        self.table: dict[str, Act] = {
            "move": self._move,
            "plate": self._insert_plate,
            "copy": self._copy,
            "key": self._press,
            "mains": self._switch_mains,
            "appliance": self._switch,
            "watts": self._set_watts,
            "speed": self._set_speed,
        }
        if sells:
            self.table["sell"] = self._sell

    def describe(self) -> dict[str, Any]:
        """Return what the page is made of."""
        return {
            "meters": list(self._meters),
            "numbers": {name: read_number(self._root / name) for name in self._meters},
            "readers": list(self._places.readers),
            "speeds": SPEEDS,
            "appliances": {name: each.power_mw // 1000 for name, each in APPLIANCES.items()},
            "sells": self._sells,
        }

    async def watch_places(self) -> None:
        """Publish where the cards are whenever that changes, as long as somebody watches."""
        while True:
            if self.hub.watchers:
                self._tell_places()
                await asyncio.sleep(_LOOK_S)
            else:
                self.hub.on_change.clear()
                await self.hub.on_change.wait()

    def _tell_places(self) -> None:
        cards = [asdict(card) for card in self._places.list_cards()]
        self.hub.publish_cards(json.dumps(cards).encode())

    # ****** Cards ******

    async def _move(self, given: dict[str, Any]) -> None:
        """Lay a card at another place; put it into a slot, or pull it there."""
        name, to = _take_text(given, "card"), _take_text(given, "to")
        how = "upside-down" if given.get("turned") is True else "right"
        async with self._turn:
            try:
                await self._carry(self._places.find(name), to, how)
            finally:
                self._tell_places()

    async def _carry(self, card: Card, to: str, how: str) -> None:
        if card.place == to:
            return
        self._places.must_be_free(to)
        if card.place in self._places.slots:
            await self._meters[card.place].order("pull")
        former = card.place
        card = self._places.move(card, to)
        if to in self._places.slots:
            try:
                await self._meters[to].order("insert", str(self._places.get_path(card)), how)
            except Refusal as refusal:
                if refusal.key != LATE:  # else it may be in: the meter will say so
                    self._places.move(card, TRAY if former in self._places.slots else former)
                raise

    async def _insert_plate(self, given: dict[str, Any]) -> None:
        """Put a piece of metal into a slot, or take it out."""
        await self._get_meter(given).order("insert_plate" if given.get("in") else "pull")

    async def _copy(self, given: dict[str, Any]) -> None:
        """Lay a thief's copy of a card into the tray."""
        async with self._turn:
            self._places.copy(self._places.find(_take_text(given, "card")))
            self._tell_places()

    async def _sell(self, given: dict[str, Any]) -> dict[str, int]:
        """Sell credit on a card that lies in the tray."""
        fen = _take_number(given, "fen", _MOST_FEN)
        async with self._turn:
            card = self._places.find(_take_text(given, "card"))
            if card.place in self._places.slots or card.place == BIN:
                raise Refusal("refuse.not-at-hand")
            if card.kind != kinds.USER:
                raise Refusal("refuse.no-user-card")
            path = self._places.get_path(card)
            count = await asyncio.to_thread(_sell_on, self._root / CONTROL, path, fen)
            self._tell_places()
        return {"count": count, "fen": fen}

    # ****** Meters ******

    async def _press(self, given: dict[str, Any]) -> None:
        await self._get_meter(given).order("hold_key", given.get("down") is True)

    async def _switch_mains(self, given: dict[str, Any]) -> None:
        await self._get_meter(given).order("switch_mains", _take_text(given, "to"))

    async def _switch(self, given: dict[str, Any]) -> None:
        name = _take_text(given, "name")
        await self._get_meter(given).order("switch", name, given.get("on") is True)

    async def _set_watts(self, given: dict[str, Any]) -> None:
        await self._get_meter(given).order("set_watts", _take_number(given, "watts", 1_000_000))

    async def _set_speed(self, given: dict[str, Any]) -> None:
        await self._get_meter(given).order("set_speed", _take_number(given, "speed", 1_000_000))

    def _get_meter(self, given: dict[str, Any]) -> MeterProcess:
        meter = self._meters.get(_take_text(given, "meter"))
        if meter is None:
            raise Refusal("refuse.no-meter")
        return meter


def _sell_on(control: Path, path: Path, fen: int) -> int:
    try:
        with CardFile.open(control) as held, CardFile.open(path) as card:
            return sell(held, card, fen).count
    except CardError as error:
        raise Refusal("refuse.sale", why=str(error)) from None


def _take_text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 200:
        raise Refusal("refuse.argument", name=name)
    return value


def _take_number(given: dict[str, Any], name: str, most: int) -> int:
    value = given.get(name)
    if type(value) is not int or not 0 <= value <= most:
        raise Refusal("refuse.argument", name=name)
    return value
