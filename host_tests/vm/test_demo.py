"""The demonstration: an office that proves, one server for both, the whole story in a browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser_kit import open_browser, open_page
from dianka.bench.demo.picture import CARD, lay, play_purchase
from office_kit import dianka
from panel_kit import PanelKit, Refused, Stream


def open_demo(folder: Path) -> PanelKit:
    return PanelKit(folder / "demo", which="demo", base="/meter")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelKit]:
    with open_demo(tmp_path_factory.mktemp("demo")) as kit:
        yield kit


@pytest.fixture(scope="module")
def stream(demo: PanelKit) -> Stream:
    return demo.watch()


@pytest.mark.slow
def test_the_door_wants_its_key(demo: PanelKit) -> None:
    for path in ("/enter", "/enter?key=", "/enter?key=guess"):
        status, headers, _ = demo.get(path)
        assert status == 403 and "set-cookie" not in headers
    path = demo.url.removeprefix(f"http://{demo.host}")
    assert demo.get(path, {"Host": "evil.example"})[0] == 403
    status, headers, _ = demo.get(path)
    assert (status, headers["location"]) == (303, "/meter/")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    page = demo.get("/counter", {"Cookie": cookie.partition(";")[0]})
    assert page[0] == 200
    assert demo.get("/counter")[0] == 401


def test_both_stand_side_by_side_and_in_no_foreign_frame(demo: PanelKit) -> None:
    for path in ("/meter/", "/sign-in"):
        status, headers, _ = demo.get(path)
        assert status == 200
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
    assert demo.get("/meter")[0] == 308
    assert demo.get("/sign-in", {"Host": "evil.example"})[0] == 400
    assert demo.get("/meter/", {"Host": "evil.example"})[0] == 421


def test_there_is_no_second_counter(demo: PanelKit, stream: Stream) -> None:
    stream.wait(lambda: len(stream.cards) == 4, "all cards")
    assert {card["name"]: card["place"] for card in stream.cards} == {
        "control.card": "control",
        "inspection.card": "tray",
        "resident-101.card": "tray",
        "resident-102.card": "tray",
    }
    with pytest.raises(AssertionError, match="404"):
        demo.do("sell", card="resident-101.card", fen=100)
    with pytest.raises(Refused, match=r"refuse\.full"):
        demo.do("move", card="resident-101.card", to="control")


@pytest.mark.slow
def test_sell_carry_use_be_warned_buy_again(tmp_path: Path) -> None:
    with (
        open_browser() as browser,
        open_demo(tmp_path) as demo,
        open_page(browser, demo.url, strict=False) as page,
    ):
        stream = demo.watch()
        stream.wait_for_text("not oPEn")
        play_purchase(page)
        stream.wait_for_text("20.00")
        lay(page, f".slot {CARD}", "[data-place=tray]")
        for name in ("cooker", "fridge"):
            page.locator(f"[data-name={name}]").click()
        page.get_by_label("other, W").fill("2000")
        page.get_by_role("button", name="connect").click()
        stream.wait_for_picture(lambda seen: seen["mw"] > 6_000_000, "all appliances")
        page.get_by_role("button", name="fastest").click()
        stream.wait_for_picture(lambda seen: seen["lamps"]["alarm"], "the warning")
        counter = page.frame_locator("iframe")
        counter.get_by_text("Next customer").click()
        put_in_by_way_of_meter(demo, stream)
        lay(page, CARD, "[data-place=counter]")
        counter.get_by_text("The meter last said").wait_for()
        assert re.search(r"1[45]\.\d\d yuan", counter.locator("main").inner_text())
        counter.locator("[name=amount]").fill("30")
        counter.locator("[name=amount]").press("Enter")
        counter.get_by_text("Sold:").wait_for()
        since = len(stream.texts)
        lay(page, CARD, ".front")
        stream.wait(
            lambda: any(re.fullmatch(r"4[45]\.\d\d", text) for text in stream.texts[since:]),
            "15 and 30 yuan",
        )
        page.wait_for_selector(".station:not(.talks)")
        assert demo.close()[0] == 0
        check_office(tmp_path / "demo" / "office")


def put_in_by_way_of_meter(demo: PanelKit, stream: Stream) -> None:
    """Let the card bring the meter's receipt along."""
    demo.do("move", card="resident-101.card", to="meter1")
    stream.wait_for_picture(lambda seen: seen["talks"], "the session")
    stream.wait_for_picture(lambda seen: not seen["talks"], "its end")
    demo.do("move", card="resident-101.card", to="tray")


def check_office(office: Path) -> None:
    """The books prove whole, and every row is as its acts say."""
    for command in ("prove", "check"):
        done = dianka("office", command, "--office", office)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_new_demonstration_proves_and_is_kept(tmp_path: Path) -> None:
    with open_demo(tmp_path) as first:
        first.watch().wait_for_text("not oPEn")
        first.do("move", card="resident-101.card", to="counter")
    check_office(tmp_path / "demo" / "office")
    with open_demo(tmp_path) as second:
        stream = second.watch()
        stream.wait_for_text("not oPEn")
        assert stream.find_place("resident-101.card") == "counter"


def test_a_folder_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")
    done = dianka("bench", "demo", "--no-browser", "--port", "0", "--folder", tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("is something else: name a new folder with --folder")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.slow
def test_a_founding_that_was_broken_off_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a database that is named for a real office is left alone."""
    monkeypatch.setenv("DIANKA_DATABASE", "postgresql://nobody@127.0.0.1:1/none")
    half = tmp_path / "demo"
    (half / "office").mkdir(parents=True)
    (half / "demo.begun").touch()
    with open_demo(tmp_path) as demo:
        demo.watch().wait_for_text("not oPEn")
    assert (half / "demo.json").stat().st_mode & 0o777 == 0o600
    assert not (half / "demo.begun").exists()
