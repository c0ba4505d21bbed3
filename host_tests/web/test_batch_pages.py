"""Batches of cards on pages: ordered, worked through card after card, broken off, their sheet."""

import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

import cards_kit as kit
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files
from dianka.desk.office.privacy import find_open
from estate_kit import make_contract
from quota_kit import PIN
from web_kit import Desk, Here, Web, list_fields, read_text

if TYPE_CHECKING:
    from django.test import Client

ORDERS = "/cards/batches"
INIT = {"price": "0.5", "alarm1": "20", "alarm2": "5"}


def order(client: "Client", what: str, **typed: str) -> Any:
    address = f"{ORDERS}/{what}"
    return client.post(address, list_fields(client.get(address), address) | typed)


def begin(client: "Client", what: str, **typed: str) -> str:
    """Order a batch; return the address of the page on which it is worked through."""
    done = order(client, what, **typed)
    assert done.status_code == 302, read_text(done)
    sheet = client.get(done["Location"])
    assert "The batch is entered" in read_text(sheet)
    return done["Location"].partition("?")[0] + "/work"


class Worker:
    """Puts card after card in, as the page asks for it; the page sends its form by itself."""

    def __init__(self, client: "Client", desk: Desk, address: str) -> None:
        self.client, self.desk, self.address = client, desk, address
        self.page = self._open("get", address)

    def _open(self, method: str, address: str, **typed: str) -> str:
        asked = getattr(self.client, method)(address, typed, headers={"HX-Request": "true"})
        if asked.status_code != 204:
            self.page = asked.content.decode()
            self.text = read_text(asked)
        return self.page

    def poll(self) -> bool:
        """Ask as the page does; return whether it sends its form then."""
        found = re.search(r'hx-get="([^"]+)"', self.page)
        assert found, self.text
        self._open("get", found[1].replace("&amp;", "&"))
        return "hx-post" in self.page

    def put_in(self, chip: Chip) -> str:
        """Put a card in; return what the page says when it was tried."""
        self.desk.slot.put_in(chip)
        assert self.poll()
        after = re.search(r'name="after" value="(\d+)"', self.page)
        self._open("post", self.address, after=after[1] if after else "")
        return self.text

    def take_out(self) -> Chip:
        chip = self.desk.slot.take_out()
        if 'hx-get="' in self.page:
            assert not self.poll()
        return chip


def list_states() -> list[str]:
    from dianka.desk.office.cards.models import BatchItem

    return list(BatchItem.objects.order_by("place").values_list("state", flat=True))


def test_the_cards_of_an_area_one_after_the_other(web: Web, desk: Desk) -> None:
    contracts = [make_contract(number) for number in (2, 1)]
    client = web.sign_in("technician")
    worker = Worker(client, desk, begin(client, "user", area="East"))
    assert "0 / 2" in worker.text and "Put the next card in." in worker.text
    assert not worker.poll(), "nothing changed"
    told = worker.put_in(kit.blank("user", desk.control, 50))
    assert "1 / 2" in told and "Take the card out" in told
    made = worker.take_out()
    assert "Put the next card in." in worker.text
    again = worker.put_in(made)
    assert "done already" in again and "1 / 2" in again
    worker.take_out()
    worker.put_in(kit.blank("user", desk.control, 51))
    assert "2 / 2" in worker.text and "All cards of this batch are done." in worker.text
    assert "hx-get" not in worker.page
    worker.take_out()
    sheet = client.get(worker.address.removesuffix("/work"))
    page = sheet.content.decode()
    for contract in contracts:
        assert f"{contract.meter.number:012d}" in page and f"customers/{contract.customer.number}"
    assert made.state.serial.hex() in page and "Work through the batch" not in page
    book = openpyxl.load_workbook(BytesIO(client.get(f"{worker.address[:-5]}/sheet").content))
    cells = {str(cell) for row in book.active.iter_rows(values_only=True) for cell in row}
    assert made.state.serial.hex() in cells and "000000000002" in cells
    none = order(client, "user", area="East")
    assert none.status_code == 422 and 'id="wrong-area"' in none.content.decode()


@pytest.mark.parametrize("command", ("84D40106", "04D68100"), ids=("keys", "last write"))
def test_a_pulled_card_is_gone_on_with_after_a_restart(
    web: Web, desk: Desk, office_folder: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    from test_counter_broken import Cut

    from dianka.desk.web.station import Station, set_station
    from dianka.readers.roles import Roles

    for number in (1, 2):
        make_contract(number)
    client = web.sign_in("technician")
    worker = Worker(client, desk, begin(client, "user", numbers="１-2"))
    with monkeypatch.context() as patch:
        cut = Cut(patch, command, done=True)
        told = worker.put_in(kit.blank("user", desk.control, 50))
        assert cut.hits == 1
    assert "0 / 2" in told and "failed: 1" in told and list_states() == ["failed", "open"]
    torn = worker.take_out()
    set_station(Station(office_folder, Roles(desk.slot.word, desk.control_slot.word), Here()))
    worker = Worker(client, desk, worker.address)
    assert "1 / 2" in worker.put_in(torn), worker.text
    assert list_states() == ["done", "open"], "it is the card of the item that it was begun for"
    worker.take_out()
    assert "2 / 2" in worker.put_in(kit.blank("user", desk.control, 51))


def test_a_card_that_is_none_costs_no_item_its_turn(web: Web, desk: Desk) -> None:
    make_contract(1)
    client = web.sign_in("technician")
    worker = Worker(client, desk, begin(client, "user", numbers="1"))
    told = worker.put_in(kit.init_card(desk.control))
    assert "is no blank user card: put it aside" in told and list_states() == ["open"]
    worker.take_out()
    assert "1 / 1" in worker.put_in(kit.blank("user", desk.control, 50))


def test_initialisation_cards_and_what_does_not_fit_them(web: Web, desk: Desk) -> None:
    client = web.sign_in("supervisor")
    limits = {"overdraft": "0", "hoard": "0", "close-above": "0"}
    for wrong, at in (
        ({"numbers": "7-5"}, "numbers"),
        ({"numbers": "7 7"}, "numbers"),
        ({"numbers": "1-20000"}, "numbers"),
        ({"numbers": ""}, "numbers"),
        ({"alarm1": "2"}, "alarm1"),
        ({"hoard": "10", "close-above": "10"}, "close-above"),
        ({"price": "x"}, "price"),
    ):
        refused = order(client, "init", **({"numbers": "90-91"} | INIT | limits | wrong))
        assert refused.status_code == 422, wrong
        assert f'id="wrong-{at}"' in refused.content.decode(), (wrong, read_text(refused))
    worker = Worker(client, desk, begin(client, "init", numbers="90、91", **INIT, **limits))
    worker.put_in(kit.blank("init", desk.control, 60))
    chip = worker.take_out()
    params = card_files.unframe(chip.state.files[card_files.CARD_INFO])[1]
    assert card_files.unpack(card_files.PARAMS, params)["meter_no"] == 90
    assert (desk.station._folder / "meters.txt").is_file()
    assert find_open(desk.station._folder) == [], "the proof's page would name it as a fault"
    assert "2 / 2" in worker.put_in(kit.blank("init", desk.control, 61))


def test_cards_of_the_staff_and_blank_stock(web: Web, desk: Desk) -> None:
    from dianka.desk.office.cards.models import Card

    client = web.sign_in("technician")
    refused = order(client, "service", kind="inspection", count="1", uses="3")
    assert refused.status_code == 422 and 'id="wrong-uses"' in refused.content.decode()
    worker = Worker(client, desk, begin(client, "service", kind="keys", count="1", uses="3"))
    assert "1 / 1" in worker.put_in(kit.blank("keys", desk.control, 70))
    worker.take_out()
    desk.control_slot.take_out()
    worker = Worker(client, desk, begin(client, "stock", kind="user", count="2"))
    chip = kit.blank("user", desk.control, 71)
    assert "1 / 2" in worker.put_in(chip), "no control card is needed to count"
    worker.take_out()
    assert "done already" in worker.put_in(chip) and list_states()[1:] == ["done", "open"]
    serial = chip.state.serial.hex()
    assert Card.objects.get(serial=serial).state == "stock"


def test_the_control_card_s_pin_is_asked_for_and_the_batch_goes_on(web: Web, desk: Desk) -> None:
    from dianka.desk.pin import change_pin

    make_contract(1)
    control = desk.control_slot.take_out()
    change_pin(control, None, PIN)
    desk.control_slot.put_in(control, "control.card")
    client = web.sign_in("technician")
    worker = Worker(client, desk, begin(client, "user", numbers="1"))
    assert "PIN of the control card" in worker.put_in(kit.blank("user", control, 50))
    address = worker.address.replace("/work", "/pin")
    wrong = client.post(address, {"pin": "999999"})
    assert wrong.status_code == 422 and "2 tries left" in read_text(wrong)
    right = client.post(address, {"pin": PIN})
    assert right["Location"] == worker.address and list_states() == ["open"]
    done = client.post(worker.address, {"after": "0"})
    assert "1 / 1" in read_text(done), "with a button where no script runs"


def test_batches_are_for_who_makes_cards(web: Web) -> None:
    for role, status in (("clerk", 403), ("auditor", 403), ("technician", 200)):
        client = web.sign_in(role)
        assert client.get(ORDERS).status_code == status
        assert client.get(f"{ORDERS}/user").status_code == status
