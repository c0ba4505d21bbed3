"""`dianka office customer`, `premise`, `meter`, `export` and `import` as people run them."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from closing_kit import open_shift, read_meter, sell
from estate_kit import make_actor, make_contract
from office_kit import MANAGER, PASSWORD, dianka
from shift_kit import add_operator


@pytest.mark.slow
def test_a_new_office_is_filled(tmp_path: Path) -> None:
    """Each command is a process of its own."""
    folder = tmp_path / "office"
    here = {"DIANKA_OFFICE": str(folder), "XDG_STATE_HOME": str(tmp_path)}
    dianka("office", "init", folder, "--manager", MANAGER, given=PASSWORD + "\n")

    def run(*words: str | Path) -> str:
        done = dianka("office", *words, **here)
        assert done.returncode == 0, done.stderr
        return done.stdout

    refused = dianka("office", "customer", "search", "x", **here)
    assert (refused.returncode, refused.stderr[:26]) == (
        1,
        "nobody is signed in to " + str(folder)[:3],
    )
    dianka("office", "sign-in", MANAGER, given=PASSWORD + "\n", **here)
    assert run("customer", "add", "张三", "--phone", "13812345678").endswith(
        "000000000001 is added\n"
    )
    assert run("customer", "search", "zs") == "000000000001  张三  138****5678\n"
    assert run("export", "customers", tmp_path / "a.xlsx").endswith("has 1 customers\n")
    tried = run("import", "customers", tmp_path / "a.xlsx")
    assert tried == "0 customers would be taken in, give --really; 1 are there as they are\n"


@pytest.fixture
def run(office: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command in this process, with a manager signed in to the test's office."""
    from dianka.desk.cli.office import customers, estate, sheets

    apps = {"customer": customers.customer_app, "premise": estate.premise_app}
    apps["meter"] = estate.meter_app
    for module in (customers, estate, sheets):
        monkeypatch.setattr(module, "open_as_actor", lambda folder: make_actor("manager"))

    def invoke(name: str, *words: object, code: int = 0, given: str = "") -> str:
        words = (*words, "--office", office)
        done = CliRunner().invoke(apps[name], [*map(str, words)], input=given)
        assert done.exit_code == code, done.output
        return done.output

    return invoke


def test_an_account_from_opening_to_closing(run: Any) -> None:
    from dianka.desk.office.customers.models import Contract
    from dianka.desk.office.estate.meters import add_meters

    contract = make_contract(7)
    open_shift(make_actor("manager"))
    add_meters(make_actor("technician"), 8)
    terms = ("--tariff", "flat 5000", "--alarm1", "20", "--alarm2", "5")
    assert "is customer 7's" in run("customer", "open", 7, 7, *terms, code=1)
    assert "give --alarm2 as well" in run("customer", "open", 7, 7, *terms[:4], code=1)
    run("customer", "change", 7, "--name", "李四", "--phone", "13812345678")
    shown = run("customer", "show", 7)
    assert "138****5678" in shown and "meter 000000000007 at East 1 7, flat 5000, open" in shown
    assert "13812345678" in run("customer", "show", 7, "--whole")
    assert run("customer", "suspend", 7, "--reason", "moved") == "suspended\n"
    assert run("customer", "resume", 7, "--reason", "back") == "resumed\n"
    sell(contract, 5000)
    reading = read_meter(contract, 1200).pk
    assert f"{reading} (receipt) of meter 000000000007: 38.00 yuan" in run("customer", "history", 7)
    add_operator("wu", "supervisor")
    add_operator("he", "technician")
    add_operator("a-manager", "manager")
    by_wu, password = ("--consent", "wu"), f"{PASSWORD}\n"
    words = ("swap", 7, 8, "--reading", reading, "--reason", "dark display")
    for second, said in (
        ((), "exchange takes a second person's consent: ask a supervisor or a manager"),
        (("--consent", "a-manager"), "a-manager can't consent to what he does himself"),
        (("--consent", "he"), "he (technician) may not consent"),
    ):
        refused = run("meter", *words, *second, code=1, given=password)
        assert said in refused and len(refused.splitlines()) == 1
    assert "wrong" in run("meter", *words, *by_wu, code=1, given="guess\n")
    swapped = run("meter", *words, *by_wu, given=password)
    assert "meter 000000000008 is 李四 000000000007's now" in swapped and "38.00 yuan" in swapped
    following = Contract.objects.get(meter__number=8)
    sell(following, 100)
    last = read_meter(following, 4000)
    run("customer", "add", "王五", "--number", 9)
    words = ("holder", 8, 9, *terms, "--reading", last.pk, "--hand-over", *by_wu)
    assert "set the meter up anew" in run("customer", *words, given=password)
    closed = run("customer", "close", 8, *by_wu, given=password)
    assert closed == "closed: pay back 0.00 yuan\n"
    assert run("customer", "archive", 9) == "archived\n"
    assert "(archived)" in run("customer", "search", "王五")
    assert run("customer", "restore", 9) == "restored\n"
    assert run("customer", "search", "王五", "x") == "nobody\n"
    assert run("meter", "remove", 8) == "removed\n" and run("meter", "scrap", 8) == "scrapped\n"


def test_new_terms_by_command(run: Any) -> None:
    contract = make_contract(7)
    make_contract(8, price_e4=8000)
    add_operator("wu", "supervisor")
    words = ("terms", 7, "--tariff", "flat 8000", "--alarm1", "30")
    refused = run("customer", *words, code=1)
    assert "terms takes a second person's consent" in refused
    by_wu = {"given": f"{PASSWORD}\n"}
    changed = run("customer", *words, "--consent", "wu", **by_wu).splitlines()
    assert changed == [
        "changed: meter 000000000007, flat 8000, alarms 30.00 and 5.00, limit 0.00",
        "the next card brings 0.8000 yuan/kWh to the meter",
        "the first sale brings the alarms to the meter",
    ]
    sell(contract, 5000)
    changed = run("customer", "terms", 7, "--alarm2", "6", "--consent", "wu", **by_wu).splitlines()
    assert "the meter keeps its former alarms until it is opened anew" in changed[-1]
    changed = run("customer", "terms", 7, "--hoard", "500", "--consent", "wu", **by_wu)
    assert "limit 500.00" in changed and "alarms" not in changed.splitlines()[-1]


def test_places_by_command(run: Any) -> None:
    run("premise", "area", "West")
    run("premise", "add", "West", "--building", "1", "--room", "101")
    assert run("premise", "areas") == "West\n"
    assert run("premise", "vacant", "West/1/101") == "West/1/101 is vacant\n"
    assert run("premise", "list", "West") == "West 1 101  vacant\n"
    assert run("premise", "vacant", "West/1//101", "--no") == "West/1//101 is inhabited\n"
    assert run("premise", "archive", "West/1/101") == "West 1 101 is archived\n"
    assert run("premise", "archive", "West/1/101", "--restore") == "West 1 101 is restored\n"
    assert "is no place" in run("premise", "archive", "West 1 101", code=1)
    assert "has 1 premises" in run("premise", "area", "West", "--archive", code=1)
    run("premise", "archive", "West/1/101")
    assert run("premise", "area", "West", "--archive") == "area West is archived\n"
    assert run("premise", "area", "West", "--restore") == "area West is there\n"


def test_a_sheet_by_command(office: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer import Typer

    from dianka.desk.cli.office import sheets

    monkeypatch.setattr(sheets, "open_as_actor", lambda folder: make_actor("manager"))
    app = Typer()
    app.command("import")(sheets.import_command)
    file, words = (
        tmp_path / "people.csv",
        ["customers", str(tmp_path / "people.csv"), "--office", "x"],
    )
    file.write_text("客户编号,姓名\n1,a\n2,\n2,b\n", encoding="utf-8")
    done = CliRunner().invoke(app, [*words, "--really"])
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "row 3, 姓名: there is no name: give one",
        "row 4, 客户编号: the same as in row 3",
        "2 bad cells: nothing is taken in",
    ]
    file.write_text("客户编号,姓名\n1,a\n2,b\n", encoding="utf-8")
    assert CliRunner().invoke(app, words).output.startswith("2 customers would be taken in")
    for said in ("2 customers are taken in; 0 are", "0 customers are taken in; 2 are"):
        assert CliRunner().invoke(app, [*words, "--really"]).output.startswith(said)
