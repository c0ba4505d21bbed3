"""The control card's page: what it may still do, its PIN, orders of two people's part cards."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counter_kit import Resident
from quota_kit import OTHER_PIN, PIN, System, founded
from web_kit import CHINESE, Desk, Web, list_fields, read_text

if TYPE_CHECKING:
    from django.test import Client

HOME, PIN_PAGE, ORDER = "/cards/control", "/cards/control/pin", "/cards/control/order"


@pytest.fixture
def system() -> System:
    return founded()


@pytest.fixture
def readers(web: Web, office_folder: Path, tmp_path: Path, system: System) -> Desk:
    """The readers of desk1, with a control card whose system has part cards."""
    return Desk(office_folder, tmp_path, system.control)


def send(client: "Client", address: str, **typed: str) -> Any:
    """Fill in the form of this page and send it; return where it leads, or what it refuses."""
    sent = list_fields(client.get(address), address) | typed
    done = client.post(address, sent)
    return client.get(done["Location"]) if done.status_code == 302 else done


def set_pin(client: "Client", new: str, former: str = "", again: str = "") -> Any:
    typed = {"former-pin": former, "new-pin": new, "new-pin-again": again or new}
    return send(client, PIN_PAGE, **typed)


def approve(client: "Client", readers: Desk, system: System, **typed: str) -> str:
    """Write an order and let two part cards approve it in turn; return its address."""
    done = client.post(ORDER, list_fields(client.get(ORDER), ORDER) | typed)
    assert done.status_code == 302, read_text(done)
    address = done["Location"]
    for part in system.parts[:2]:
        readers.slot.put_in(part, "part.card")
        done = client.post(address, list_fields(client.get(address), address))
        readers.slot.take_out()
        assert done.status_code == 302, read_text(done)
        address = done["Location"].partition("?")[0]
    return address


def list_acts(kind: str) -> list[tuple[str, str]]:
    from dianka.desk.office.audit.models import Act

    return list(Act.objects.filter(kind=kind).order_by("pk").values_list("operator", "detail"))


@pytest.mark.parametrize("role", ("clerk", "technician", "supervisor", "auditor"))
def test_the_page_says_what_the_card_may_still_do(web: Web, readers: Desk, role: str) -> None:
    client = web.sign_in(role)
    text = read_text(client.get(HOME))
    assert readers.control.state.serial.hex() in text and "no quota" in text
    assert "the page Control card sets one" in text
    assert ("Set the PIN" in text) is (role == "supervisor")
    assert client.get(PIN_PAGE).status_code == (200 if role == "supervisor" else 403)
    readers.control_slot.take_out()
    assert "there is no control card" in read_text(client.get(HOME))


def test_a_pin_is_set_and_changed_and_the_desk_goes_on_with_it(
    web: Web, readers: Desk, system: System
) -> None:
    client = web.sign_in("manager")
    for former, new, again, line in (
        ("", "12345", "", "A PIN has 6 to 8 digits"),
        ("", PIN, OTHER_PIN, "The two PINs are not the same"),
    ):
        refused = set_pin(client, new, former, again)
        assert refused.status_code == 422 and line in read_text(refused)
        assert PIN not in refused.content.decode()
    assert "has its new PIN" in read_text(set_pin(client, "１３５７９０"))
    assert "set, 3 tries left" in read_text(client.get(HOME))
    readers.slot.put_in(Resident(system.control).card)
    assert "What the card says" in read_text(client.get("/cards/reader")), "it asks for no PIN"
    wrong = set_pin(client, OTHER_PIN, "999999")
    page = wrong.content.decode()
    assert wrong.status_code == 422 and 'id="wrong-former-pin"' in page
    assert "2 tries left" in read_text(wrong) and "999999" not in page
    missing = set_pin(client, OTHER_PIN)
    assert missing.status_code == 422 and "give the one until now" in read_text(missing)
    assert "has its new PIN" in read_text(set_pin(client, OTHER_PIN, PIN))
    told = [detail for _operator, detail in list_acts("control card PIN")]
    assert told == ["set", "changed"]


def test_two_people_s_part_cards_refill_it_in_turn(web: Web, readers: Desk, system: System) -> None:
    client = web.sign_in("supervisor")
    missing = send(client, ORDER, purpose="refill")
    assert missing.status_code == 422 and 'id="wrong-amount"' in missing.content.decode()
    address = approve(client, readers, system, purpose="refill", amount="2000", cards="40")
    form = client.get(address)
    assert "may seal 2000.00 yuan and make 40 cards from now" in read_text(form)
    assert "0 carried out" in read_text(client.get(HOME))
    text = read_text(send(client, address))
    assert "Order 1 is carried out." in text and "2000.00 yuan left to seal" in text
    again = send(client, address)
    assert again.status_code == 422 and "an order is carried out once" in read_text(again)
    (act,) = list_acts("control card order")
    serials = [part.state.serial.hex() for part in system.parts[:2]]
    assert act[0] == "a-supervisor" and all(serial in act[1] for serial in serials)


def test_one_part_card_approves_once_and_no_other_card_does(
    web: Web, readers: Desk, system: System
) -> None:
    client = web.sign_in("manager", language=CHINESE)
    done = client.post(ORDER, list_fields(client.get(ORDER), ORDER) | {"purpose": "lift"})
    address = done["Location"]
    readers.slot.put_in(Resident(system.control).card)
    assert "不是备份的分卡" in read_text(send(client, address))
    readers.slot.take_out()
    readers.slot.put_in(system.parts[0], "part.card")
    done = client.post(address, list_fields(client.get(address), address))
    twice = send(client, done["Location"].partition("?")[0])
    assert twice.status_code == 422 and "已批准" in read_text(twice)
    assert client.get(f"{ORDER}/{'AB' * 20}").status_code == 409


def test_a_blocked_pin_is_set_anew_by_an_order(web: Web, readers: Desk, system: System) -> None:
    client = web.sign_in("manager")
    set_pin(client, PIN)
    for _ in range(3):
        blocked = set_pin(client, OTHER_PIN, "999999")
    assert "an order by the page Control card lets it take a new one" in read_text(blocked)
    address = approve(client, readers, system, purpose="new-pin")
    typed = {"new-pin": OTHER_PIN, "new-pin-again": OTHER_PIN}
    assert "Order 1 is carried out." in read_text(send(client, address, **typed))
    assert "set, 3 tries left" in read_text(client.get(HOME))


@pytest.mark.parametrize("done", (False, True), ids=("before", "after"))
def test_a_control_card_that_is_pulled_as_its_pin_changes_says_what_to_try(
    web: Web, readers: Desk, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    from test_counter_broken import Cut

    client = web.sign_in("manager")
    set_pin(client, PIN)
    with monkeypatch.context() as patch:
        cut = Cut(patch, "00240001", done)
        broken = set_pin(client, OTHER_PIN, PIN)
        assert cut.hits == 1
    assert broken.status_code == 422 and "try the new one first" in read_text(broken)
    former = OTHER_PIN if done else PIN
    assert "has its new PIN" in read_text(set_pin(client, "11223344", former))
