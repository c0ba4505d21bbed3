"""Typing errors at the desk: one line for each, exit code 1 or 2, and no card made of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cards_kit as kit
from dianka.bench.stage.desk_line import DeskLine
from dianka.card_port import CardError
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files, pack_tariff
from dianka.cli import app
from dianka.desk import issue
from dianka.desk.prices import read_rates
from dianka.desk.verify import verify


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    assert run("card", "issue", "control", "control.card")[0] == 0
    assert run("card", "issue", "user", "lin.card", *USER, "--alarm1", "7", "--alarm2", "3")[0] == 0
    yield


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words), prog_name="dianka")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def content() -> dict[str, bytes]:
    """All files but locks, which hold nothing."""
    return {
        path.name: data
        for path in Path().iterdir()
        if path.is_file() and (data := path.read_bytes())
    }


def refused(*words: str, status: int = 1) -> str:
    before = content()
    ended, out, err = run(*words)
    assert (ended, out, err.count("\n")) == (status, "", 1), (words, err)
    assert content() == before
    return err.strip()


USER, INIT = kit.ISSUE_WORDS["user"], kit.ISSUE_WORDS["init"]
USER_WITHOUT_PRICE, INIT_WITHOUT_PRICE = USER[:4] + USER[6:], INIT[:2] + INIT[4:]
LOST = ("--meter", "1", "--customer", "1", "--count", "1")
PRICE = "a price is from 0.0001 to 9999.9999 yuan per kWh: give another price"


@pytest.mark.parametrize("price", ["0", "0.0000", "10000"])
@pytest.mark.parametrize(
    "words",
    [
        ("card", "issue", "user", "x.card", *USER_WITHOUT_PRICE),
        ("card", "issue", "user", "x.card", *USER),
        ("card", "issue", "init", "x.card", *INIT_WITHOUT_PRICE),
        ("card", "replace", "x.card", *LOST),
        ("card", "replace", "x.card", "--former", "lin.card"),
    ],
)
def test_nothing_is_free(words: tuple[str, ...], price: str) -> None:
    """The meter refuses a tariff without a price (14), once it has taken the money."""
    assert refused(*words, "--price", price) == PRICE
    assert refused("sell", "lin.card", "5", "--price", price, "--from", "2030-01-01") == PRICE
    assert run(*words, "--price", "0.0001")[0] == 0


@pytest.mark.parametrize("sfi", [card_files.CARD_TARIFF_1, card_files.CARD_TARIFF_2])
@pytest.mark.parametrize("make", [kit.user_card, kit.init_card])
def test_a_card_whose_first_rate_is_zero_is_bad(make: Callable[[Chip], Chip], sfi: int) -> None:
    control = kit.control_card()
    card = make(control)
    command, _ = card_files.unframe(card.state.files[sfi])
    for rates, good in (([5000, 0], True), ([0, 5000], False), ([0], False)):
        card.state.files[sfi] = card_files.frame(command, pack_tariff(rates))
        found = [finding.text for finding in verify(card, control) if not finding.good]
        name = f"file {sfi:02X}, tariff set {1 if sfi == card_files.CARD_TARIFF_1 else 2}"
        assert found == ([] if good else [f"{name}: a tariff without a price"])


@pytest.mark.parametrize("sfi", [card_files.CARD_TARIFF_1, card_files.CARD_TARIFF_2])
def test_a_card_that_opens_an_account_without_a_price_is_bad(sfi: int) -> None:
    """Only a card that leaves the meter its price may say none."""
    control = kit.control_card()
    card = kit.user_card(control)
    card.state.files[sfi] = bytes(len(card.state.files[sfi]))
    found = [finding.text for finding in verify(card, control) if not finding.good]
    assert found == ["it opens the account and says no price"]


def test_a_price_of_zero_is_not_handed_on() -> None:
    """Neither to a replacement card nor as the price in force beside a new one."""
    card = kit.user_card(kit.control_card())
    card.state.files[card_files.CARD_TARIFF_1] = issue.pack_user_tariff([0])
    card.power_on()
    kit.open_card(card)
    with pytest.raises(CardError, match="a tariff without a price"):
        read_rates(card, card_files.CARD_TARIFF_1)


@pytest.mark.parametrize(
    "alarm", [("--alarm1", "99"), ("--alarm2", "1"), ("--alarm1", "20.00"), ("--alarm2", "5.00")]
)
def test_the_alarms_of_a_replacement_are_the_former_card_s(alarm: tuple[str, str]) -> None:
    words = ("card", "replace", "new.card", "--former", "lin.card", "--price", "0.5")
    told = (
        "the former card has the alarms: leave out --alarm1 and --alarm2, "
        "or --former and give all numbers"
    )
    assert refused(*words, *alarm) == told
    assert run(*words)[0] == 0
    assert "7.00 and 3.00 yuan" in run("card", "show", "new.card")[1]


def test_a_lost_card_s_replacement_says_only_what_was_told() -> None:
    """It said 0.5000 yuan/kWh and alarms of 20 and 5 yuan, whatever the meter has."""
    assert run("card", "replace", "untold.card", *LOST)[0] == 0
    told = run("card", "show", "untold.card")[1]
    assert "none on this card" in told and "the meter's own, not on this card" in told
    assert "yuan/kWh" not in told and "20.00" not in told
    assert run("card", "verify", "untold.card")[0] == 0
    assert (
        run(
            "card",
            "replace",
            "given.card",
            *LOST,
            "--alarm1",
            "9",
            "--alarm2",
            "5",
            "--price",
            "0.8",
        )[0]
        == 0
    )
    told = run("card", "show", "given.card")[1]
    assert "9.00 and 5.00 yuan" in told and "0.8000 yuan/kWh" in told
    assert refused("card", "replace", "x.card", *LOST, "--alarm1", "9").startswith(
        "give --alarm2 as well: "
    )
    opening = refused("card", "replace", "x.card", *LOST, "--amount", "5")
    assert opening.startswith("give --price, --alarm1 and --alarm2 as well: ")


def test_what_decides_about_money_has_no_default() -> None:
    """Defaults made a card for nobody's meter, and set one from 0.8000 to 0.5000 yuan/kWh.

    Nobody had typed these words.
    """
    for kind, names in (
        ("user", ["--meter", "--customer", "--price", "--alarm1", "--alarm2"]),
        ("init", ["--meter", "--price", "--alarm1", "--alarm2"]),
    ):
        words = kit.ISSUE_WORDS[kind]
        given = {words[at]: words[at + 1] for at in range(0, len(words), 2)}
        assert list(given) == names
        every = f"{', '.join(names[:-1])} and {names[-1]}"
        assert refused("card", "issue", kind, "x.card").startswith(f"give {every} as well: ")
        for name in names:
            rest = [
                word
                for option, value in given.items()
                if option != name
                for word in (option, value)
            ]
            assert refused("card", "issue", kind, "x.card", *rest).startswith(
                f"give {name} as well: "
            )
        # A blank chip has no data yet.
        assert run("card", "issue", kind, f"{kind}-chip.card", "--blank")[0] == 0


@pytest.mark.parametrize(
    ("hoard", "close_above", "highest"),
    [
        ("5", "10", "5.00"),
        ("5", "5", "5.00"),
        ("0", "999999.99", "999999.99"),
        ("999999.99", "999999.99", "999999.99"),
    ],
)
def test_a_relay_that_no_balance_could_close(hoard: str, close_above: str, highest: str) -> None:
    """The meter takes a purchase up to the hoard limit and closes above the other, not at it."""
    line = refused(
        "card", "issue", "init", "x.card", *INIT, "--hoard", hoard, "--close-above", close_above
    )
    given = f"{close_above}.00" if "." not in close_above else close_above
    assert line == (
        f"the relay closes above {given} yuan, and no balance is above {highest}: "
        "give a smaller --close-above or a higher --hoard"
    )


@pytest.mark.parametrize(
    ("hoard", "close_above"), [("5", "4.99"), ("0", "999999.98"), ("0", "0"), ("0.01", "0")]
)
def test_a_relay_that_the_highest_balance_closes(hoard: str, close_above: str) -> None:
    assert (
        run(
            "card", "issue", "init", "x.card", *INIT, "--hoard", hoard, "--close-above", close_above
        )[0]
        == 0
    )


@pytest.mark.parametrize(
    "words",
    [
        ("card", "show", "."),
        ("card", "verify", "."),
        ("sell", ".", "5"),
        ("card", "replace", "x.card", "--former", "."),
    ],
)
def test_a_folder_is_named_as_it_was_given(words: tuple[str, ...]) -> None:
    assert refused(*words).startswith(". is no file: ")


def test_no_card_is_made_where_a_folder_is() -> None:
    assert refused("card", "issue", "user", ".", *USER) == ". exists already: choose another name"
    assert refused("card", "replace", ".", *LOST) == ". exists already: choose another name"
    assert refused("card", "issue", "user", "x.card", *USER, "--control", ".").startswith(
        "there is no control card .: "
    )


SEE = "see `dianka {} --help`"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("sell", "lin.card", "--pirce", "1"),
            "No such option: --pirce (Possible options: --office, --price): " + SEE.format("sell"),
        ),
        (("sell", "lin.card", "-x"), "No such option: -x: " + SEE.format("sell")),
        (
            ("card", "show", "a.card", "b.card"),
            "Got unexpected extra argument(s) (b.card): " + SEE.format("card show"),
        ),
        (
            ("card", "show", "a.card", "b\nc"),
            r"Got unexpected extra argument(s) (b\x0ac): " + SEE.format("card show"),
        ),
        (("sell",), "Missing argument '[CARD] YUAN': " + SEE.format("sell")),
        (
            ("sell", "5"),
            "Invalid value for '[CARD] YUAN': give CARD and YUAN, or YUAN and --reader: "
            + SEE.format("sell"),
        ),
        (("card", "issue", "esam"), "Missing argument 'FILE': " + SEE.format("card issue esam")),
        (
            ("card", "show", "--reader"),
            "Option '--reader' requires an argument: see --help behind the command",
        ),
        (("card", "shwo"), "No such command 'shwo'. Did you mean 'show'? " + SEE.format("card")),
        (("card", "burn"), "No such command 'burn': " + SEE.format("card")),
        (("burn",), "No such command 'burn': see `dianka --help`"),
        (("--nonsense",), "No such option: --nonsense: see `dianka --help`"),
        (("bench", "nothing"), "No such command 'nothing': " + SEE.format("bench")),
        (("flash",), "Missing option '--board': " + SEE.format("flash")),
        (
            ("card", "issue", "user", "x.card", "--profile", "des"),
            "Invalid value for '--profile': 'des' is not one of 'sm4', '3des': "
            + SEE.format("card issue user"),
        ),
    ],
)
def test_words_that_no_command_knows_are_one_line(words: tuple[str, ...], says: str) -> None:
    assert refused(*words, status=2) == says


AMOUNT = "the amount must be from 0.01 to 999999.99 yuan, not {}: see `dianka sell --help`"


@pytest.mark.parametrize("amount", ["-5", "-0.50", "-.5", "-5.00"])
def test_an_amount_below_zero_is_no_option(amount: str) -> None:
    assert refused("sell", "lin.card", amount, status=2) == AMOUNT.format(amount)
    assert refused("sell", "--reader", "0", amount, status=2) == AMOUNT.format(amount)
    # The same in a story.
    assert f"0.01 to 999999.99 yuan, not {amount}" in DeskLine().find_mistake(
        ["sell", "lin.card", amount]
    )


def test_help_stays_as_it_is() -> None:
    for words in ((), ("sell",), ("card",), ("card", "issue", "user")):
        status, out, err = run(*words, "--help")
        assert (
            (status, err) == (0, "")
            and out.startswith(f"Usage: {' '.join(('dianka', *words))} ")
            and "--help" in out
        )
    for words in ((), ("card",), ("card", "issue")):
        status, _, err = run(*words)
        assert (
            status == 2
            and err.startswith(f"Usage: {' '.join(('dianka', *words))} ")
            and err.count("\n") > 5
        )
