"""The command line: short commands with their defaults, and one line to stderr for each error."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cards_kit import ISSUE_WORDS, TERM_WORDS
from dianka.card_port import CardError
from dianka.cardos.image import load
from dianka.desk.cli.card import app
from dianka.desk.cli.options import parse_fen
from dianka.desk.cli.sell import sell_command

whole = typer.Typer()
whole.add_typer(app, name="card")
whole.command("sell")(sell_command)


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(whole, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def test_from_a_new_system_to_a_sale(tmp_path: Path) -> None:
    for kind in ("control", "user", "init", "keys"):
        status, out, _ = run(
            "card", "new", kind, tmp_path / f"{kind}.card", *ISSUE_WORDS.get(kind, ())
        )
        assert (status, kind in out) == (0, True)
    status, out, _ = run("sell", tmp_path / "user.card", "12.34")
    assert status == 0 and "12.34 yuan" in out and "account opened" in out
    status, out, _ = run("card", "show", tmp_path / "user.card")
    assert status == 0 and "waits for its meter" in out
    status, out, err = run("sell", tmp_path / "user.card", "5")
    assert status == 1 and err.count("\n") == 1 and "has not been in the meter yet" in err


def test_options_reach_the_card(tmp_path: Path) -> None:
    run("card", "issue", "control", tmp_path / "our.card")
    control = ("--control", tmp_path / "our.card")
    serial = ("--serial", "00112233445566aa")
    status, out, err = run(
        "card",
        "issue",
        "user",
        tmp_path / "u.card",
        "--meter",
        "42",
        "--customer",
        "7",
        *TERM_WORDS,
        *serial,
        *control,
    )
    assert status == 0 and "00112233445566aa" in out, err
    _, out, _ = run("card", "show", tmp_path / "u.card")
    assert "000000000042" in out and "000000000007" in out
    run("card", "issue", "keys", tmp_path / "k.card", "--uses", "3", *control)
    assert "3" in run("card", "show", tmp_path / "k.card")[1]


KINDS = ("user", "init", "keys", "restore", "inspection", "test-credit", "test")


@pytest.mark.parametrize("profile", ["sm4", "3des"])
def test_every_kind_is_issued_shown_and_verified(tmp_path: Path, profile: str) -> None:
    assert run("card", "issue", "control", tmp_path / "control.card", "--profile", profile)[0] == 0
    for kind in KINDS:
        place = tmp_path / f"{kind}.card"
        status, out, err = run(
            "card", "issue", kind, place, "--profile", profile, *ISSUE_WORDS.get(kind, ())
        )
        assert (status, err) == (0, "") and f"{kind} card" in out
        assert load(place.read_bytes()).profile == profile
        assert run("card", "show", place)[0] == 0
        assert run("card", "verify", place)[0] == 0
    assert run("card", "issue", "esam", tmp_path / "esam.card", "--profile", profile)[0] == 0
    status, out, _ = run("card", "verify", tmp_path / "esam.card")
    assert status == 0 and "the public one" in out
    status, out, _ = run("card", "show", tmp_path / "control.card")
    assert profile in out and "none was made yet" in out


def test_a_card_of_another_cipher_than_its_system_s(tmp_path: Path) -> None:
    run("card", "issue", "control", tmp_path / "control.card")
    status, out, err = run(
        "card", "issue", "user", tmp_path / "a.card", "--profile", "3des", *ISSUE_WORDS["user"]
    )
    assert (
        (status, out) == (1, "") and "this system's cipher is sm4" in err and err.count("\n") == 1
    )
    assert not (tmp_path / "a.card").exists()
    assert run("card", "issue", "user", tmp_path / "a.card", "--profile", "des")[0] == 2


def test_options_of_service_cards_reach_the_card(tmp_path: Path) -> None:
    run("card", "issue", "control", tmp_path / "control.card")

    def shown(kind: str, *words: str) -> str:
        place = tmp_path / f"{kind}.card"
        assert run("card", "issue", kind, place, *words)[0] == 0
        return run("card", "show", place)[1]

    assert "relay, pulses" in (
        told := shown("test", "--tests", "5", "--pulses", "40", "--seconds", "9", "--uses", "7")
    )
    assert "40 in 9 s" in told and "uses left  7\n" in told
    assert "2.50 yuan" in shown("test-credit", "--amount", "2.5")
    assert "wallet, illegal cards, log\n" in shown("inspection", "--copies", "25")
    assert " 3\n" in shown("restore", "--uses", "3")


def test_every_kind_explains_itself(tmp_path: Path) -> None:
    for kind in (*KINDS, "esam", "control"):
        status, out, _ = run("card", "issue", kind, "--help")
        assert status == 0 and f"Example: dianka card issue {kind} " in " ".join(out.split()), kind


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("test", "x.card", "--tests", "255"),
            "--tests is a sum of 1, 2, 4, 8, 16 and 32 (1 to 63), not 255",
        ),
        (("test", "x.card", "--tests", "0"), "(1 to 63), not 0"),
        (("test", "x.card", "--seconds", "256"), "--seconds is 1 to 60, not 256"),
        (("test", "x.card", "--pulses", "65536"), "can't hold this"),
        (("test-credit", "x.card", "--amount", "100.01"), "0.01 to 100.00 yuan"),
        (("test-credit", "x.card", "--amount", "0"), "0.01 to 100.00 yuan"),
        (
            ("inspection", "x.card", "--copies", "32"),
            "--copies is a sum of 1, 2, 4, 8 and 16 (1 to 31), not 32",
        ),
        (("restore", "x.card", "--uses", "-1"), "has 1 to 4294967294 uses"),
        (("esam", "control.card"), "exists already"),
        (("user", "x.card", "--meter", "abc"), "no meter number"),
        (("user", "x.card", "--meter", "0"), "not zero"),
        (("user", "x.card", "--alarm1", "1e3"), "no amount in yuan"),
        (("user", "x.card", "--price", "0.12345"), "no price in yuan per kWh"),
        (("user", "x.card", "--serial", "12"), "no serial"),
        (("user", "x.card", "--alarm1", "1000000"), "give up to 999999.99"),
        (("keys", "x.card", "--uses", "0"), "has 1 to 4294967294 uses"),
        (("user", "control.card"), "exists already"),
        (("user", "x.card", "--control", "none.card"), "there is no control card"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run("card", "issue", "control", "control.card")
    status, _, err = run("card", "issue", words[0], *ISSUE_WORDS.get(words[0], ()), *words[1:])
    assert status == 1 and err.count("\n") == 1 and says in err
    assert not Path("x.card").exists()


def test_a_user_card_is_no_control_card(tmp_path: Path) -> None:
    run("card", "issue", "control", tmp_path / "control.card")
    for name in ("a.card", "b.card"):
        assert run("card", "issue", "user", tmp_path / name, *ISSUE_WORDS["user"])[0] == 0
    status, _, err = run("sell", tmp_path / "a.card", "1", "--control", tmp_path / "b.card")
    assert status == 1 and "is no system control card" in err
    status, _, err = run("sell", tmp_path / "a.card", "1", "--control", tmp_path / "a.card")
    assert status == 1 and "is no system control card" in err


def test_the_control_card_is_no_resident_s_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run("card", "issue", "control", "control.card")
    for word in ("control.card", "./control.card", tmp_path / "control.card"):
        status, _, err = run("sell", word, "5")
        assert status == 1 and err.endswith(
            "control.card is the control card itself: name the resident's card\n"
        )
        assert err.count("\n") == 1


DARK = (
    "alarm 1 (1.00) is below alarm 2 (5.00): the supply would be cut before the lamp warns; "
    "give alarm 1 of at least 5.00\n"
)


def test_the_alarm_that_warns_is_not_below_the_one_that_cuts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run("card", "issue", "control", "control.card")
    lost = ("--meter", "1", "--customer", "1", "--count", "1")
    made = [("issue", kind, "x.card", *ISSUE_WORDS[kind]) for kind in ("user", "init")]
    for words in (*made, ("replace", "x.card", *lost)):
        assert run("card", *words, "--alarm1", "1", "--alarm2", "5") == (1, "", DARK)
        assert not Path("x.card").exists()
        for good in (("5", "5"), ("0", "0"), ("1", "0"), ("5.01", "5")):
            status, _, err = run("card", *words, "--alarm1", good[0], "--alarm2", good[1])
            assert (status, err) == (0, ""), good
            Path("x.card").unlink()
            Path("meters.txt").unlink(missing_ok=True)  # the same number again


def test_a_name_is_no_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run("card", "issue", "control", "control.card")
    run("card", "issue", "user", "[bold]:x:.card", *ISSUE_WORDS["user"])
    status, out, _ = run("card", "show", "[bold]:x:.card")
    assert status == 0 and "[bold]:x:.card" in out


@pytest.mark.parametrize(
    ("text", "value"), [("12.34", 1234), ("12", 1200), ("12.3", 1230), ("0.01", 1), (" 7 ", 700)]
)
def test_yuan(text: str, value: int) -> None:
    assert parse_fen(text) == value


@pytest.mark.parametrize(
    "text",
    ["", ".5", "5.", "-1", "+1", "1.234", "1,5", "1e3", "nan", "\u0661", "1 2", "9999999999"],
)
def test_not_yuan(text: str) -> None:
    with pytest.raises(CardError):
        parse_fen(text)
