"""The proof of a log of events: whatever is changed, left out, doubled or moved is named."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cards_kit
import log_kit
from dianka.card_port import CardError, select_card
from dianka.cardos import desk_files
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files, service_files
from dianka.desk.event_log import ENTRY_BYTES, MeterLog, event_chain, name_entry, read_log
from dianka.desk.log_check import find_break, find_difference, list_gaps
from dianka.desk.log_file import dump_log, load_log, parse_log, save_log
from dianka.desk.log_words import CAUSES, describe_log
from dianka.desk.show import show
from dianka.desk.verify import verify
from parts import Parts

LIVES = st.dictionaries(st.integers(1, 10), st.integers(0, 130), max_size=6)
FULL = log_kit.make_life(dict.fromkeys(range(1, 11), 130))


def places(log: MeterLog) -> list[str]:
    return [name_entry(ring.kind, number) for ring, number in log.list_places()]


@st.composite
def logs(draw: st.DrawFn, least: int = 1) -> MeterLog:
    lengths = draw(LIVES.filter(lambda found: sum(found.values()) >= least))
    return log_kit.carry(log_kit.make_life(lengths, draw(st.integers(0, 99))))


# ****** One log ******


@given(logs(0))
@settings(max_examples=60)
def test_a_whole_log_is_whole_and_comes_back_from_its_file(log: MeterLog) -> None:
    assert find_break(log) == "" and not log.is_partial
    assert parse_log(dump_log(log)) == (log, "")


def test_all_that_is_promised_fits_on_the_card() -> None:
    log = log_kit.carry(FULL)
    assert log.promised == 220 and len(log_kit.pack_blocks(log)) == desk_files.LOG_BLOCKS
    assert find_break(log) == ""


@given(logs(), st.data())
@settings(max_examples=150)
def test_a_bit_that_flips_anywhere_is_named(log: MeterLog, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(log.entries) - 1))
    bit = data.draw(st.integers(0, 8 * ENTRY_BYTES - 1))
    entries = list(log.entries)
    changed = bytearray(entries[at] or b"")
    changed[bit // 8] ^= 1 << bit % 8
    entries[at] = bytes(changed)
    assert find_break(log_kit.with_entries(log, entries)).startswith(places(log)[at] + ": ")


@given(logs(), st.data())
@settings(max_examples=100)
def test_an_entry_left_out_is_named(log: MeterLog, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(log.entries) - 1))
    entries = list(log.entries)
    del entries[at]
    assert find_break(log_kit.with_entries(log, entries)).startswith(places(log)[at] + ": ")


@given(logs(2), st.data())
@settings(max_examples=100)
def test_two_entries_that_have_changed_places_are_named(log: MeterLog, data: st.DataObject) -> None:
    indexes = st.integers(0, len(log.entries) - 1)
    one, other = sorted(data.draw(st.lists(indexes, min_size=2, max_size=2, unique=True)))
    entries = list(log.entries)
    entries[one], entries[other] = entries[other], entries[one]
    assert find_break(log_kit.with_entries(log, entries)).startswith(places(log)[one] + ": ")


@given(logs(), st.data())
@settings(max_examples=100)
def test_an_entry_that_is_there_twice_is_named(log: MeterLog, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(log.entries) - 1))
    to = data.draw(st.integers(0, len(log.entries)))
    entries = list(log.entries)
    entries.insert(to, entries[at])
    wanted = [*places(log), "behind the last entry"][to + (to == at)]
    assert find_break(log_kit.with_entries(log, entries)).startswith(wanted + ": ")


@given(logs(), st.data())
@settings(max_examples=60)
def test_what_a_pulled_card_lacks_is_named(log: MeterLog, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(log.entries) - 1))
    part = log_kit.with_entries(log, list(log.entries[:count]))
    assert part.is_partial
    said = f"missing, and all behind it: {count} of {log.promised} entries are there"
    assert find_break(part) == f"{places(log)[count]}: {said}"


def test_the_first_links_of_the_rings_are_proved_too() -> None:
    life = log_kit.make_life({event_chain.FAULT: 30, event_chain.CASE: 4})
    log = log_kit.carry(life)
    for at, said in (
        (0, "case 1: it is the first of all, and the head says that another one was before it"),
        (2, "fault 11: changed, or not the one that followed the entry before it"),
    ):
        rings = list(log.rings)
        rings[at] = replace(rings[at], before=bytes(7) + b"\1")
        assert find_break(replace(log, rings=tuple(rings))) == said
    rings[0], rings[2] = log.rings[0], replace(rings[2], before=bytes(8))
    assert "has lost the entry before it" in find_break(replace(log, rings=tuple(rings)))
    lost = [None if at == 5 else entry for at, entry in enumerate(log.entries)]
    told = find_break(log_kit.with_entries(log, lost))
    assert told == "fault 12: the meter's memory has lost it"
    assert parse_log(dump_log(log_kit.with_entries(log, lost)))[0].entries[5] is None


# ****** Two logs ******


@given(LIVES, st.dictionaries(st.integers(1, 10), st.integers(0, 130), max_size=4))
@settings(max_examples=60)
def test_a_log_that_goes_on_is_no_difference(lengths: dict, more: dict) -> None:
    life = log_kit.make_life(lengths)
    older = log_kit.carry(life)
    rng = random.Random(5)
    for kind, count in more.items():
        before = life[kind][-1][-event_chain.HASH :] if life[kind] else event_chain.START
        life[kind] += log_kit.make_chain(kind, len(life[kind]) + 1, count, rng, before)
    newer = log_kit.carry(life, log_kit.TIME + 1)
    assert find_difference(newer, older) == ""
    gaps = {
        kind
        for kind, entries in life.items()
        if 0 < len(entries) - more.get(kind, 0) < len(entries) - log_kit.PROMISED.get(kind, 10)
    }
    assert len(list_gaps(newer, older)) == len(gaps)
    if newer.time > older.time:
        assert "name the newer one first" in find_difference(older, newer)


@given(LIVES.filter(lambda found: sum(found.values()) > 1), st.data())
@settings(max_examples=100)
def test_entries_taken_off_the_end_are_named_by_an_older_log(
    lengths: dict, data: st.DataObject
) -> None:
    life = log_kit.make_life(lengths)
    older = log_kit.carry(life)
    kind = data.draw(st.sampled_from(sorted(kind for kind, found in life.items() if found)))
    off = data.draw(st.integers(1, len(life[kind])))
    shorter = life | {kind: life[kind][:-off]}
    newer = log_kit.carry(shorter, log_kit.TIME + 1)
    assert find_break(newer) == ""
    said = find_difference(newer, older)
    assert said.startswith(name_entry(kind, len(life[kind])) + ": the newer file ends at ")


@given(LIVES.filter(lambda found: sum(found.values()) > 1), st.data())
@settings(max_examples=100)
def test_a_chain_that_was_computed_anew_is_named_by_an_older_log(
    lengths: dict, data: st.DataObject
) -> None:
    life = log_kit.make_life(lengths)
    older = log_kit.carry(life)
    kind = data.draw(st.sampled_from(sorted(kind for kind, found in life.items() if found)))
    at = data.draw(st.integers(0, len(life[kind]) - 1))
    before = life[kind][at - 1][-event_chain.HASH :] if at else event_chain.START
    anew = log_kit.make_chain(kind, at + 1, len(life[kind]) - at, random.Random(77), before)
    newer = log_kit.carry(life | {kind: life[kind][:at] + anew}, log_kit.TIME + 1)
    assert find_break(newer) == ""
    first = max(at + 1, max(1, len(life[kind]) - log_kit.PROMISED.get(kind, 10)))
    assert find_difference(newer, older).startswith(name_entry(kind, first) + ": another entry")


def test_logs_of_two_meters_are_not_compared() -> None:
    log = log_kit.carry(FULL)
    said = find_difference(replace(log, meter_no=13), log)
    assert said == "the files are of two meters, 000000000013 and 000000000012"


# ****** Files ******


def test_a_file_cut_at_any_byte_or_changed_in_any_byte_is_found(tmp_path: Path) -> None:
    log = log_kit.carry(log_kit.make_life({event_chain.POWER: 3, event_chain.CASE: 1}))
    whole, file = dump_log(log), tmp_path / "a.log"

    def wrong(content: bytes) -> bool:
        file.write_bytes(content)
        try:
            return bool(load_log(file)[1])
        except CardError as error:
            assert "\n" not in str(error)
            return True

    assert not wrong(whole)
    for at in range(len(whole)):
        assert wrong(whole[:at]), at
        for byte in b"0a-\n\xff":
            if whole[at] != byte:
                assert wrong(whole[:at] + bytes((byte,)) + whole[at + 1 :]), (at, byte)
        assert wrong(whole[: at + 1] + whole[at:]), at


@given(st.binary(max_size=400) | st.text(max_size=300).map(str.encode))
def test_anything_is_a_log_or_is_refused_in_one_line(content: bytes) -> None:
    for text in (content, b"dianka log 1\n" + content, b"dianka log 1\nhead " + content):
        try:
            parse_log(text)
        except ValueError as error:
            assert "\n" not in str(error)


def test_a_file_is_its_owner_s_alone_and_never_replaced(tmp_path: Path) -> None:
    file, log = tmp_path / "a.log", log_kit.carry(FULL)
    save_log(file, log)
    assert file.stat().st_mode & 0o777 == 0o600 and load_log(file) == (log, "")
    with pytest.raises(CardError, match=r"can't be made \(File exists\): name another file"):
        save_log(file, log)
    with pytest.raises(CardError, match="can't be read"):
        load_log(tmp_path / "none.log")
    with pytest.raises(CardError, match="can't be read"):
        load_log(tmp_path)
    file.write_bytes(b"x" * 100_000)
    with pytest.raises(CardError, match="too large"):
        load_log(file)
    with pytest.raises(CardError, match="can't be made"):
        save_log(tmp_path / "none" / "a.log", log)


# ****** Cards ******


@pytest.fixture
def card() -> Chip:
    chip = cards_kit.inspection_card(cards_kit.control_card())
    select_card(chip)
    return chip


def put(card: Chip, *blocks: bytes) -> None:
    """Write these blocks, the newest first, as if a meter had appended them."""
    size = card_files.size_of(desk_files.LOG_BLOCK) * desk_files.LOG_BLOCKS
    card.state.files[service_files.INSPECTION_LOG] = b"".join(blocks).ljust(size, b"\0")[:size]


def test_a_card_brings_what_was_put_on_it_and_no_former_copy(card: Chip) -> None:
    assert read_log(card) is None
    former = log_kit.pack_blocks(log_kit.carry(FULL))
    log = log_kit.carry(log_kit.make_life({event_chain.CASE: 3, event_chain.POWER: 25}))
    blocks = log_kit.pack_blocks(log)
    put(card, *blocks[::-1], *former[::-1])
    assert read_log(card) == log
    for count in range(1, len(blocks)):
        put(card, *blocks[:count][::-1], *former[::-1])
        part = read_log(card)
        assert part and part.is_partial and len(part.entries) == 7 * (count - 1)


def test_a_damaged_card_is_named(card: Chip) -> None:
    blocks = log_kit.pack_blocks(log_kit.carry(FULL))[::-1]
    for wrong, said in (
        ([*blocks[:3], *blocks[4:]], "block 30 of the log is missing"),
        ([*blocks[:3], blocks[3][:-1] + b"?", *blocks[4:]], "block 30 of the log is damaged"),
        ([*blocks[:5]], "the head of the log is missing"),
        ([log_kit.make_block(2, 1, b"")], "block 2 of 1"),
        ([log_kit.make_block(1, 1, bytes(28) + b"\xff")], "the head does not fit 255 kinds"),
        ([log_kit.make_block(1, 1, b"\xff" * 224)], "not BCD"),
    ):
        put(card, *wrong)
        with pytest.raises(ValueError, match=said):
            read_log(card)
        assert any(f"damaged ({said}" in text for _, text in show(card)), said
    put(card, log_kit.make_block(1, 1, b""))
    log = read_log(card)
    assert log and log.rings == (), "a head of no kind promises nothing"


def test_a_card_of_an_earlier_make_has_no_log_and_is_good() -> None:
    control = cards_kit.control_card()
    former = cards_kit.make_former(cards_kit.inspection_card(control), service_files.INSPECTION_LOG)
    select_card(former)
    assert read_log(former) is None
    assert not [finding.text for finding in verify(former, control) if not finding.good]
    assert not [label for label, _ in show(former) if label.startswith("log")]


# ****** Words ******


def test_the_causes_have_the_words_of_the_firmware() -> None:
    assert tuple(words for words, *_ in Parts().module("supply").CAUSES) == CAUSES


@given(st.lists(st.binary(min_size=ENTRY_BYTES, max_size=ENTRY_BYTES), max_size=3))
def test_any_entry_has_words_of_one_line(entries: list[bytes]) -> None:
    log = log_kit.with_entries(log_kit.carry(FULL), list(entries))
    for label, text in describe_log(log, True):
        assert label and text and "\n" not in text and text.isprintable()


@given(st.integers(1, 10), st.integers(0, 255), st.binary(min_size=13, max_size=13))
def test_any_detail_of_a_known_kind_has_words(kind: int, what: int, detail: bytes) -> None:
    record = {"number": 1, "time": 2601050800, "kind": kind, "what": what, "detail": detail}
    entry = card_files.pack(card_files.LOG_ENTRY, record)
    log = log_kit.with_entries(log_kit.carry(FULL), [entry])
    assert all(text.isprintable() for _, text in describe_log(log, True))
