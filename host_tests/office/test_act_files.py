"""Files of acts and nights: alone and beside the database they came from, whole and damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dianka.card_port import CardError
from estate_kit import make_actor
from office_kit import drop_guards, make_guards

Rows = list[dict[str, Any]]


def append(count: int, desk: str = "desk1") -> None:
    from dianka.desk.office.audit import chain

    for number in range(count):
        chain.append(desk, "lin", "noted", str(number), "a 行\nof two lines")


def tie() -> int:
    from dianka.desk.office import nightly

    night = nightly.prove().night
    assert night
    return night.number


def check(*files: Path, with_database: bool = True) -> list[str]:
    from dianka.desk.office.audit.file_check import check_files

    return check_files(files, with_database).faults


def export(file: Path) -> Path:
    from dianka.desk.office.sheets.acts import export_acts

    export_acts(make_actor("auditor"), file)
    return file


def write_night(folder: Path) -> Path:
    from dianka.desk.office.audit.files import write_nights

    return write_nights(tie(), folder)[-1]


def rewrite(desk: str, number: int) -> None:
    """Change an act and make all hashes after it anew, as who owns the database can."""
    import hashlib

    from dianka.desk.office.audit import chain, links
    from dianka.desk.office.audit.models import Act, Chain

    whole, former = Chain.objects.get(desk=desk), chain.START
    for act in Act.objects.filter(chain=whole).order_by("number"):
        act.operator = "wu" if act.number == number else act.operator
        act.hash = former = hashlib.sha256(chain.encode(act, former)).digest()
        act.save()
    Chain.objects.filter(pk=whole.pk).update(head=former)
    assert links.find_fault(Chain.objects.get(desk=desk)) == "", "in itself the chain is whole"


def cut_off(desk: str, length: int) -> None:
    """Cut off a chain's tail and set its head back."""
    from dianka.desk.office.audit.models import Act, Chain

    drop_guards("audit")
    drop_guards("ledger")
    Act.objects.filter(chain__desk=desk, number__gt=length).delete()
    last = Act.objects.get(chain__desk=desk, number=length)
    Chain.objects.filter(desk=desk).update(length=length, head=last.hash)


def test_what_was_written_is_as_the_office_has_it(office: Path, tmp_path: Path) -> None:
    from dianka.desk.office.audit.file_check import check_files

    append(3)
    night = write_night(tmp_path)
    append(2, "desk2")
    tie()
    acts = export(tmp_path / "acts.jsonl")
    append(4)  # what comes later changes nothing
    for with_database in (True, False):
        found = check_files([night, acts], with_database)
        assert (found.faults, found.acts, found.heads) == ([], 13, 3)
    assert night.name == "night-000001.jsonl" and night.stat().st_mode & 0o077 == 0
    lines = [json.loads(line) for line in night.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {"dianka": "acts", "form": 1} and lines[-1]["acts"] == 5
    assert json.loads(lines[1]["detail"])["heads"][0][:2] == ["desk1", 4]
    with pytest.raises(CardError, match="is there already: name a new file"):
        export(acts)
    with pytest.raises(CardError, match=r"can't be written .*: nothing is there"):
        export(tmp_path / "no folder" / "acts.jsonl")


def test_a_tail_cut_off_is_named_by_a_night(office: Path, tmp_path: Path) -> None:
    append(5)
    night = write_night(tmp_path)
    cut_off("desk1", 4)
    assert f"audit chain of desk desk1: it ends at act 4, {night} has act 5" in check(night)
    acts = tmp_path / "acts.jsonl"
    from dianka.desk.office.audit.files import list_all_rows, write_rows

    write_rows(acts, list_all_rows())
    assert check(acts, with_database=False) == [
        f"{acts}, chain of desk desk1: it ends at act 4, night 1 tied act 6"
    ]


def test_a_chain_made_anew_is_named_by_nights_and_acts(office: Path, tmp_path: Path) -> None:
    append(2)
    nights = [write_night(tmp_path)]
    acts = export(tmp_path / "acts.jsonl")
    append(3)
    nights.append(write_night(tmp_path))
    drop_guards("audit")
    rewrite("desk1", 5)
    named = "audit chain of desk desk1: act 5 is not the one of"
    assert check(nights[1]) == check(*nights) == [f"{named} {nights[1]}; act 4 is"]
    assert check(acts) == []  # it was written before
    rewrite("desk1", 2)
    assert check(*nights, acts) == [
        f"{named.replace('5', '2')} {nights[0]}; act 1 is",
    ]
    later = tmp_path / "later.jsonl"
    from dianka.desk.office.audit.files import list_all_rows, write_rows

    write_rows(later, list_all_rows())
    assert check(later, with_database=False) == [
        f"{later}, chain of desk desk1: act 3 (noted, 1) is not the one that night 1 tied"
    ], "the nights in the file itself tell"
    from dianka.desk.office import nightly

    make_guards("ledger")  # those of acts too
    assert nightly.prove(whole=True).faults == [
        "audit chain of desk desk1: act 3 is not the one that night 1 tied"
    ]


def list_acts(*files: Path) -> list[tuple[str, int]]:
    from dianka.desk.office.audit.files import read_rows

    return sorted((row["desk"], row["number"]) for file in files for row in read_rows(file))


def test_the_files_of_all_nights_are_all_acts_once(office: Path, tmp_path: Path) -> None:
    """And a night whose file was never written is made up for by the next one."""
    from dianka.desk.office.audit.files import write_nights

    (nights := tmp_path / "nights").mkdir()
    append(3)
    write_night(nights)
    for _ in range(3):
        append(2, "desk2")
        append(1)
        tie()  # no file: the disk was full
    append(1, "desk3")
    assert [file.name for file in write_nights(tie(), nights)] == [
        f"night-{number:06d}.jsonl" for number in range(2, 6)
    ]
    files = sorted(nights.iterdir())
    acts = export(tmp_path / "acts.jsonl")
    assert list_acts(*files) == list_acts(acts)
    assert check(*files) == check(*files, with_database=False) == check(acts, *files) == []
    with pytest.raises(CardError, match="has a night 5, this is 5: name an office's own"):
        write_nights(5, nights)
    (fresh := tmp_path / "fresh").mkdir()
    assert [file.name for file in write_nights(tie(), fresh)] == ["night-000006.jsonl"]


def test_files_that_are_not_of_one_chain_are_named(office: Path, tmp_path: Path) -> None:
    """Acts made anew do not follow the file before them, though they are whole in themselves."""
    from dianka.desk.office.audit.files import read_rows, write_rows

    append(2)
    first = write_night(tmp_path)
    drop_guards("audit")
    rewrite("desk1", 1)
    append(2)
    acts, later = export(tmp_path / "acts.jsonl"), tmp_path / "later"
    rows = [row for row in read_rows(acts) if row["desk"] == "desk1" and row["number"] > 3]
    write_rows(later, map(as_written, rows))
    assert check(later, with_database=False) == []
    assert check(first, later, with_database=False) == [
        f"{later}, chain of desk desk1: act 4 (noted, 0) does not follow the act before it"
    ]


def test_a_night_without_its_last_act_is_named(office: Path, tmp_path: Path) -> None:
    from dianka.desk.office.audit.files import read_rows, write_rows

    append(3)
    rows = list(read_rows(write_night(tmp_path)))
    cut = tmp_path / "cut"
    write_rows(cut, map(as_written, rows[:-1]))
    assert check(cut, with_database=False) == [
        f"{cut}, chain of desk desk1: it ends at act 3, night 1 tied act 4"
    ]


def as_written(row: dict[str, Any]) -> dict[str, Any]:
    hashes = {name: row[name].hex() for name in ("former", "hash")}
    return row | {"time": row["time"].isoformat()} | hashes


def change(rows: Rows, at: int, **values: object) -> Rows:
    return [*rows[:at], rows[at] | values, *rows[at + 1 :]]


EDITS: list[tuple[str, Callable[[Rows], Rows], str]] = [
    ("field", lambda rows: change(rows, 3, operator="x"), "act 4 (noted, 2) is not as it was"),
    ("left out", lambda rows: rows[:2] + rows[3:], "act 3 is missing"),
    ("twice", lambda rows: [*rows[:3], rows[2], *rows[3:]], "act 4 is missing"),
    ("first left out", lambda rows: rows[2:], ""),  # a part of a chain may be a file
    ("former", lambda rows: change(rows, 2, former=b"\0" * 32), "does not follow the act before"),
    ("begins wrong", lambda rows: change(rows, 0, former=b"\1" * 32), "does not follow"),
]


@pytest.mark.parametrize(("name", "edit", "said"), EDITS, ids=[edit[0] for edit in EDITS])
def test_an_edited_file_names_its_first_broken_link(
    office: Path, tmp_path: Path, name: str, edit: Callable[[Rows], Rows], said: str
) -> None:
    from dianka.desk.office.audit.files import read_rows, write_rows

    append(5)
    whole = export(tmp_path / "acts.jsonl")
    rows = edit(list(read_rows(whole)))
    edited = tmp_path / "edited.jsonl"
    write_rows(edited, map(as_written, rows))  # with a right last line
    found = check(edited, with_database=False)
    assert check(whole, edited, with_database=False) == found, "it begins anew"
    if said:
        (line,) = found
        assert line.startswith(f"{edited}, chain of desk desk1: ") and said in line
    else:
        assert found == []


def test_a_file_cut_anywhere_is_refused_in_one_line(office: Path, tmp_path: Path) -> None:
    append(2)
    whole = export(tmp_path / "acts.jsonl").read_bytes()
    cut = tmp_path / "cut"
    for at in range(0, len(whole), 7):
        cut.write_bytes(whole[:at])
        with pytest.raises(CardError, match=r"ends early|is no file of acts|: copy ") as raised:
            check(cut, with_database=False)
        assert "\n" not in str(raised.value)
    with pytest.raises(CardError, match="can't be read"):
        check(tmp_path, with_database=False)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_damaged_file_is_refused_in_one_line(
    office: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any byte other than it was, any line of any JSON: one line, never another error."""
    file = tmp_path_factory.getbasetemp() / "whole.jsonl"
    if not file.exists():
        append(3)
        export(file)
    whole = file.read_bytes()
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(whole) - 1))
        byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
        damaged = whole[:at] + bytes([byte]) + whole[at + 1 :]
    else:
        lines = whole.splitlines(keepends=True)
        at = data.draw(st.integers(0, len(lines)))
        words = st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["d", "é"])
        row = json.loads(data.draw(st.sampled_from(lines)))
        key = data.draw(st.sampled_from(sorted(row)))
        row[key] = data.draw(words | st.lists(words) | st.dictionaries(st.text(), words))
        damaged = b"".join([*lines[:at], json.dumps(row).encode() + b"\n", *lines[at:]])
    bad = file.with_name("bad.jsonl")
    bad.write_bytes(damaged)
    with pytest.raises(CardError) as raised:
        check(bad, with_database=False)
    assert "\n" not in str(raised.value)
