"""`dianka card issue`, `card replace` and `office card` on an office."""

from pathlib import Path

import pytest

import cards_kit as kit
from desk_kit import Run, sign_in_here
from dianka.card_port import CardError
from dianka.cardos.image import CardFile
from dianka.desk import replace, service
from dianka.desk.sell import OnCard, read_user_card
from estate_kit import make_contract
from office_kit import MANAGER, PASSWORD
from registry_kit import begin_sale, load, sell_to


@pytest.fixture
def run(office: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return sign_in_here(office, tmp_path, monkeypatch)


def on_card(name: str) -> OnCard:
    with CardFile.open(name) as card:
        return read_user_card(card)


def sold(name: str, contract: object, amount_fen: int) -> object:
    with CardFile.open(name) as card, CardFile.open("control.card") as control:
        return sell_to(control.chip, card.chip, contract, amount_fen)  # type: ignore[arg-type]


def second_person() -> None:
    from dianka.desk.office.people.models import Operator
    from dianka.desk.office.people.roles import give_role

    second = Operator(username="wu")
    second.set_password(PASSWORD)
    second.save()
    give_role(second, "supervisor")


def test_a_contract_says_what_its_card_has(run: Run) -> None:
    contract = make_contract(42, 7)
    status, out, _ = run("card issue user lin.card --meter 42")
    assert status == 0 and out.endswith(f"entered in the register by {MANAGER}\n")
    params = on_card("lin.card").params
    assert (params["meter_no"], params["customer_no"]) == (42, 7)
    assert (params["alarm1_fen"], params["alarm2_fen"]) == (2000, 500)
    assert "0.5000 yuan/kWh" in run("card show lin.card")[1]
    status, out, _ = run("office card read lin.card")
    assert status == 0 and "in use since" in out and "customer 7 000000000007" in out
    assert f"by {MANAGER} at desk1" in out
    status, out, _ = run("office card verify lin.card")
    assert status == 0 and f"contract {contract.pk} of" in out, out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--customer 8", "--customer is 000000000007"),
        ("--alarm1 30", "--alarm1 is 20.00"),
        ("--alarm2 0", "--alarm2 is 5.00"),
        ("--price 0.6", "--price is 0.5000 yuan/kWh"),
    ],
)
def test_what_is_given_by_hand_and_differs(run: Run, words: str, said: str) -> None:
    contract = make_contract(42, 7)
    status, _, err = run(f"card issue user lin.card --contract {contract.pk} {words}")
    assert status == 1 and said in err and not Path("lin.card").exists()
    right = "--customer 7 --alarm1 20 --alarm2 5 --price 0.5"
    assert run(f"card issue user lin.card --meter 42 {right}")[0] == 0


def test_no_contract_no_card(run: Run) -> None:
    assert "no open contract has meter 000000000042" in run("card issue user a.card --meter 42")[2]
    assert "say whose card it is" in run("card issue user a.card")[2]
    status, _, err = run("card issue user a.card --contract 1 --meter 1", with_office=False)
    assert status == 1 and "name it with --office" in err


def test_without_an_office_it_says_so(run: Run) -> None:
    words = "user lin.card --meter 42 --customer 7 --price 0.5 --alarm1 20 --alarm2 5"
    for each in (words, "inspection i.card", "esam e.chip"):
        status, out, err = run(f"card issue {each}", with_office=False)
        assert (status, err) == (0, "") and out.endswith("no office: not entered in any register\n")
    status, out, _ = run("card issue user b.card --blank", with_office=False)
    assert status == 0 and out.count("\n") == 1
    status, out, _ = run("card replace c.card --former lin.card --price 0.5", with_office=False)
    assert status == 0 and "no office: not entered in any register\n" in out


def test_every_kind_is_entered(run: Run) -> None:
    for words in (
        "init meter.card --meter 42 --price 0.5 --alarm1 20 --alarm2 5",
        "keys k.card",
        "restore r.card",
        "inspection i.card",
        "test-credit c.card",
        "test t.card",
        "esam e.chip",
    ):
        status, out, err = run(f"card issue {words}")
        assert status == 0 and "entered in the register by" in out, err
    status, out, _ = run("office card list")
    assert status == 0 and out.split()[-2:] == ["used", "8"], out
    assert "inspection" in run("office card list --kind inspection")[1]
    assert "is no state" in run("office card list --state gone")[2]


def test_a_meter_number_that_either_knows(run: Run) -> None:
    init = "card issue init {} --meter {} --price 0.5 --alarm1 20 --alarm2 5"
    assert run(init.format("a.card", 42), with_office=False)[0] == 0
    status, _, err = run(init.format("b.card", 42))
    assert status == 1 and "meters.txt)" in err and not Path("b.card").exists()
    assert run(init.format("c.card", 43))[0] == 0
    Path("meters.txt").unlink()
    status, _, err = run(init.format("d.card", 43))
    assert status == 1 and "as the office knows" in err and not Path("d.card").exists()
    assert run(init.format("d.card", 43) + " --again")[0] == 0


def test_a_lost_card_is_replaced_with_its_last_purchase(run: Run) -> None:
    contract = make_contract(42, 7)
    assert run("card issue user lin.card --meter 42")[0] == 0
    sold("lin.card", contract, 5000)
    status, _, err = run("card replace lin2.card --meter 42")
    assert status == 1 and "a second person's consent" in err and "--second" in err
    assert not Path("lin2.card").exists()
    second_person()
    wrong = run("card replace lin2.card --meter 42 --second wu", given="no\n")
    assert wrong[0] == 1 and "password is wrong" in wrong[2]
    for words in ("--count 2", "--amount 49.99", "--count 1 --amount 50.01"):
        refused = run(f"card replace lin2.card --meter 42 {words}")
        assert refused[0] == 1 and "last purchase is 1 with 50.00 yuan in transit" in refused[2]
    status, out, err = run("card replace lin2.card --meter 42 --second wu", given=f"{PASSWORD}\n")
    assert status == 0, err
    assert "purchase 1 of 50.00 yuan is on the card once more" in out
    assert (on_card("lin2.card").count, on_card("lin2.card").money_fen) == (1, 5000)
    status, out, err = run("office card read lin.card")
    assert status == 1 and "was replaced on 20" in err and "keep it" in err
    status, out, _ = run("office card verify lin.card")
    assert status == 1 and "BAD register: was replaced on" in out
    assert run("office card clear lin.card")[0] == 0
    assert "cleared, may be made anew" in run("office card read lin.card")[1]
    assert "only a replaced one is cleared" in run("office card clear lin2.card")[2]


def test_a_lost_card_whose_purchase_is_in_the_meter(run: Run) -> None:
    contract = make_contract(42, 7)
    assert run("card issue user lin.card --meter 42")[0] == 0
    load(sold("lin.card", contract, 5000))  # type: ignore[arg-type]
    status, out, _ = run("card replace lin2.card --meter 42")
    assert status == 0 and "purchase 1 is in the meter already" in out
    assert (on_card("lin2.card").count, on_card("lin2.card").money_fen) == (1, 0)
    assert run("office card verify lin2.card")[0] == 0


def test_a_card_in_hand_is_replaced_and_cleared(run: Run) -> None:
    contract = make_contract(42, 7)
    assert run("card issue user lin.card --meter 42")[0] == 0
    sold("lin.card", contract, 5000)
    second_person()
    status, out, err = run(
        "card replace lin2.card --former lin.card --second wu", given=f"{PASSWORD}\n"
    )
    assert status == 0, err
    assert "purchase 1 of 50.00 yuan is on the card once more" in out and "lin.card: cleared" in out
    assert "cleared, may be made anew" in run("office card read lin.card")[1]
    status, out, _ = run("office card read lin2.card")
    assert status == 0 and "with purchase 1 and 50.00 yuan" in out
    make_contract(43, 8)
    assert run("card issue user lin.card --meter 43")[0] == 0, "the cleared card is made anew"


def test_a_receipt_on_the_former_card_takes_the_money_off(run: Run) -> None:
    """The sale is not known to be loaded, but the card has the meter's receipt."""
    contract = make_contract(kit.METER_NO, kit.CUSTOMER_NO)
    assert run(f"card issue user lin.card --meter {kit.METER_NO}")[0] == 0
    sold("lin.card", contract, 5000)
    with CardFile.open("lin.card") as card, CardFile.open("control.card") as control:
        control.chip.power_on()
        assert kit.use_in_meter(kit.private_esam(control.chip), card.chip)
    status, out, _ = run("card replace lin2.card --former lin.card")
    assert status == 0 and "purchase 1 is in the meter already" in out
    from dianka.desk.office.estate.models import Reading

    assert Reading.objects.get().loaded_fen == 5000, "nothing was waived: the receipt is taken in"


def test_money_is_left_out_by_two_people(run: Run) -> None:
    contract = make_contract(42, 7)
    assert run("card issue user lin.card --meter 42")[0] == 0
    sold("lin.card", contract, 5000)
    second_person()
    words = "card replace lin2.card --meter 42 --amount 0"
    status, _, err = run(words)
    assert status == 1 and "replacement without money takes a second person's consent" in err
    assert not Path("lin2.card").exists()
    status, _, err = run(f"{words} --second wu", given=f"{PASSWORD}\n")
    assert status == 0, err
    assert (on_card("lin2.card").count, on_card("lin2.card").money_fen) == (1, 0)


def test_a_former_card_that_differs_from_the_sales(run: Run) -> None:
    make_contract(42, 7)
    assert run("card issue user lin.card --meter 42")[0] == 0
    assert run("sell lin.card 50", with_office=False)[0] == 0
    for words in ("card replace b.card --former lin.card", "office card read lin.card"):
        status, _, err = run(words)
        assert status == 1 and "it was sold to outside of this office" in err
    assert not Path("b.card").exists()
    status, out, _ = run("office card verify lin.card")
    assert status == 1 and "says purchase 1, the office knows of 0" in out


def test_a_making_that_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file is gone then, and scrapped; a chip that is still there can be made again."""

    def fails(*words: object) -> None:
        raise CardError("the card is worn out")

    run("card issue inspection b.card --blank")
    with monkeypatch.context() as patched:
        patched.setattr(service, "write_files", fails)
        for name in ("a.card", "b.card"):
            assert run(f"card issue inspection {name}")[0] == 1
    assert not Path("a.card").exists()
    lines = run("office card list --kind inspection")[1]
    assert "making" in lines and "scrapped" in lines
    status, out, _ = run("office card read b.card")
    assert status == 0 and "blank, in stock" in out
    assert run("card issue inspection b.card")[0] == 0


def gone(*words: object) -> None:
    raise CardError("the database does not answer")


def test_a_card_that_is_made_and_not_entered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from dianka.desk.office.cards import register

    make_contract(42, 7)
    with monkeypatch.context() as patched:
        patched.setattr(register, "finish_making", gone)
        for words in ("user u.card --meter 42", "inspection i.card"):
            status, _, err = run(f"card issue {words}")
            assert status == 1 and "is made, but the register does not have it as in use" in err
    for words in ("user u.card --meter 42", "inspection i.card"):
        status, out, _ = run(f"card issue {words}")
        assert status == 0 and "is made already, and entered now" in out
    assert run("office card verify u.card")[0] == 0


def in_place_of_old(run: Run) -> str:
    """A card with a purchase on it, and the command that replaces it."""
    contract = make_contract(42, 7)
    assert run("card issue user old.card --meter 42")[0] == 0
    sold("old.card", contract, 5000)
    second_person()
    return "card replace new.card --former old.card --second wu"


def test_a_replacement_that_is_made_and_not_entered(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dianka.desk.office.cards import register

    words = in_place_of_old(run)
    with monkeypatch.context() as patched:
        patched.setattr(register, "finish_making", gone)
        status, _, err = run(words, given=f"{PASSWORD}\n")
    assert status == 1 and "two cards are good now, new.card and old.card" in err
    status, out, err = run(words, given=f"{PASSWORD}\n")
    assert status == 0 and "is made already" in out and "old.card: cleared" in out, err
    assert run("office card verify new.card")[0] == 0, "it was entered, and not by reading it"


def test_a_former_card_that_could_not_be_cleared(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    words = in_place_of_old(run)

    def pulled(*words: object) -> None:
        raise CardError("the former card is gone")

    with monkeypatch.context() as patched:
        patched.setattr(replace, "clear_card", pulled)
        status, _, err = run(words, given=f"{PASSWORD}\n")
    assert status == 1 and "two cards are good now, new.card and old.card" in err
    status, out, err = run(words, given=f"{PASSWORD}\n")
    assert status == 0 and "is made already" in out and "old.card: cleared" in out, err
    assert "cleared, may be made anew" in run("office card read old.card")[1]


def test_a_database_that_is_gone_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    from dianka.desk.office.cards import register, terms

    def down(*words: object, **more: object) -> None:
        raise OperationalError("server closed the connection\nunexpectedly")

    make_contract(42)
    said = "the database does not take that (server closed the connection unexpectedly)"
    with monkeypatch.context() as patched:
        patched.setattr(terms, "find_contract", down)
        assert said in run("card issue user a.card --meter 42")[2]
        assert said in run("card replace a.card --meter 42")[2]
    with monkeypatch.context() as patched:
        patched.setattr(register, "begin_making", down)
        assert said in run("card issue inspection a.card")[2] and not Path("a.card").exists()
        assert said in run("office card batch service inspection --count 2 --folder .")[1]


def test_a_sale_that_is_not_finished(run: Run) -> None:
    """A card in hand finishes it; in place of a lost one the new card does."""
    contract = make_contract(42, 7)
    assert run("card issue user old.card --meter 42")[0] == 0
    with CardFile.open("old.card") as card:
        begin_sale(contract, card.chip.state.serial, 5000)
    status, _, err = run("card replace new.card --former old.card")
    assert status == 1 and "is not finished: finish it first" in err
    second_person()
    lost = "card replace new.card --meter 42"
    assert "leave --amount out" in run(f"{lost} --amount 0")[2]
    status, out, err = run(f"{lost} --second wu", given=f"{PASSWORD}\n")
    assert status == 0 and "make another card with --amount 0" in out, err
    assert (on_card("new.card").count, on_card("new.card").money_fen) == (1, 5000)
    assert run("office card verify new.card")[0] == 0


def test_scrapping(run: Run) -> None:
    _, out, _ = run("card issue inspection i.card")
    serial = out.split()[3]
    assert run(f"office card scrap {serial} --reason bent")[0] == 0
    assert "scrapped" in run("office card list")[1]
    status, _, err = run("office card read i.card")
    assert status == 1 and "was scrapped on" in err


def test_the_control_card_itself_is_read(run: Run) -> None:
    status, out, _ = run("office card read control.card")
    assert status == 0 and "wu" in out and "system control card" in out
