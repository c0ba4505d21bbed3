"""Whom the panel answers: its own pages on this computer, and nobody else."""

import pytest

from dianka.bench.panel.guard import SECURITY_HEADERS, Guard
from dianka.bench.panel.http import Request
from dianka.bench.panel.page import compose_page, pick_language

PORT = 8020
HOST = f"127.0.0.1:{PORT}"


def ask(method: str = "GET", path: str = "/", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, path, "", {"host": HOST, **named}, {})


def find_status(request: Request) -> int:
    guard = Guard(PORT)
    return guard.find_fault(request)[0]


@pytest.mark.parametrize("host", [HOST, f"localhost:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"])
def test_this_computers_own_names_are_answered(host: str) -> None:
    assert find_status(ask(host=host)) == 0


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", "", f"127.0.0.1:{PORT}."],
)
def test_any_other_name_is_refused(host: str) -> None:
    """A name that an attacker points at this computer (DNS rebinding)."""
    assert find_status(ask(host=host)) == 421


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"https://{HOST}", "http://127.0.0.1:1", ""]
)
def test_pages_of_other_origins_are_refused(origin: str) -> None:
    assert find_status(ask(origin=origin)) == 403


def post(guard: Guard, **headers: str) -> int:
    given = {"x_panel_token": guard.token, "content_type": "application/json", **headers}
    return guard.find_fault(ask("POST", "/do/key", **given))[0]


def test_a_change_needs_the_pages_token_and_json() -> None:
    guard = Guard(PORT)
    assert post(guard) == 0
    assert post(guard, content_type="application/json; charset=utf-8") == 0
    assert post(guard, x_panel_token="") == 403
    assert post(guard, x_panel_token=guard.token[:-1]) == 403
    assert post(guard, x_panel_token="токен") == 403
    assert post(guard, x_panel_token=Guard(PORT).token) == 403
    assert post(guard, content_type="text/plain") == 415  # what a form of another site can send
    assert post(guard, content_type="application/x-www-form-urlencoded") == 415
    assert post(guard, sec_fetch_site="cross-site") == 403
    assert post(guard, sec_fetch_site="same-site") == 403
    assert post(guard, sec_fetch_site="same-origin", origin=f"http://{HOST}") == 0


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(method: str) -> None:
    assert find_status(ask(method)) == 405


def test_another_site_may_link_here_but_embed_nothing() -> None:
    assert find_status(ask(sec_fetch_site="cross-site", sec_fetch_mode="navigate")) == 0
    assert (
        find_status(ask(path="/events", sec_fetch_site="cross-site", sec_fetch_mode="cors")) == 403
    )
    assert find_status(ask(path="/static/panel.js", sec_fetch_site="cross-site")) == 403


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    policy = SECURITY_HEADERS["content-security-policy"]
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    assert policy.startswith("default-src 'none'")


def test_the_page_has_no_script_or_style_of_its_own() -> None:
    panel = {"meters": ["meter1"], "why": "</script><script>alert(1)</script>"}
    page = compose_page("zh", "<token>", panel, "").decode()
    assert "</script><script>alert" not in page and "&lt;token&gt;" in page
    assert " style=" not in page and "<style" not in page and "onclick" not in page
    assert page.count("<script") == 2 and 'lang="zh-Hans"' in page


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "en"),
        ({"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}, "zh"),
        ({"accept-language": "de, en;q=0.7, zh;q=0.3"}, "en"),
        ({"accept-language": "de, zh-TW;q=0.5"}, "zh"),
        ({"accept-language": "zh;q=x"}, "zh"),
        ({"accept-language": "zh", "cookie": "a=b; dianka_language=en"}, "en"),
        ({"accept-language": "en", "cookie": "dianka_language=zh-hans"}, "zh"),
        ({"cookie": "dianka_language=xx"}, "en"),
    ],
)
def test_the_language_is_the_cookies_or_the_browsers(
    headers: dict[str, str], language: str
) -> None:
    assert pick_language(Request("GET", "/", "", headers, {})) == language
