"""The stream: who comes late is told, who is slow holds up nobody, who goes costs nothing."""

import asyncio
import json
from collections.abc import AsyncGenerator

from dianka.bench.panel.hub import KEPT, Hub


async def take(events: AsyncGenerator[bytes]) -> bytes:
    return await asyncio.wait_for(anext(events), 5)


def news(number: int) -> bytes:
    return json.dumps({"number": number}).encode()


def test_who_comes_later_is_told_what_was() -> None:
    async def play() -> None:
        hub = Hub()
        for number in range(150):
            hub.publish("meter1", "log", news(number))
            hub.publish("meter1", "picture", news(number))
        hub.publish_cards(b"[]")
        events = hub.watch()
        assert b"retry: " in await take(events) and b"event: run" in await take(events)
        told = await take(events)
        assert told.count(b"event: log") == KEPT["log"] and told.count(b"event: picture") == 1
        assert news(149) in told and b"event: cards" in told
        await events.aclose()
        assert hub.watchers == 0

    asyncio.run(play())


def test_a_slow_browser_gets_the_newest_picture_and_no_more_than_a_bound() -> None:
    async def play() -> None:
        hub = Hub()
        events = hub.watch()
        for _ in range(3):
            await take(events)
        for number in range(10_000):
            hub.publish("meter1", "picture", news(number))
            hub.publish("meter1", "log", news(number))
        told = await take(events)
        assert told.count(b"event: picture") == 1 and told.count(b"event: log") == 1500
        assert news(9999) in told
        await events.aclose()

    asyncio.run(play())


def test_cards_are_told_when_they_have_moved() -> None:
    async def play() -> None:
        hub = Hub()
        events = hub.watch()
        for _ in range(3):
            await take(events)
        hub.publish_cards(b"[1]")
        assert await take(events) == b"event: cards\ndata: [1]\n\n"
        hub.publish_cards(b"[1]")
        hub.publish_cards(b"[2]")
        assert await take(events) == b"event: cards\ndata: [2]\n\n"
        await events.aclose()

    asyncio.run(play())


def test_closing_ends_the_streams() -> None:
    async def play() -> None:
        hub = Hub()
        events = hub.watch()
        for _ in range(3):
            await take(events)
        hub.close()
        assert [each async for each in events] == []
        assert hub.watchers == 0

    asyncio.run(play())
