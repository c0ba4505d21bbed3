"""The desk through a real PC/SC service, with both cards in readers; the meter takes the card."""

import itertools
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cards_kit import (
    ISSUE_WORDS,
    control_card,
    private_esam,
    sw_of,
    use_in_meter,
    user_card,
    wallet,
)
from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.image import CardFile
from dianka.cardos.t0 import Tpdu
from dianka.cli import app
from dianka.desk.sell import KEEP_MONEY, NOTHING_SENT, read_user_card, sell
from dianka.readers import find_reader
from dianka.readers import pcsc as pcsc_module
from meter_kit import CUSTOMER_NO, METER_NO, USER, MeterKit
from pcsc_kit import Readers, need
from sweeps import points, sweep


def run(*words: str | Path | int) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[MeterKit]:
    kit = MeterKit.new(tmp_path)
    yield kit
    kit.close()


def test_sold_with_two_readers_and_credited_by_the_meter(kit: MeterKit, pcsc: Readers) -> None:
    card = kit.folder / USER
    before = card.read_bytes()
    kit.sell(1234)
    in_process = card.read_bytes()
    card.write_bytes(before)
    with (
        CardFile.open(card) as file,
        pcsc.holding(0, Tpdu(file.chip)),
        pcsc.holding(1, Tpdu(kit.control.chip)),
    ):
        status, out, err = run("sell", "12.34", "--reader", "0", "--control", "reader:1")
        assert (status, err) == (0, "") and "12.34 yuan" in out and "account opened" in out
        status, out, _ = run("card", "show", f"reader:{pcsc.names[0]}")
        assert status == 0 and "waits for its meter" in out
        status, out, _ = run("card", "show", "--reader", "1")
        assert status == 0 and "system control card" in out
    assert card.read_bytes() == in_process
    kit.control.chip.power_on()
    assert kit.run_session(USER).code == 0
    assert (kit.state.bought_fen, kit.state.count) == (1234, 1)
    with (
        CardFile.open(card) as file,
        pcsc.holding(1, Tpdu(file.chip)),
        pcsc.holding(0, Tpdu(kit.control.chip)),
    ):
        status, out, err = run("sell", "reader:1", "5", "--control", "reader:0")
        assert (status, err) == (0, "") and "purchase  2\n" in out
    assert kit.run_session(USER).code == 0
    assert kit.state.bought_fen == 1734


def test_a_blank_card_is_issued_in_a_reader(tmp_path: Path, pcsc: Readers) -> None:
    control, blank = tmp_path / "control.card", tmp_path / "blank.card"
    run("card", "new", "control", control)
    assert run("card", "new", "user", blank, "--blank")[0] == 0
    with CardFile.open(blank) as file, pcsc.holding(0, Tpdu(file.chip)):
        before = file.chip.state.copy()
        made = ("--reader", "0", "--control", control, *ISSUE_WORDS["user"], "--meter", "42")
        status, _, err = run(
            "card", "new", "init", "--reader", "0", "--control", control, *ISSUE_WORDS["init"]
        )
        assert status == 1 and "no blank initialisation card" in err
        assert file.chip.state == before
        status, out, err = run("card", "new", "user", *made)
        assert (status, err) == (0, "") and file.chip.state.serial.hex() in out
        assert "000000000042" in run("card", "show", "reader:0")[1]
        status, _, err = run("card", "new", "user", *made)
        assert status == 1 and "issued already" in err
        status, _, err = run("sell", "1.00", "--reader", "0", "--control", control)
        assert (status, err) == (0, "")
    assert run("card", "show", blank)[0] == 0


KINDS = (
    kinds.USER,
    kinds.INIT,
    kinds.KEYS,
    kinds.RESTORE,
    kinds.INSPECTION,
    kinds.TEST_CREDIT,
    kinds.TEST,
)


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["sm4", "3des"])
def test_every_kind_is_issued_and_verified_with_two_readers(
    pcsc: Readers, profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control card in one reader, a blank chip in the other.

    Opensc-tool reads what came of it.
    """
    need(opensc=True)
    monkeypatch.chdir(tmp_path)  # the register of meter numbers goes where we stand
    control = control_card(profile=profile)
    with pcsc.holding(1, Tpdu(control)):
        for kind in KINDS:
            chip = Chip.new(kind, profile=profile)
            with pcsc.holding(0, Tpdu(chip)):
                words = (
                    kind,
                    "--reader",
                    "0",
                    "--control",
                    "reader:1",
                    "--profile",
                    profile,
                    *ISSUE_WORDS.get(kind, ()),
                )
                status, out, err = run("card", "issue", *words)
                assert (status, err) == (0, "") and chip.state.serial.hex() in out
                status, out, _ = run("card", "verify", "--reader", "0", "--control", "reader:1")
                assert status == 0, out
                status, _, err = run("card", "issue", *words)
                assert status == 1 and "issued already" in err
                done = subprocess.run(
                    ["opensc-tool", "--reader", "0", "-s", "00A4000002DF01", "-s", "00B0810004"],
                    capture_output=True, text=True, timeout=30, check=False,
                )  # fmt: skip
                command = chip.state.files[1][1]
                assert done.returncode == 0 and f"68 {command:02X} 00" in done.stdout, done.stderr
        status, out, _ = run("card", "verify", "--reader", "1", "--without-control")
        assert status == 0 and "system control card" in out


@pytest.mark.slow
def test_a_blank_chip_of_another_kind_is_left_as_it_is(pcsc: Readers, tmp_path: Path) -> None:
    control = tmp_path / "control.card"
    run("card", "issue", "control", control)
    for kind in KINDS:
        chip = Chip.new(kind)
        before = chip.state.copy()
        with pcsc.holding(0, Tpdu(chip)):
            for other in KINDS:
                if other != kind:
                    words = (
                        other,
                        "--reader",
                        "0",
                        "--control",
                        control,
                        *ISSUE_WORDS.get(other, ()),
                    )
                    status, _, err = run("card", "issue", *words)
                    assert status == 1 and "this is no blank" in err, (kind, other, err)
        assert chip.state == before


def test_a_wrong_card_is_told_through_the_reader(pcsc: Readers) -> None:
    card, other = user_card(control_card()), control_card(seed=9)
    before = card.state.copy()
    with pcsc.holding(0, Tpdu(card)), pcsc.holding(1, Tpdu(other)):
        status, out, _ = run("card", "verify", "--reader", "0", "--control", "reader:1")
        assert status == 1 and "BAD identity key 01: not of this system" in out
    assert card.state == before


def test_a_lost_card_is_replaced_in_the_reader_and_the_former_refused(
    kit: MeterKit, pcsc: Readers
) -> None:
    kit.sell(1000)
    assert kit.run_session(USER).code == 0
    new = kit.folder / "new.card"
    with (
        CardFile.create(new, kinds.USER) as file,
        pcsc.holding(0, Tpdu(file.chip)),
        pcsc.holding(1, Tpdu(kit.control.chip)),
    ):
        numbers = ("--meter", METER_NO, "--customer", CUSTOMER_NO, "--count", 1)
        status, out, err = run(
            "card", "replace", "--reader", "0", "--control", "reader:1", *numbers
        )
        assert (status, err) == (0, "") and "purchase 1 is in the meter already" in out
    assert kit.run_session(Path(new.name)).code == 0
    assert kit.run_session(USER).code == 13
    with CardFile.open(kit.folder / USER) as former, pcsc.holding(0, Tpdu(former.chip)):
        kit.control.close()
        words = (kit.folder / "third.card", "--former", "reader:0")
        status, out, err = run("card", "replace", *words)
        assert (status, err) == (0, "") and "reader:0: cleared" in out
        assert "not issued" in run("card", "show", "reader:0")[1]


def test_a_system_is_restored_from_parts_in_readers(tmp_path: Path, pcsc: Readers) -> None:
    assert run("keys", "init", tmp_path, "--parts", 3, "--needed", 2)[0] == 0
    first, third = (CardFile.open(tmp_path / f"backup-{part}.card") for part in (1, 3))
    with first, third, pcsc.holding(0, Tpdu(first.chip)), pcsc.holding(1, Tpdu(third.chip)):
        status, _, err = run("keys", "restore", tmp_path / "new.card", "reader:0")
        assert status == 1 and "1 of 2 parts are here" in err
        assert run("keys", "restore", tmp_path / "new.card", "reader:0", "reader:1")[0] == 0
    assert run("card", "verify", tmp_path / "new.card")[0] == 0


def test_every_mistake_is_one_line(
    tmp_path: Path, pcsc: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pcsc_module, "_IN_USE_PAUSE_S", 0)
    control = control_card()
    with pcsc.holding(0, Tpdu(user_card(control))), find_reader("reader:0").connect():
        mistakes = [
            (("sell", "reader:0", "1", "--control", "reader:1"), "in use by another program"),
            (("card", "show", "reader:1"), "is empty: put the card into it"),
            (("card", "show", "reader:2"), "is no reader"),
            (("card", "show", "reader:Test"), "names more than one reader"),
            (("card", "show", "reader:"), "is no reader"),
            (("card", "show", "reader:0"), "in use"),
            (("card", "show"), "--reader, one of the two"),
            (("card", "show", "a.card", "--reader", "0"), "--reader, one of the two"),
            (("card", "new", "control", "reader:1"), "is empty: put the card into it"),
            (("card", "new", "control", "reader:1", "--serial", "00" * 8), "name a file"),
            (("card", "issue", "esam", "reader:1"), "name a file"),
            (("keys", "init", "reader:1"), "is empty: put the card into it"),
            (
                ("card", "new", "user", "reader:1", "--serial", "00" * 8, *ISSUE_WORDS["user"]),
                "name a file",
            ),
            (("reader", "speed"), "one of the two"),
        ]
        for words, says in mistakes:
            status, out, err = run(*words)
            assert (status, out, err.count("\n")) == (1, "", 1) and says in err, (words, err)
    with pcsc.holding(0, Tpdu(user_card(control))):
        status, _, err = run("sell", "reader:0", "1", "--control", "reader:0")
        assert status == 1 and "is no system control card" in err
        status, _, err = run("sell", "reader:0", "1")
        assert status == 1 and "there is no control card control.card" in err
    assert run("sell", "1")[0] == 2


class Pulled(Tpdu):
    """The card is pulled from the reader at its nth command, before or after the chip did it."""

    def __init__(self, chip: Chip, at: int = -1, after: bool = False) -> None:
        super().__init__(chip)
        self.at, self.after, self.heard = at, after, 0

    def exchange(self, tpdu: bytes) -> tuple[bytes, int]:
        self.heard += 1
        if self.heard == self.at and not self.after:
            raise CardTorn("pulled")
        answer = super().exchange(tpdu)
        if self.heard == self.at:
            raise CardTorn("pulled")
        return answer


class Signalling(Tpdu):
    """The desk is told to end while its nth command is at the card."""

    def __init__(self, chip: Chip, at: int) -> None:
        super().__init__(chip)
        self.at, self.heard = at, 0

    def exchange(self, tpdu: bytes) -> tuple[bytes, int]:
        self.heard += 1
        if self.heard == self.at:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().exchange(tpdu)


@sweep(4)
def test_ended_during_a_sale_through_readers(
    pcsc: Readers, every: int, record_property: Callable[[str, object], None]
) -> None:
    control = control_card()
    esam, bought = private_esam(control), user_card(control)
    sell(control, bought, 100)
    assert use_in_meter(esam, bought)
    kept, at, missed = {False: 0, True: 0}, 1 - every, list[int]()
    before = signal.signal(signal.SIGTERM, lambda number, frame: missed.append(number))
    try:
        while True:
            at += every
            card = Chip(bought.state.copy())
            with pcsc.holding(0, Signalling(card, at)) as slot, pcsc.holding(1, Tpdu(control)):
                status, out, err = run("sell", "5", "--reader", "0", "--control", "reader:1")
            if slot.commands < at:
                break
            keep = KEEP_MONEY in err
            assert (status, out, err.count("\n")) == (128 + signal.SIGTERM, "", 1)
            assert keep != (NOTHING_SENT in err) and keep == (card.state.files[2][7] == 2), (
                at,
                err,
            )
            kept[keep] += 1
    finally:
        signal.signal(signal.SIGTERM, before)
    assert status == 0 and "5.00 yuan" in out and not missed
    assert kept[True] >= 3 // every and kept[False] >= 10 // every
    record_property(
        "figure",
        f"desk ended at {sum(kept.values())} commands of a sale through a reader: "
        f"{kept[True]} keep the money",
    )


@pytest.mark.slow
@sweep(6)
def test_pulled_out_of_the_reader_during_a_sale(
    pcsc: Readers, every: int, record_property: Callable[[str, object], None]
) -> None:
    control = control_card()
    esam, bought = private_esam(control), user_card(control)
    sell(control, bought, 100)
    assert use_in_meter(esam, bought)
    commands = sell_at(pcsc, control, Chip(bought.state.copy()), Pulled)
    outcomes: list[bool] = []
    for at, after in itertools.product(points(commands, every), (False, True)):
        outcomes.append(
            pulled_at(pcsc, control, Chip(esam.state.copy()), Chip(bought.state.copy()), at, after)
        )
    assert set(outcomes) == {False, True}
    played = f"{len(outcomes)} points of a sale of {commands} commands"
    record_property(
        "figure",
        f"card pulled out of a PC/SC reader at {played}: {sum(outcomes)} sold, "
        "the others as before",
    )


def sell_at(pcsc: Readers, control: Chip, card: Chip, engine: type[Pulled]) -> int:
    with pcsc.holding(0, engine(card)) as slot, find_reader("reader:0").connect() as held:
        sell(control, held.port, 500)
        return slot.commands


def pulled_at(pcsc: Readers, control: Chip, esam: Chip, card: Chip, at: int, after: bool) -> bool:
    """Whether the sale stands. If not it is made again; either way the meter credits it once."""
    with (
        pcsc.holding(0, Pulled(card, at, after)),
        find_reader("reader:0").connect() as held,
        pytest.raises((CardError, CardTorn)) as caught,
    ):
        sell(control, held.port, 500)
    assert "\n" not in str(caught.value)
    card.power_on()
    sold = read_user_card(card).write_back is None
    esam.power_on()
    if not sold:
        assert not use_in_meter(esam, card)
        sell(control, card, 500)
    else:
        with pytest.raises(CardError):
            sell(control, card, 500)
    assert use_in_meter(esam, card) and not use_in_meter(esam, card)
    assert wallet(esam) == (600, 2) and sw_of(esam, "0084000004") == 0x9000
    return sold
