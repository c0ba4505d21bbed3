"""Batches: made to the end, with failing cards, broken off and resumed, from files and a reader."""

import re
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cards_kit as kit
from desk_kit import Run, sign_in_here
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files
from dianka.cardos.image import CardFile
from dianka.cardos.t0 import Tpdu
from dianka.cli import app
from dianka.desk.cli import issuing
from dianka.desk.cli.office import batch_run
from dianka.desk.sell import read_user_card
from dianka.readers import Held, find_reader
from dianka.readers.pcsc import EmptyReaderError
from estate_kit import make_contract
from pcsc_kit import Readers, until


@pytest.fixture
def run(office: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    run = sign_in_here(office, tmp_path, monkeypatch)
    Path("cards").mkdir()
    return run


def files() -> list[str]:
    return sorted(path.name for path in Path("cards").glob("*.card"))


def states() -> list[str]:
    from dianka.desk.office.cards.models import BatchItem

    return list(BatchItem.objects.order_by("batch", "place").values_list("state", flat=True))


def number_of(out: str) -> str:
    found = re.search(r"batch ([0-9]+):", out)
    assert found, out
    return found[1]


def test_the_contracts_of_an_area_that_have_no_card(run: Run) -> None:
    contracts = [make_contract(number) for number in (3, 1, 2)]
    make_contract(9, area="West")
    assert run("card issue user own.card --meter 1")[0] == 0
    status, out, err = run("office card batch user --area East --folder cards")
    assert status == 0 and ": 2 done, 0 failed, 0 open" in out, err
    assert files() == ["user-000000000002.card", "user-000000000003.card"]
    for name, contract in zip(files(), (contracts[2], contracts[0]), strict=True):
        with CardFile.open(f"cards/{name}") as card:
            params = read_user_card(card).params
        assert params["customer_no"] == contract.customer.number
        assert run(f"office card verify cards/{name} --control control.card")[0] == 0
    status, _, err = run("office card batch user --area East --folder cards")
    assert status == 1 and "has a card: there is nothing to make" in err
    assert "there is no area South" in run("office card batch user --area South --folder cards")[2]


def test_a_terminal_shows_how_far_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2):
        make_contract(number)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes stderr for a terminal then
    status, _, err = run("office card batch user --area East --folder cards")
    assert status == 0 and "meter 000000000002" in err and "2/2" in err, err


def test_a_list_of_meters(run: Run) -> None:
    for number in (1, 2):
        make_contract(number)
    Path("m.csv").write_text("表号,备注\n1,a\n\n000000000002,b\n", encoding="utf-8-sig")
    status, out, _ = run("office card batch user --csv m.csv --folder cards")
    assert status == 0 and ": 2 done" in out and len(files()) == 2
    make_contract(3)
    Path("m.csv").write_text("3\n2\n", encoding="ascii")
    status, _, err = run("office card batch user --csv m.csv --folder cards")
    assert status == 1 and "has a card already at meter 000000000002" in err and len(files()) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"1\n2\n", "no open contract has meter 000000000002"),
        (b"meter\n1\n1x\n", "'1x' is no meter in row 3 number"),
        (b"1\n\n1\n", "row 3: meter 1 is in row 1 too"),
        (b"\xff\xfe1\n", "can't be read"),
    ],
)
def test_a_list_that_is_wrong_makes_nothing(run: Run, text: bytes, said: str) -> None:
    from dianka.desk.office.cards.models import Batch

    make_contract(1)
    Path("m.csv").write_bytes(text)
    status, _, err = run("office card batch user --csv m.csv --folder cards")
    assert status == 1 and said in err and files() == [] and not Batch.objects.exists()


def test_a_card_that_fails_ends_nothing(run: Run) -> None:
    for number in (1, 2, 3):
        make_contract(number)
    Path("cards/user-000000000002.card").write_text("in the way")
    status, out, err = run("office card batch user --area East --folder cards")
    assert status == 1 and "1 cards failed" in err
    assert "2 done, 1 failed, 0 open\n  meter 000000000002: user-000000000002.card exists" in out
    Path("cards/user-000000000002.card").unlink()
    again = f"office card batch resume {number_of(out)} --folder cards"
    status, out, _ = run(again)
    assert status == 0 and "3 done, 0 failed, 0 open" in out
    assert run(again)[0] == 0, "nothing is left to do"
    assert "user, lin: 3 done" in run("office card batch list")[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_batch_that_a_signal_ends_is_resumed(
    run: Run, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    for each in (1, 2, 3):
        make_contract(each)
    process, left = Chip.process, [60]

    def struck(chip: Chip, apdu: bytes) -> tuple[bytes, int]:
        left[0] -= 1
        if not left[0]:
            signal.raise_signal(number)
        return process(chip, apdu)

    monkeypatch.setattr(Chip, "process", struck)
    status, out, err = run("office card batch user --area East --folder cards")
    assert status == 128 + number and "broken off: dianka office card batch resume" in err
    assert "0 failed" in out and 0 < states().count("open") < 3
    status, out, _ = run(f"office card batch resume {number_of(out)} --folder cards")
    assert status == 0 and "3 done" in out and len(files()) == 3


def test_a_desk_that_died_between_card_and_item(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from dianka.desk.office.cards import batches

    make_contract(1)

    def dies(item: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(batches, "note_done", dies)
        _, out, _ = run("office card batch user --area East --folder cards")
        _, more, _ = run("office card batch service inspection --count 1 --folder cards")
    assert states() == ["open", "open"]
    for each in (out, more):
        assert run(f"office card batch resume {number_of(each)} --folder cards")[0] == 0
    assert states() == ["done", "done"] and len(files()) == 2


@pytest.mark.parametrize("kind", ["inspection", "keys", "restore", "test", "test-credit"])
def test_cards_of_the_service_staff(run: Run, kind: str) -> None:
    status, out, err = run(f"office card batch service {kind} --count 2 --folder cards")
    assert status == 0 and "2 done" in out, err
    for name in files():
        assert run(f"office card verify cards/{name} --control control.card")[0] == 0


def test_the_numbers_of_new_meters(run: Run) -> None:
    from dianka.desk.office.cards.models import Card

    Path("m.csv").write_text("42\n43\n", encoding="ascii")
    words = "office card batch init --csv m.csv --price 0.5 --alarm1 20 --alarm2 5 --folder"
    status, out, err = run(f"{words} cards")
    assert status == 0 and "2 done" in out, err
    assert "000000000042" in Path("meters.txt").read_text(encoding="ascii")
    numbers = Card.objects.filter(kind="init").order_by("pk").values_list("meter_no", flat=True)
    assert list(numbers) == [42, 43]
    Path("more").mkdir()
    status, out, _ = run(f"{words} more")
    assert status == 1 and out.count("was given out") == 2 and not list(Path("more").glob("*.card"))


# ****** A reader ******


class Feeder:
    """A reader: whoever stands there puts the next card in when the one before was worked on."""

    name = "feeder"

    def __init__(self, chips: list[Chip]) -> None:
        self.chips = chips
        self.heard: set[bytes] = set()

    def connect(self) -> Held:
        while self.chips and self.chips[0].state.serial in self.heard:
            self.chips.pop(0)
        if not self.chips:
            raise EmptyReaderError("feeder is empty: put the card into it")
        chip = self.chips[0]
        return Held(self.name, chip, lambda: None)


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[list[Chip]], None]]:
    """Put these chips in one after the other, each until it was made or refused."""

    def feed(chips: list[Chip]) -> None:
        feeder = Feeder(chips)

        def find(word: str) -> object:
            return feeder if word == "reader:0" else find_reader(word)

        def wait(source: batch_run.Source) -> None:
            if source._last:  # the card before is taken out
                feeder.heard.add(source._last)
            waited(source)

        monkeypatch.setattr(batch_run, "find_reader", find)
        monkeypatch.setattr(issuing, "find_reader", find)
        monkeypatch.setattr(batch_run.Source, "wait_for_next", wait)

    waited = batch_run.Source.wait_for_next
    monkeypatch.setattr(batch_run, "PATIENCE_S", 0.3)
    yield feed


def blanks(kind: str, count: int) -> list[Chip]:
    with CardFile.open("control.card") as control:
        first = 100 * (1 + list(kinds.ALL).index(kind))
        return [kit.blank(kind, control.chip, first + number) for number in range(count)]


def test_blank_cards_one_after_the_other(run: Run, feed: Callable[[list[Chip]], None]) -> None:
    for number in (1, 2, 3):
        make_contract(number)
    feed([*blanks(kinds.USER, 1), *blanks(kinds.INSPECTION, 1), *blanks(kinds.USER, 3)[1:]])
    status, out, err = run("office card batch user --area East --reader 0")
    assert status == 1 and "2 done, 1 failed, 0 open" in out, err
    assert "meter 000000000002: this is no blank user card" in out
    feed(blanks(kinds.USER, 4)[3:])
    status, out, _ = run(f"office card batch resume {number_of(out)} --reader 0")
    assert status == 0 and "3 done" in out


def test_no_next_card_leaves_the_rest_open(run: Run, feed: Callable[[list[Chip]], None]) -> None:
    feed(blanks(kinds.INSPECTION, 1))
    status, out, err = run("office card batch service inspection --count 3 --reader 0")
    assert status == 1 and "1 done, 0 failed, 2 open" in out and "no next card came" in err


def test_blank_stock_is_counted_by_serial(run: Run, feed: Callable[[list[Chip]], None]) -> None:
    from dianka.desk.office.cards.models import Card

    chips = blanks(kinds.USER, 3)
    other = blanks(kinds.RESTORE, 1)
    again = Chip(kit.snapshot(chips[0]))
    feed([chips[0], chips[1], other[0], chips[2]])
    status, out, _ = run("office card batch stock user --count 4 --reader 0")
    assert status == 1 and "3 done, 1 failed, 0 open" in out and "no blank user card" in out
    assert Card.objects.filter(state="stock", kind="user").count() == 3
    feed([again])
    status, out, _ = run("office card batch stock user --count 1 --reader 0")
    assert status == 1 and "is in the register already (stock)" in out


def test_blank_stock_of_files(run: Run) -> None:
    for number in (1, 2):
        run(f"card issue user cards/{number}.card --blank")
    status, out, err = run("office card batch stock user --folder cards")
    assert status == 0 and "2 done" in out, err
    make_contract(1)
    assert run("card issue user cards/1.card --meter 1 --control control.card")[0] == 0


def test_blank_cards_in_a_real_reader(run: Run, pcsc: Readers) -> None:
    """Put in, made, taken out, the next: by PC/SC, with the control card in a second reader."""
    for number in (1, 2, 3):
        make_contract(number)
    chips = blanks(kinds.USER, 3)

    def is_made(chip: Chip) -> bool:
        return any(chip.state.files[card_files.CARD_INFO])

    def feed() -> None:
        for chip in chips:
            with pcsc.holding(0, Tpdu(chip)):
                until(partial(is_made, chip), "no card is made of it")

    with CardFile.open("control.card") as control, pcsc.holding(1, Tpdu(control.chip)):
        feeder = threading.Thread(target=feed)
        feeder.start()
        status, out, err = run("office card batch user --area East --reader 0 --control reader:1")
        feeder.join(60)
    assert status == 0 and "3 done, 0 failed, 0 open" in out, out + err
    numbers = [read_user_card(chip).params["meter_no"] for chip in chips]
    assert numbers == [1, 2, 3]


def test_a_batch_says_once_that_its_reader_is_gone_and_goes_on(
    run: Run, office: Path, pcsc: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_contract(1)
    (chip,) = blanks(kinds.USER, 1)
    words = ["office", "card", "batch", "user", "--area", "East", "--reader", "0"]
    pcsc.service.stop()
    with monkeypatch.context() as patch:
        patch.setattr(batch_run, "PATIENCE_S", 1)
        done = CliRunner().invoke(app, words, env={"DIANKA_OFFICE": str(office)})
    pcsc.service.start()
    out = done.stdout
    assert done.exit_code == 1 and "0 done, 0 failed, 1 open" in out
    assert done.stderr.splitlines() == [
        "the card service does not run: start pcscd",
        "no next card came: resume the batch when there is one",
    ]
    with pcsc.holding(0, Tpdu(chip)):
        status, out, err = run(f"office card batch resume {number_of(out)} --reader 0")
    assert status == 0 and "1 done, 0 failed, 0 open" in out and err == "", out + err
