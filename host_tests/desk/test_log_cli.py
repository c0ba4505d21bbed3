"""`dianka log` as people type it: one line for each refusal, and 1 for what is not whole."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import log_kit
from dianka.cardos.files import card_files, service_files
from dianka.cardos.image import dump, load
from dianka.cli import app
from dianka.desk.event_log import MeterLog, event_chain
from dianka.desk.log_file import load_log, save_log

TOTALS = bytes(card_files.size_of(service_files.TOTALS))
LIFE = log_kit.make_life({event_chain.PURCHASE: 120, event_chain.POWER: 25, event_chain.CASE: 2})
LOG = log_kit.carry(LIFE, totals=TOTALS)
NEWER = log_kit.carry(LIFE, log_kit.TIME + 1, TOTALS)


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def refusal(*words: str | Path) -> str:
    status, _, err = run(*words)
    assert status == 1 and err.count("\n") == 1, err
    return err


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """An inspection card that was in no meter."""
    assert run("card", "issue", "control", tmp_path / "control.card")[0] == 0
    assert run("card", "issue", "inspection", tmp_path / "inspection.card")[0] == 0
    return tmp_path / "inspection.card"


def put(card: Path, log: MeterLog, blocks: int = 33) -> None:
    state = load(card.read_bytes())
    size = len(state.files[service_files.INSPECTION_LOG])
    carried = b"".join(log_kit.pack_blocks(log)[:blocks][::-1])
    state.files[service_files.INSPECTION_LOG] = carried.ljust(size, b"\0")
    totals = card_files.frame(service_files.CMD_READ_BACK, TOTALS)
    state.files[service_files.INSPECTION_TOTALS] = totals
    card.write_bytes(dump(state))


def test_read_check_and_show(card: Path, tmp_path: Path) -> None:
    put(card, LOG)
    file = tmp_path / "12.log"
    status, out, err = run("log", "read", card, file)
    said = f"{file}: meter 000000000012, 2026-01-05 08:00, 122 entries in 3 chains, each whole\n"
    assert (status, out, err) == (0, said, "") and load_log(file) == (LOG, "")
    assert run("log", "check", file) == (0, said, "")
    status, out, _ = run("log", "show", file)
    assert status == 0 and "122 entries, each chain is whole" in out and "purchase 120" in out
    assert "log of meter" in run("card", "show", card)[1]
    assert "name another file" in refusal("log", "read", card, file)


def test_what_is_not_whole_is_written_and_named(card: Path, tmp_path: Path) -> None:
    put(card, LOG, 6)
    said = refusal("log", "read", card, tmp_path / "part.log")
    assert "pulled too early, purchase 34: missing, and all behind it: 35 of 122" in said
    assert "purchase 34: missing" in refusal("log", "check", tmp_path / "part.log")
    assert "not all was copied (purchase 34" in run("card", "show", card)[1]
    put(card, replace(LOG, entries=(*LOG.entries[:5], *LOG.entries[6:], LOG.entries[5])))
    said = refusal("log", "read", card, tmp_path / "broken.log")
    assert "is written and broken at power 9: power 10 stands in its place" in said
    assert "BROKEN at power 9" in run("card", "show", card)[1]
    assert "power 9: power 10" in refusal("log", "check", tmp_path / "broken.log")
    assert "power 9" in refusal("log", "show", tmp_path / "broken.log")
    put(card, log_kit.carry(LIFE, totals=b"another visit's"))
    assert "of an earlier visit, 2026-01-05" in refusal("log", "read", card, tmp_path / "old.log")
    assert "of an earlier visit" in run("card", "show", card)[1]


def test_two_files(tmp_path: Path) -> None:
    old, new, off = (tmp_path / f"{name}.log" for name in ("old", "new", "off"))
    save_log(old, LOG)
    save_log(new, NEWER)
    shorter = LIFE | {event_chain.CASE: LIFE[event_chain.CASE][:1]}
    save_log(off, log_kit.carry(shorter, log_kit.TIME + 2, TOTALS))
    status, out, _ = run("log", "check", new, old)
    assert status == 0 and out.endswith(f"it goes on from {old}: each kind\n")
    assert "the newer file ends at 1" in refusal("log", "check", off, old)
    assert "case 2: " in refusal("log", "check", off, new)
    assert run("log", "check", off)[0] == 0
    assert "name the newer one first" in refusal("log", "check", old, new)
    later = {kind: found + _more(kind, found) for kind, found in LIFE.items()}
    far = tmp_path / "far.log"
    save_log(far, log_kit.carry(later, log_kit.TIME + 3, TOTALS))
    out = run("log", "check", far, old)[1]
    assert "nothing in common with it any more: case 2, power 25, purchase 120" in out


def _more(kind: int, found: list[bytes]) -> list[bytes]:
    before = found[-1][-8:] if found else event_chain.START
    rng = log_kit.random.Random(kind)
    return log_kit.make_chain(kind, len(found) + 1, 150 if found else 0, rng, before)


@pytest.mark.parametrize("words", [("check",), ("show",)])
def test_files_that_are_none(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert "can't be read" in refusal("log", *words, tmp_path / "none.log")
    other = tmp_path / "other"
    for content in (b"", b"\xff\xfe", b"dianka log 2\n", b"dianka log 1\nhead 00\n"):
        other.write_bytes(content)
        assert "is no log of events (" in refusal("log", *words, other), content


def test_cards_that_are_none(card: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.log"
    assert "has no log" in refusal("log", "read", card, file)
    assert "no inspection card" in refusal("log", "read", tmp_path / "control.card", file)
    put(card, LOG)
    state = load(card.read_bytes())
    log = bytearray(state.files[service_files.INSPECTION_LOG])
    log[700] ^= 1
    state.files[service_files.INSPECTION_LOG] = bytes(log)
    card.write_bytes(dump(state))
    assert "is damaged: put the card into the meter again" in refusal("log", "read", card, file)
    assert not file.exists()
