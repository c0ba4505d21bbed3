"""The panel's whole story by real HTTP, with the firmware on the real MicroPython."""

import http.client
import json
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dianka.bench.panel.founding import found_panel
from dianka.bench.panel.hub import MOST_WATCHERS
from panel_kit import LIMIT_S, PanelKit, Refused, Stream, count_cpu_ms, wait_until, watched_panel

Watched = tuple[PanelKit, Stream]
CARD = "resident-1.card"
ALARM1_FEN = 1500


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with watched_panel(tmp_path) as both:
        yield both


def use_up(panel: PanelKit, stream: Stream, lamp: str) -> None:
    """Let time run as fast as it goes until this lamp is lit."""
    panel.do("speed", meter="meter1", speed=0)
    stream.wait_for_picture(lambda seen: seen["lamps"][lamp], f"lamp {lamp}")
    stream.wait_for_picture(lambda seen: seen["speed"] == 1, "time at 1x again")


def put_in(panel: PanelKit, stream: Stream, card: str = CARD) -> int:
    """Put the card in; return how many texts there were before."""
    since = len(stream.texts)
    panel.do("move", card=card, to="meter1")
    stream.wait(lambda: stream.find_place(card) == "meter1", "the card in the slot")
    return since


def finish(panel: PanelKit, stream: Stream, card: str = CARD) -> None:
    """Wait until the meter is done with the card, and pull it."""
    stream.wait_for_picture(lambda seen: not seen["talks"], "the session's end")
    panel.do("move", card=card, to="tray")


@pytest.mark.slow
def test_buy_use_be_warned_be_cut_off_buy_again(tmp_path: Path) -> None:
    found_panel(tmp_path, 1, price_e4=60_000)  # dear, so that a purchase is soon used up
    with watched_panel(tmp_path) as (panel, stream):
        play_the_story(panel, stream)


def play_the_story(panel: PanelKit, stream: Stream) -> None:
    stream.wait_for_text("not oPEn")
    assert stream.pictures["meter1"]["relay"] is False
    since = put_in(panel, stream)
    stream.wait_for_text("rEAd", since)
    stream.wait_for_text("0.00", since)
    stream.wait_for_text("20.00", since)
    stream.wait_for_picture(lambda seen: seen["relay"], "supply on")
    finish(panel, stream)
    for name in ("kettle", "cooker", "lamp", "fridge"):
        panel.do("appliance", meter="meter1", name=name, on=True)
    panel.do("watts", meter="meter1", watts=2000)
    stream.wait_for_picture(lambda seen: seen["mw"] == 6_070_000, "all appliances")
    use_up(panel, stream, "alarm")
    warned = stream.wait_for_picture(
        lambda seen: re.fullmatch(r"\d+\.\d\d", seen["text"]), "the balance"
    )
    assert warned["relay"] and int(warned["text"].replace(".", "")) <= ALARM1_FEN
    use_up(panel, stream, "trip")
    stream.wait_for_picture(lambda seen: not seen["relay"], "supply off")
    stream.wait_for_text("Lo CArd")
    assert stream.pictures["meter1"]["mw"] == 0
    assert panel.do("sell", card=CARD, fen=2000) == {"count": 2, "fen": 2000}
    since = put_in(panel, stream)
    stream.wait_for_text("30.00", since)
    stream.wait_for_picture(lambda seen: seen["relay"] and seen["mw"], "supply on again")
    assert not stream.pictures["meter1"]["lamps"]["alarm"]


@pytest.mark.slow
def test_a_thiefs_copy_is_refused_and_the_original_is_not(watched: Watched) -> None:
    panel, stream = watched
    stream.wait_for_text("not oPEn")
    panel.do("copy", card=CARD)
    copy = "resident-1-copy1.card"
    stream.wait(lambda: stream.find_place(copy) == "tray", "the copy")
    since = put_in(panel, stream, copy)
    stream.wait_for_text("Err-32", since)
    stream.wait_for_text("CodE   5", since)
    assert stream.pictures["meter1"]["means"] == ["show.code", {"code": "5"}]
    finish(panel, stream, copy)
    with pytest.raises(Refused, match=r"refuse\.sale"):
        panel.do("sell", card=copy, fen=100)
    since = put_in(panel, stream)
    stream.wait_for_text("20.00", since)
    finish(panel, stream)
    panel.do("move", card=copy, to="bin")
    stream.wait(lambda: stream.find_place(copy) == "bin", "the copy thrown away")


@pytest.mark.slow
def test_a_card_pulled_in_mid_session_loses_nothing(watched: Watched) -> None:
    panel, stream = watched
    stream.wait_for_text("not oPEn")
    put_in(panel, stream)
    stream.wait(lambda: len(stream.exchanges) > 8, "some words of the session")
    since = len(stream.texts)
    panel.do("move", card=CARD, to="tray")
    stream.wait_for_text("Err-35", since)
    stream.wait_for_text("LEAUE 1n", since)
    since = put_in(panel, stream)
    stream.wait_for_text("20.00", since)


def let_pass(stream: Stream, us: int) -> None:
    """Wait until so much of the meter's time has passed."""
    until_us = stream.pictures["meter1"]["at_us"] + us
    stream.wait_for_picture(lambda seen: seen["at_us"] >= until_us, f"{us} us of its time")


@pytest.mark.slow
def test_the_key_short_and_long(watched: Watched) -> None:
    panel, stream = watched
    put_in(panel, stream)
    stream.wait_for_text("20.00")
    finish(panel, stream)
    panel.do("speed", meter="meter1", speed=60)
    let_pass(stream, 10_000_000)  # until what the card has brought up is gone
    panel.do("key", meter="meter1", down=True)
    let_pass(stream, 300_000)
    panel.do("key", meter="meter1", down=False)
    stream.wait_for_text("E    0.00")
    assert stream.pictures["meter1"]["speed"] == 1  # a hand at the meter brings it back
    let_pass(stream, 500_000)
    panel.do("key", meter="meter1", down=True)
    stream.wait(lambda: any(text.startswith("bn") for text in stream.texts), "the statement")
    panel.do("key", meter="meter1", down=False)


@pytest.mark.slow
def test_mains_off_on_and_cut(watched: Watched) -> None:
    panel, stream = watched
    stream.wait_for_text("not oPEn")
    for how in ("off", "cut"):
        panel.do("mains", meter="meter1", to=how)
        seen = stream.wait_for_picture(lambda seen: not seen["powered"], f"mains {how}")
        assert seen["digits"] == [0] * 8 and seen["mv"] == 0 and not any(seen["lamps"].values())
        if how == "off":
            with pytest.raises(Refused, match=r"refuse\.mains"):
                panel.do("mains", meter="meter1", to="off")
        since = len(stream.texts)
        panel.do("mains", meter="meter1", to="on")
        stream.wait_for_text("not oPEn", since)


def test_what_can_not_be_is_refused(watched: Watched) -> None:
    panel, stream = watched
    panel.do("plate", meter="meter1", **{"in": True})
    for key, act, given in (
        ("refuse.slot-full", "move", {"card": CARD, "to": "meter1"}),
        ("refuse.slot-full", "plate", {"meter": "meter1", "in": True}),
        ("refuse.no-place", "move", {"card": CARD, "to": "../desk"}),
        ("refuse.no-card", "move", {"card": "../../desk/control.card", "to": "tray"}),
        ("refuse.no-card", "copy", {"card": "nobody.card"}),
        ("refuse.argument", "move", {"card": CARD}),
        ("refuse.argument", "move", {"card": "x" * 201, "to": "tray"}),
        ("refuse.no-meter", "key", {"meter": "meter9", "down": True}),
        ("refuse.speed", "speed", {"meter": "meter1", "speed": 7}),
        ("refuse.argument", "speed", {"meter": "meter1", "speed": 1.5}),
        ("refuse.argument", "speed", {"meter": "meter1", "speed": True}),
        ("refuse.argument", "watts", {"meter": "meter1", "watts": -1}),
        ("refuse.watts", "watts", {"meter": "meter1", "watts": 6601}),
        ("refuse.appliance", "appliance", {"meter": "meter1", "name": "__class__", "on": True}),
        ("refuse.mains", "mains", {"meter": "meter1", "to": "sideways"}),
        ("refuse.argument", "sell", {"card": CARD, "fen": 10**12}),
    ):
        with pytest.raises(Refused) as refused:
            panel.do(act, **given)
        assert str(refused.value) == key, act
    panel.do("watts", meter="meter1", watts=6600)
    with pytest.raises(Refused, match=r"refuse\.load"):
        panel.do("appliance", meter="meter1", name="cooker", on=True)
    assert stream.find_place(CARD) == "tray"


def test_requests_from_elsewhere_and_broken_ones(watched: Watched) -> None:
    panel, _ = watched
    good = {"Content-Type": "application/json", "X-Panel-Token": panel.token}
    body = json.dumps({"meter": "meter1", "down": True}).encode()

    def post(headers: dict[str, str], sent: bytes = body, path: str = "/do/key") -> int:
        return panel.request("POST", path, sent, headers)[0]

    assert post(good) == 200
    assert post({**good, "Origin": "http://evil.example"}) == 403
    assert post({**good, "Host": "evil.example"}) == 421
    assert post({**good, "X-Panel-Token": "guess"}) == 403
    assert post({"X-Panel-Token": panel.token, "Content-Type": "text/plain"}) == 415
    assert post(good, b"[]") == 400 and post(good, b"{") == 400
    assert post(good, b"[" * 3000) == 400 and post(good, b" " * 5000) == 400
    assert post(good, path="/do/close") == 404 and post(good, path="/") == 404
    assert panel.get("/events", {"Origin": "null"})[0] == 403
    assert panel.get("/", {"Host": "evil.example"})[0] == 421
    assert panel.get("/static/../app.py")[0] == 404
    assert panel.get("/static/words.json")[0] == 404
    for path in ("/", "/static/panel.js", "/static/panel.css", "/nothing"):
        status, headers, _ = panel.get(path)
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert status == (404 if path == "/nothing" else 200)
        assert headers["cache-control"] == "no-store"


def test_both_languages_and_the_switch(watched: Watched) -> None:
    panel, _ = watched
    english = panel.get("/", {"Accept-Language": "en-GB"})[2].decode()
    chinese = panel.get("/", {"Accept-Language": "zh-CN"})[2].decode()
    assert 'lang="en"' in english and 'lang="zh-Hans"' in chinese
    status, headers, body = panel.get("/?lang=zh", {"Accept-Language": "en"})
    assert status == 200 and 'lang="zh-Hans"' in body.decode()
    cookie = headers["set-cookie"].partition(";")[0]
    again = panel.get("/", {"Accept-Language": "en", "Cookie": cookie})[2].decode()
    assert 'lang="zh-Hans"' in again


def test_orders_given_at_once_are_all_answered(watched: Watched) -> None:
    """An order that was answered must not take away another one's answer."""
    panel, stream = watched
    with ThreadPoolExecutor(8) as pool:
        given = [pool.submit(panel.do, "watts", meter="meter1", watts=n) for n in range(40)]
        assert [each.result(LIMIT_S) for each in given] == [None] * 40
    stream.wait_for_picture(lambda seen: seen["at_us"], "its time goes on")


@pytest.mark.slow
def test_several_meters_are_apart(tmp_path: Path) -> None:
    with watched_panel(tmp_path, "--meters", "2") as (panel, stream):
        for meter in ("meter1", "meter2"):
            stream.wait_for_picture(lambda seen: seen["text"] == "not oPEn", meter, meter)
        since = put_in(panel, stream, "resident-2.card")
        stream.wait_for_text("not HErE", since)
        finish(panel, stream, "resident-2.card")
        panel.do("move", card="resident-2.card", to="meter2")
        stream.wait_for_picture(lambda seen: seen["relay"], "meter 2 on", "meter2")
        panel.do("mains", meter="meter1", to="cut")
        stream.wait_for_picture(lambda seen: not seen["powered"], "meter 1 dead")
        assert stream.pictures["meter2"]["powered"]


def test_time_stands_still_while_nobody_watches(tmp_path: Path) -> None:
    """A browser that goes away costs nothing: no process uses a single tick any more."""
    with PanelKit(tmp_path) as panel:
        stream = panel.watch()
        stream.wait_for_text("not oPEn")
        panel.do("speed", meter="meter1", speed=0)
        stream.wait_for_picture(lambda seen: seen["true"] is not None, "time at full speed")
        stream.close()
        panel.streams.clear()
        pids = list_tree(panel.process.pid)
        assert len(pids) >= 3  # server, meter, MicroPython
        used = [-1]

        def is_still() -> bool:
            before = count_cpu_ms(pids)
            time.sleep(0.3)
            used[0] = count_cpu_ms(pids) - before
            return used[0] == 0

        assert wait_until(is_still), f"{used[0]} ms of processor time without a browser"
        again = panel.watch()
        seen = again.wait_for_picture(lambda seen: seen["powered"], "the meter goes on")
        again.wait_for_picture(lambda now: now["at_us"] > seen["at_us"], "its time goes on")


def list_tree(pid: int) -> list[int]:
    """Return a process and all that came of it."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").iterdir():
            children = (task / "children").read_text(encoding="ascii").split()
            found += [int(child) for child in children]
    return found


def test_streams_have_an_end(watched: Watched) -> None:
    panel, _ = watched
    for _ in range(MOST_WATCHERS - 1):
        panel.watch()
    assert panel.get("/events")[0] == 503
    panel.streams.pop().close()
    assert wait_until(lambda: opens_stream(panel))


def opens_stream(panel: PanelKit) -> bool:
    connection = http.client.HTTPConnection(panel.host, timeout=30)
    connection.request("GET", "/events")
    status = connection.getresponse().status
    connection.close()
    return status == 200


@pytest.mark.slow
def test_memories_and_cards_are_kept_in_the_folder(tmp_path: Path) -> None:
    with watched_panel(tmp_path) as (panel, stream):
        put_in(panel, stream)
        stream.wait_for_text("20.00")
        stream.wait_for_picture(lambda seen: not seen["talks"], "the session's end")
        status, said = panel.close()
        assert (status, said) == (0, "")
    with watched_panel(tmp_path) as (panel, stream):
        stream.wait_for_text("20.00")
        assert stream.pictures["meter1"]["relay"]
        assert stream.find_place(CARD) == "tray"  # it has fallen out of the slot


def test_a_meter_whose_process_ends_says_so(watched: Watched) -> None:
    panel, stream = watched
    stream.wait_for_text("not oPEn")
    meter = next(pid for pid in list_tree(panel.process.pid) if is_meter(pid))
    os.kill(meter, 9)
    assert wait_until(lambda: is_stopped(panel))
    assert panel.get("/")[0] == 200


def is_meter(pid: int) -> bool:
    return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()


def is_stopped(panel: PanelKit) -> bool:
    try:
        panel.do("key", meter="meter1", down=True)
    except Refused as refused:
        return str(refused) == "refuse.stopped"
    return False
