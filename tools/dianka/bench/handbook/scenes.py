"""What is done at the pages before each picture: a day at the counter, then through the office.

A scene has a name, which its picture's file has too, and leaves the page as it is to be drawn. The
scenes of one person follow one another, as what they do changes the office.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from dianka.bench.demo.office import CLERK, DESK, MANAGER, METER_NO, SUPERVISOR
from dianka.bench.handbook.office import PASSWORD

if TYPE_CHECKING:
    from dianka.bench.handbook.studio import Studio

Scene = tuple[str, Callable[["Studio"], None]]


def list_scenes() -> Iterator[tuple[str, list[Scene]]]:
    """Yield who is signed in, and his scenes. Nobody is in the first ones."""
    yield "", [("sign-in", lambda studio: studio.open("/sign-in"))]
    yield CLERK, list(_AT_THE_COUNTER.items())
    yield SUPERVISOR, list(_BY_THE_SUPERVISOR.items())
    yield MANAGER, list(_BY_THE_MANAGER.items())


def list_menu(addresses: Iterable[str]) -> Iterator[Scene]:
    """Yield a scene for each page of the menu that has none of its own."""
    own = {*_AT_THE_COUNTER, *_BY_THE_SUPERVISOR, *_BY_THE_MANAGER}
    for address in addresses:
        if name_picture(address) not in own:
            yield name_picture(address), lambda studio, at=address: studio.open(at)


def name_picture(address: str) -> str:
    """Return the name of the picture of a page of the menu."""
    return address.strip("/").replace("/", "-")


def _wait_for_a_card(studio: "Studio") -> None:
    studio.open("/counter")
    studio.await_seen(".invite")


def _type_an_amount(studio: "Studio") -> None:
    studio.put_in(f"resident-{METER_NO}.card")
    studio.open("/counter")
    studio.fill("amount", "50")
    studio.fill("tendered", "100")
    studio.await_seen("#quote .change")


def _sell(studio: "Studio") -> None:
    studio.press("button.main")
    studio.await_seen(".paper")


def _see_what_waits(studio: "Studio") -> None:
    studio.open("/counter")
    studio.await_seen("#waits-title")


def _ask_for_a_refund(studio: "Studio") -> None:
    studio.open(f"/counter/refund/{DESK}/{studio.find_sale()}")
    studio.fill("reason", studio.say("typed 50 for 5", "误输 50，应为 5"))
    studio.fill("second", SUPERVISOR)
    studio.fill("second-password", PASSWORD)


def _pay_back(studio: "Studio") -> None:
    studio.press("form.sheet button.main")
    studio.await_seen(".paper")


def _replace_a_card(studio: "Studio") -> None:
    studio.open(f"/accounts/{METER_NO + 1}/replacement")


def _complete_a_sale(studio: "Studio") -> None:
    studio.break_a_sale(f"resident-{METER_NO + 1}.card")
    studio.put_in(f"resident-{METER_NO + 1}.card")
    studio.open("/counter")
    studio.await_seen("#unfinished-title")


def _count_the_drawer(studio: "Studio") -> None:
    studio.press("button.main")  # the sale that was broken off is completed
    studio.await_seen(".paper")
    studio.open("/shifts/close")
    studio.fill("piece-10000", "2")
    studio.fill("piece-5000", "1")
    studio.fill("piece-1000", "1")
    studio.await_text("260.00", ".total")


def _see_the_report(studio: "Studio") -> None:
    studio.press("form.sheet button.main")
    studio.await_seen("main table")


def _open_a_shift(studio: "Studio") -> None:
    studio.open("/shifts/open")
    studio.fill("piece-5000", "2")
    studio.await_text("100.00", ".total")


def _read_a_card(studio: "Studio") -> None:
    studio.put_in(f"resident-{METER_NO}.card")
    studio.open("/cards/reader")
    studio.await_seen("#says-title")


def _check_a_card(studio: "Studio") -> None:
    studio.open("/cards/reader/check")
    studio.await_seen("main table")


def _find_customers(studio: "Studio") -> None:
    studio.open("/customers?q=101")
    studio.await_seen("#found table, #found li")


def _record_a_visit(studio: "Studio") -> None:
    studio.open("/inspections/record-visit")
    studio.fill("customer", "12")


def _prove_the_books(studio: "Studio") -> None:
    studio.open("/proof")
    studio.press("form[action='/proof/prove'] button")
    studio.await_seen("main table, main .done, main .wrong")


def _add_a_price(studio: "Studio") -> None:
    studio.open("/tariffs")
    studio.press_link("/tariffs/")


def _work_through_a_batch(studio: "Studio") -> None:
    studio.take_out()
    studio.open("/cards/batches/service")
    studio.choose("kind", "inspection")
    studio.fill("count", "20")
    studio.press("form.sheet button.main")
    studio.page.wait_for_load_state()
    studio.press_link("/cards/batches/")
    studio.await_seen("#work .invite")


_SALES = "/reports/sales?by=month&from=2025-12-01&to=2026-11-27"
_AT_THE_COUNTER = {
    "counter-empty": _wait_for_a_card,
    "counter": _type_an_amount,
    "sold": _sell,
    "waits": _see_what_waits,
    "refund": _ask_for_a_refund,
    "refund-paid": _pay_back,
    "replace-card": _replace_a_card,
    "unfinished": _complete_a_sale,
    "close-shift": _count_the_drawer,
    "shift-report": _see_the_report,
    "open-shift": _open_a_shift,
}
_BY_THE_SUPERVISOR = {
    "cards-reader": _read_a_card,
    "check-card": _check_a_card,
    "customers": _find_customers,
    "customer": lambda studio: studio.open("/customers/12"),
    "change-terms": lambda studio: studio.open("/accounts/12/terms"),
    "record-visit": _record_a_visit,
    "batch-work": _work_through_a_batch,
}
_BY_THE_MANAGER = {
    "report-sales": lambda studio: studio.open(_SALES),
    "report-suspects": lambda studio: studio.open("/reports/suspects"),
    "add-price": _add_a_price,
    "add-person": lambda studio: studio.open("/people/add"),
    "proof": _prove_the_books,
}
