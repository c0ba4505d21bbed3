"""PIN and quota on the command line: asked once, never shown, each refusal in one line."""

import os
import pty
import re
import select
import signal
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cards_kit as kit
from dianka.bench.stage.desk_line import DeskLine
from dianka.bench.stage.player import DeskError
from dianka.cardos import desk_files, keys
from dianka.cardos.chip import Chip
from dianka.cardos.image import dump, load
from dianka.cardos.t0 import Tpdu
from dianka.cli import app
from dianka.desk import system
from dianka.desk.cli import pins
from pcsc_kit import Readers
from quota_kit import OTHER_PIN, PIN

IMAGES = Path(__file__).parents[1] / "images" / "former"
ENV = {pins.VARIABLE: PIN}


def run(
    *words: str | Path, given: str = "", env: dict[str, str | None] | None = None
) -> tuple[int, str, str]:
    whole = {pins.VARIABLE: None} | (env or {})
    result = CliRunner().invoke(app, [str(word) for word in words], input=given, env=whole)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert not re.search(rf"\b({PIN}|{OTHER_PIN})\b", result.output)  # hexadecimal may have them
    return result.exit_code, result.stdout, result.stderr


def refused(*words: str | Path, given: str = "", env: dict[str, str | None] | None = None) -> str:
    """Return the one line with which a command is refused."""
    status, out, err = run(*words, given=given, env=env)
    assert (status, out, err.count("\n")) == (1, "", 1), (out, err)
    return err.rstrip()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a system and a resident's card; it is the current one."""
    monkeypatch.chdir(tmp_path)
    system.found_system(tmp_path / "control.card", 2, 3)
    assert run("card", "issue", "user", "lin.card", *kit.ISSUE_WORDS["user"])[0] == 0
    return tmp_path


@pytest.fixture
def with_pin(folder: Path) -> Path:
    assert run("keys", "pin", "control.card", given=f"{PIN}\n")[0] == 0
    return folder


def test_every_command_with_the_control_card_asks_for_its_pin(with_pin: Path) -> None:
    commands = (
        ("card", "issue", "inspection", "inspection.card"),
        ("card", "verify", "lin.card"),
        ("sell", "lin.card", "5"),
        (
            "card",
            "replace",
            "lin2.card",
            "--former",
            "lin.card",
            "--count",
            "1",
            "--amount",
            "5",
            *kit.TERM_WORDS[:2],
        ),
    )
    for words in commands:
        line = refused(*words)
        assert (
            line
            == "control.card has a PIN: run the command at a terminal, or set DIANKA_PIN for it"
        )
    for words in commands:
        status, _, err = run(*words, env=ENV)
        assert (status, err) == (0, ""), words


def test_what_needs_no_private_key_asks_for_no_pin(with_pin: Path) -> None:
    for words in (
        ("card", "show", "control.card"),
        ("card", "verify", "control.card"),
        ("card", "show", "lin.card"),
        ("card", "verify", "lin.card", "--without-control"),
        ("keys", "quota", "control.card"),
        ("keys", "order", "control.card", "100"),
    ):
        assert run(*words)[0] == 0, words


def test_a_wrong_pin_costs_a_try_and_three_block_the_card(with_pin: Path) -> None:
    wrong: dict[str, str | None] = {pins.VARIABLE: OTHER_PIN}
    found = [refused("sell", "lin.card", "5", env=wrong) for _ in range(3)]
    assert found[0] == "this is not the control card's PIN: 2 tries left, look it up first"
    assert "1 try left" in found[1] and "is blocked: `dianka keys pin` sets a new one" in found[2]
    assert "is blocked" in refused("sell", "lin.card", "5", env=ENV)
    assert "is blocked" in refused("keys", "pin", "control.card", given="123456\n")
    assert "blocked: `dianka keys pin`" in run("keys", "quota", "control.card")[1]
    parts = ("--part", "backup-1.card", "--part", "backup-2.card")
    status, out, _ = run("keys", "pin", "control.card", *parts, given=f"{OTHER_PIN}\n")
    assert status == 0 and "order 1 is carried out" in out and "set, 3 tries left" in out
    assert run("sell", "lin.card", "5", env=wrong)[0] == 0


def test_a_pin_that_is_none_costs_no_try(with_pin: Path) -> None:
    for pin in ("", "12ab56", "123456789", " 135790"):
        env: dict[str, str | None] = {pins.VARIABLE: pin}
        assert "up to 8 digits and nothing else" in refused("sell", "lin.card", "5", env=env)
    assert "set, 3 tries left" in run("keys", "quota", "control.card")[1]


def test_setting_and_changing(folder: Path) -> None:
    for short in ("12345", "", "abcdef", "123456789"):
        assert "a PIN has 6 to 8 digits" in refused(
            "keys", "pin", "control.card", given=f"{short}\n"
        )
    status, out, _ = run("keys", "pin", "control.card", given=f"{PIN}\n")
    assert status == 0 and out.startswith("control.card: has a new PIN")
    assert "2 tries left" in refused("keys", "pin", "control.card", given=f"111111\n{OTHER_PIN}\n")
    assert run("keys", "pin", "control.card", given=f"{PIN}\n{OTHER_PIN}\n")[0] == 0
    env: dict[str, str | None] = {pins.VARIABLE: OTHER_PIN}
    assert run("keys", "pin", "control.card", given=f"{PIN}\n", env=env)[0] == 0
    assert run("sell", "lin.card", "5", env=ENV)[0] == 0


def test_a_sale_above_the_quota_is_refused_before_anything_is_sent(folder: Path) -> None:
    assert run("keys", "refill", "control.card", "10", "backup-1.card", "backup-3.card")[0] == 0
    before = Path("lin.card").read_bytes()
    line = refused("sell", "lin.card", "10.01")
    assert line == (
        "the control card may seal 10.00 yuan more, not 10.01: have it refilled (`dianka "
        "keys refill`), or sell less"
    )
    assert Path("lin.card").read_bytes() == before
    status, out, _ = run("sell", "lin.card", "10")
    assert status == 0 and "the control card may seal 0.00 yuan more: have it refilled in" in out
    assert "quota   0.00 yuan left to seal" in run("card", "show", "control.card")[1]
    line = refused("card", "issue", "user", "wang.card", *kit.ISSUE_WORDS["user"])
    assert line == (
        "the control card may make 0 more cards, and this is a new one: have it refilled "
        "(`dianka keys refill --cards`)"
    )
    assert not Path("wang.card").exists()
    line = refused("card", "issue", "keys", "keys.card")
    assert "a control card with a quota makes no master-key change card" in line
    assert not Path("keys.card").exists()


def test_a_clerk_is_told_before_the_last_card_is_made(folder: Path) -> None:
    words = ("keys", "refill", "control.card", "10", "backup-1.card", "backup-3.card", "--cards")
    assert run(*words, "11")[0] == 0
    for name, few in (("wang.card", False), ("li.card", True)):
        status, out, err = run("card", "issue", "user", name, *kit.ISSUE_WORDS["user"])
        assert status == 0, err
        said = "the control card may make 9 more cards: have it refilled in time" in out
        assert said is few


def test_an_order_goes_from_place_to_place(folder: Path) -> None:
    status, out, err = run("keys", "order", "control.card", "200", "--cards", "3")
    assert (status, err) == (0, "") and "may seal 200.00 yuan and make 3 cards from now" in out
    assert "approved by   nobody" in out
    text = out.splitlines()[-1]
    serial = load(Path("control.card").read_bytes()).serial.hex()
    assert serial in out and text.lower().startswith(serial)
    assert run("keys", "approve", text)[1].splitlines()[-1] == text
    assert "0 of 2 part cards have approved" in refused("keys", "apply", "control.card", text)
    once = run("keys", "approve", text, "backup-2.card")[1].splitlines()[-1]
    assert "1 of 2 part cards have approved" in refused("keys", "apply", "control.card", once)
    assert "has approved this order already" in refused("keys", "approve", once, "backup-2.card")
    assert "no part of a backup" in refused("keys", "approve", once, "lin.card")
    twice = run("keys", "approve", once, "backup-1.card")[1].splitlines()[-1]
    assert "not whole" in refused("keys", "apply", "control.card", twice[:-2])
    status, out, _ = run("keys", "apply", "control.card", twice)
    assert status == 0 and "200.00 yuan left to seal" in out and "3 left to make" in out
    assert "an order is carried out once" in refused("keys", "apply", "control.card", twice)
    # Without --cards their number stays.
    assert run("keys", "refill", "control.card", "5", "backup-1.card", "backup-2.card")[0] == 0
    assert "3 left to make" in run("keys", "quota", "control.card")[1]
    lift = run("keys", "order", "control.card", "--lift")[1].splitlines()[-1]
    lift = run("keys", "approve", lift, "backup-3.card", "backup-1.card")[1].splitlines()[-1]
    assert "no quota" in run("keys", "apply", "control.card", lift)[1]


def test_a_new_pin_by_an_order_from_elsewhere(with_pin: Path) -> None:
    text = run("keys", "order", "control.card", "--new-pin")[1].splitlines()[-1]
    status, out, _ = run("keys", "approve", text, "backup-3.card", "backup-1.card")
    assert status == 0 and "takes a new PIN" in out
    text = out.splitlines()[-1]
    assert "6 to 8 digits" in refused("keys", "apply", "control.card", text, given="12\n")
    assert run("keys", "apply", "control.card", text, given=f"{OTHER_PIN}\n")[0] == 0
    assert run("card", "verify", "lin.card", env={pins.VARIABLE: OTHER_PIN})[0] == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("keys", "order", "control.card"), "one order does one"),
        (("keys", "order", "control.card", "5", "--lift"), "one order does one"),
        (("keys", "order", "control.card", "--lift", "--new-pin"), "one order does one"),
        (("keys", "order", "control.card", "--new-pin", "--cards", "5"), "one order does one"),
        (("keys", "order", "control.card", "many"), "is no amount in yuan"),
        (("keys", "order", "control.card", "99999999.99"), "give other numbers"),
        (("keys", "order", "control.card", "1", "--cards", "99999999"), "give other numbers"),
        (("keys", "refill", "control.card", "5", "backup-1.card"), "1 of 2 part cards"),
        (("keys", "refill", "control.card", "5", "backup-1.card", "backup-1.card"), "already"),
        (("keys", "refill", "control.card", "5", "backup-1.card", "none.card"), "is no file"),
        (("keys", "refill", "none.card", "5", "backup-1.card"), "there is no control card"),
        (("keys", "quota", "lin.card"), "is no system control card"),
        (("keys", "pin", "backup-1.card"), "is no system control card"),
        (("keys", "approve", "1234"), "not whole"),
        (("keys", "approve", "hello"), "is no order"),
    ],
)
def test_words_that_are_refused(folder: Path, words: tuple[str, ...], line: str) -> None:
    before = {path.name: path.read_bytes() for path in folder.glob("*.card")}
    assert line in refused(*words)
    assert {path.name: path.read_bytes() for path in folder.glob("*.card")} == before


def test_a_restored_card_is_told_what_it_lacks(folder: Path) -> None:
    parts = ("backup-1.card", "backup-3.card")
    status, out, _ = run("keys", "restore", "control2.card", *parts)
    assert status == 0 and "seals nothing before its first quota: `dianka keys refill" in out
    assert "may seal 0.00 yuan more" in refused(
        "sell", "lin.card", "5", "--control", "control2.card"
    )
    # One that is compared with another, each with its PIN.
    for control in ("control.card", "control2.card"):
        assert run("keys", "pin", control, given=f"{PIN}\n")[0] == 0
    words = ("card", "verify", "control2.card", "--control", "control.card")
    status, out, _ = run(*words, env=ENV)
    assert status == 0 and out.count("of this system") == 3
    assert run("keys", "refill", "control.card", "5", "backup-1.card", "backup-2.card")[0] == 0
    assert run(*words, env=ENV)[1].count("of this system") == 3
    assert run("keys", "refill", "control2.card", "5", *parts)[0] == 0
    assert run("sell", "lin.card", "5", "--control", "control2.card", env=ENV)[0] == 0


def test_the_parts_of_a_backup_verify_at_a_desk_with_a_quota(folder: Path) -> None:
    assert run("keys", "refill", "control.card", "5", "backup-1.card", "backup-2.card")[0] == 0
    for part in (1, 2, 3):
        status, out, _ = run("card", "verify", f"backup-{part}.card")
        assert status == 0 and out.count("of this system") == 2


def test_a_control_card_of_an_earlier_make(folder: Path) -> None:
    Path("former.card").write_bytes((IMAGES / "control-sm4.json").read_bytes())
    told = "of an earlier make, without PIN and quota: `dianka keys restore NEW.card PART...`"
    assert told in run("keys", "quota", "former.card")[1]
    assert told in run("card", "show", "former.card")[1]
    assert told in run("card", "verify", "former.card")[1]
    assert told in refused("keys", "pin", "former.card", given=f"{PIN}\n")
    assert told in refused("keys", "refill", "former.card", "5", "backup-1.card")
    Path("zhao.card").write_bytes((IMAGES / "user-sm4.json").read_bytes())
    assert run("sell", "zhao.card", "5", "--control", "former.card")[0] == 0


def test_a_damaged_part_is_named_as_one(folder: Path) -> None:
    Path("backup-2.card").write_bytes(Path("backup-2.card").read_bytes()[:-40])
    line = refused("keys", "refill", "control.card", "5", "backup-1.card", "backup-2.card")
    assert line == "backup-2.card is damaged: take another part of the same backup"


def test_a_forged_approval_is_refused_in_one_line(folder: Path) -> None:
    """A part card whose own key is another's: the control card alone can tell."""
    bad = load(Path("backup-2.card").read_bytes())
    bad.keys[keys.DESK] = bytes(16)
    Path("backup-2.card").write_bytes(dump(bad))
    line = refused("keys", "refill", "control.card", "5", "backup-1.card", "backup-2.card")
    assert "does not take this order (status 6988): an approval is not of its system" in line
    assert not any(load(Path("control.card").read_bytes()).files[desk_files.CONTROL_QUOTA])


# ****** A terminal ******


def test_where_the_question_can_t_be_shown_nobody_is_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bench's live screen reads the keys itself, and takes the output elsewhere."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as keyboard:
        monkeypatch.setattr("sys.stdin", keyboard)
        with pytest.raises(DeskError, match="give the command at a terminal of its own"):
            DeskLine().run(["keys", "pin", "control.card"], folder)
    os.close(ours)


class Terminal:
    """`dianka` at a terminal of its own, where a person answers questions."""

    def __init__(self, *words: str) -> None:
        self.said = ""
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ.pop(pins.VARIABLE, None)
            os.execv(sys.executable, [sys.executable, "-m", "dianka", *words])

    def expect(self, text: str) -> None:
        self._read_until(lambda: text in self.said, text)
        self.said = self.said.partition(text)[2]

    def type(self, line: str) -> None:
        os.write(self.fd, f"{line}\n".encode())

    def end(self) -> int:
        """Wait for the end; return the exit code."""
        self._read_until(lambda: False, "")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)

    def _read_until(self, happened: object, text: str) -> None:
        deadline = time.monotonic() + 60
        while not happened():  # type: ignore[operator]
            assert time.monotonic() < deadline, f"no {text!r} in {self.said!r}"
            ready, _, _ = select.select([self.fd], [], [], 1)
            if not ready:
                continue
            try:
                data = os.read(self.fd, 4096)
            except OSError:  # the process has closed its end
                data = b""
            if not data:
                assert not text, f"it ended without {text!r}: {self.said!r}"
                return
            self.said += data.decode()


def test_at_a_terminal_the_pin_is_asked_for_once_and_not_shown(with_pin: Path) -> None:
    """`card replace --former` powers the control card on in three places."""
    at = Terminal("card", "replace", "lin2.card", "--former", "lin.card", *kit.TERM_WORDS[:2])
    at.expect("PIN of control.card: ")
    at.type(PIN)
    assert at.end() == 0 and "lin.card: cleared" in at.said
    assert "PIN of" not in at.said and PIN not in at.said


def test_a_new_pin_is_typed_twice(folder: Path) -> None:
    for again, status in ((OTHER_PIN, 1), (PIN, 0)):
        at = Terminal("keys", "pin", "control.card")
        at.expect("new PIN: ")
        at.type(PIN)
        at.expect("new PIN once more: ")
        at.type(again)
        assert at.end() == status
        assert ("not the same: nothing was changed" in at.said) == bool(status)


def test_ctrl_c_at_the_question_ends_the_sale_with_nothing_sent(with_pin: Path) -> None:
    before = Path("lin.card").read_bytes()
    at = Terminal("sell", "lin.card", "5")
    at.expect("PIN of control.card: ")
    os.kill(at.pid, signal.SIGINT)
    assert at.end() == 130 and "interrupted: nothing was sent" in at.said
    assert Path("lin.card").read_bytes() == before


# ****** Readers ******


def test_two_part_cards_one_after_the_other_in_one_reader(
    folder: Path, pcsc: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = run("keys", "order", "control.card", "200")[1].splitlines()[-1]
    assert "holds one card at a time" in refused_in_reader(pcsc, text)
    chips = [Chip(load(Path(f"backup-{part}.card").read_bytes())) for part in (1, 2)]
    first = pcsc.holding(0, Tpdu(chips[0]))
    second = pcsc.holding(0, Tpdu(chips[1]))
    first.__enter__()

    def swap(name: str) -> None:
        assert name == "reader:0"
        first.__exit__(None, None, None)
        second.__enter__()

    monkeypatch.setattr(pins, "wait_for_other_card", swap)
    status, out, err = run("keys", "approve", text, "reader:0", "reader:0")
    second.__exit__(None, None, None)
    assert (status, err) == (0, "")
    assert run("keys", "apply", "control.card", out.splitlines()[-1])[0] == 0


def refused_in_reader(pcsc: Readers, text: str) -> str:
    chip = Chip(load(Path("backup-3.card").read_bytes()))
    with pcsc.holding(0, Tpdu(chip)):
        return refused("keys", "approve", text, "reader:0", "reader:0")
