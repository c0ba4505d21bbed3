"""Stories: what is refused before a step is played, what each step does, expectations that fail."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dianka.bench.stage import story as stories
from dianka.bench.stage.console import Printer
from dianka.bench.stage.player import Player
from dianka.bench.stage.story import StoryError
from dianka.bench.stage.story_words import POWER_MW, TIME_US, Words
from dianka.desk.cli.options import parse_fen
from strict_rig import StrictDesk, StrictRig


def play(text: str, folder: Path, rig: StrictRig | None = None) -> tuple[StrictRig, str]:
    rig = rig or StrictRig()
    out = io.StringIO()
    printer = Printer(Console(file=out, width=200))
    stories.play(stories.parse(text, "a.story"), Player(rig, folder, StrictDesk(rig), printer))
    return rig, out.getvalue()


def failure(text: str, folder: Path, rig: StrictRig | None = None) -> str:
    with pytest.raises(StoryError) as caught:
        play(text, folder, rig)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lod 40 W", '"lod" is not understood here: expected mains, load, volts'),
        ("mains", "the line ends too early: expected on or off"),
        ("mains up", '"up" is not understood here: expected on or off'),
        ("mains on now", '"now" is not understood here: expected nothing more on this line'),
        ("load 40", "the line ends too early: expected W or kW"),
        ("load forty W", '"forty" is not understood here: expected a power'),
        ("load -40 W", '"-40" is not understood here'),
        (
            "load 0.0001 W",
            '"0.0001" is not understood here: expected a power, as in 2.2 kW, with fewer decimals',
        ),
        ("load 1 kW pf 1.2", "the power factor is out of range"),
        ("load 1 kW pf 0", "the power factor is out of range"),
        ("wait 3 days", '"days" is not understood here: expected ms, s, min or h'),
        ("wait 1000000 h", "the time is out of range: expected at most 1000 h"),
        ("wait 1000.001 h", "the time is out of range: expected at most 1000 h"),
        (
            "wait until relay open within 1000000 h",
            "the time is out of range: expected at most 1000 h",
        ),
        ("expect relay open within 60001 min", "the time is out of range: expected at most 1000 h"),
        ("press key for 1000000 h", "the time is out of range: expected at most 1000 h"),
        (f"load {'9' * 5000} W", f'"{"9" * 5000}" is not understood here: expected a power'),
        ("wait until relay open", "the line ends too early: expected within"),
        (
            "expect display 50.00",
            '"50.00" is not understood here: expected a text in "quotation marks"',
        ),
        ('expect display "50.00', "a quotation mark is not closed"),
        ("expect relay shut", '"shut" is not understood here: expected closed or open'),
        ("expect lamp alarm bright", '"bright" is not understood here: expected on or off'),
        (
            "expect lamp smile on",
            '"smile" is no lamp of this meter: expected alarm, trip or overdraft',
        ),
        (
            'insert "resident.card"',
            'the text "resident.card" is not understood here: expected a card',
        ),
        ("pull resident.card", '"resident.card" is not understood here: expected card'),
        ("desk:", "the line ends too early: expected a command"),
        ("desk: steal resident.card", '"steal" is no command of the desk'),
        ("desk: sell 'resident.card", "a quotation mark is not closed"),
    ],
)
def test_wrong_words_are_refused_before_the_first_step(
    line: str, message: str, tmp_path: Path
) -> None:
    rig = StrictRig()
    said = failure(f"# a comment\n\nmains on\n{line}\n", tmp_path, rig)
    assert said.startswith(f"a.story:4: {message}")
    assert rig.mains_since_us is None


def test_every_step_reaches_the_meter(tmp_path: Path) -> None:
    text = """
        mains on            # the installer
        volts 219.5
        load 2.2 kW pf 0.8
        desk: card issue user "my resident.card"   # a name with a blank
        desk: card issue user resident.card
        insert resident.card upside down
        pull card
        insert metal plate
        pull card
        insert resident.card
        wait 1.5 s
        expect relay closed
        expect lamp alarm off
        press key
        press key for 3 s
        open case
        close case
        say "all is well"
        cut power
        expect display ""
    """
    rig, printed = play(text, tmp_path)
    assert (rig.volts_mv, rig.power_mw, rig.pf_milli) == (219_500, 2_200_000, 800)
    assert rig.waits_us == [1_500_000, 600_000, 3_300_000]
    assert rig.done == [
        "insert resident.card upside-down",
        "insert resident.card right",
        "key 300",
        "key 3000",
        "open case",
        "close case",
        "cut power",
    ]
    assert (tmp_path / "my resident.card").exists()
    assert "all is well" in printed and "resident.card made" in printed
    assert "219.5 V  10.022 A  2200.0 W" in printed


def test_a_failed_expectation_names_line_wish_and_what_is_there(tmp_path: Path) -> None:
    told = failure('mains on\nexpect display "50.00"\n', tmp_path)
    assert told == 'a.story:2: expect display "50.00": the display shows "    0.00" now'
    assert (
        failure("expect relay closed", tmp_path)
        == "a.story:1: expect relay closed: the relay is open now"
    )
    assert (
        failure("mains on\nexpect lamp alarm off", tmp_path)
        == "a.story:2: expect lamp alarm off: the lamp alarm is on now"
    )
    assert failure('expect display "8"', tmp_path).endswith("the display is dark now")
    assert failure('mains on\nexpect display contains "1"', tmp_path).endswith(
        'the display shows "    0.00" now'
    )


def test_within_looks_every_tenth_of_a_second_and_gives_up_in_time(tmp_path: Path) -> None:
    rig = StrictRig(shows=[(0, "0.00"), (450_000, "2.00")])
    play('mains on\nexpect display "2.00" within 5 s', tmp_path, rig)
    assert rig.now_us == 500_000
    rig = StrictRig()
    told = failure('mains on\nexpect display "2.00" within 1.25 s', tmp_path, rig)
    assert rig.now_us == 1_250_000
    assert told.endswith('the display shows "    0.00" when the time is over')
    rig = StrictRig(shows=[(0, "0.00"), (7_200_000_000, "2.00")])
    play('mains on\nwait until display contains "2.0" within 2 h', tmp_path, rig)
    assert rig.now_us == 7_200_000_000


def test_what_meter_and_desk_refuse_is_the_step_s_failure(tmp_path: Path) -> None:
    assert (
        failure("mains on\nmains on", tmp_path) == "a.story:2: mains on: the mains are on already"
    )
    assert failure("insert nobody.card", tmp_path).startswith(
        "a.story:1: insert nobody.card: there is no card nobody.card"
    )
    told = failure("desk: card issue user a.card\ninsert a.card\ndesk: sell a.card 1.00", tmp_path)
    assert told == "a.story:3: desk: sell a.card 1.00: a.card is in use: pull it there first"


def test_a_long_wait_is_cut_into_slices_but_not_changed(tmp_path: Path) -> None:
    rig, _ = play("wait 1.0125 h", tmp_path)
    assert sum(rig.waits_us) == 3_645_000_000
    assert max(rig.waits_us) == 60_000_000


def test_a_long_wait_shows_a_terminal_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = [0]
    monkeypatch.setattr("dianka.bench.stage.console.time.monotonic_ns", lambda: now_ns[0])
    rig, told = StrictRig(), []
    plain_wait = rig.wait

    def slow_wait(us: int) -> None:
        plain_wait(us)
        now_ns[0] += us * 10  # a hundred times as fast as a clock on the wall

    monkeypatch.setattr(rig, "wait", slow_wait)
    printer = Printer(Console(file=io.StringIO(), width=200, force_terminal=True))
    monkeypatch.setattr("rich.status.Status.update", lambda _, status: told.append(status))
    text = 'wait 10 h\nwait until display "8" within 100 min'
    with pytest.raises(StoryError):
        stories.play(
            stories.parse(text, "a.story"), Player(rig, tmp_path, StrictDesk(rig), printer)
        )
    assert [line.split("  ")[0] for line in told[149:600:150]] == [
        "25 % of 10 h 0 min, 4 min 30 s left here",
        "50 % of 10 h 0 min, 3 min 0 s left here",
        "75 % of 10 h 0 min, 1 min 30 s left here",
        "100 % of 10 h 0 min, 0.0 s left here",
    ]
    assert len(told) == 600 + 100 and told[-50].startswith("51 % of 1 h 40 min, 29.4 s left here")
    told.clear()
    stories.play(
        stories.parse("press key for 4 min", "a.story"),
        Player(rig, tmp_path, StrictDesk(rig), printer),
    )
    assert [line.split(" %")[0] for line in told] == ["24", "49", "74", "99", "100"]


@given(st.integers(0, 10**9), st.integers(0, 6), st.sampled_from(sorted(POWER_MW)))
def test_numbers_are_exact(digits: int, decimals: int, unit: str) -> None:
    whole, part = divmod(digits, 10**decimals)
    text = f"{whole}.{part:0{decimals}d}" if decimals else str(whole)
    expected, rest = divmod(digits * POWER_MW[unit], 10**decimals)
    if rest:
        with pytest.raises(StoryError):
            Words(f"{text} {unit}", "x").take_amount("a power", POWER_MW)
    else:
        assert Words(f"{text} {unit}", "x").take_amount("a power", POWER_MW) == expected


@given(st.text(max_size=60))
def test_any_text_is_a_story_or_a_one_line_refusal(text: str) -> None:
    try:
        stories.parse(text, "a.story")
    except StoryError as error:
        assert str(error).startswith("a.story:")


def test_every_unit_is_a_whole_number() -> None:
    assert all(type(value) is int for value in (POWER_MW | TIME_US).values())


def test_the_project_s_own_stories_can_be_read() -> None:
    assert "first-day" in stories.list_stories()
    for name in stories.list_stories():
        assert stories.load(name).steps
    with pytest.raises(
        StoryError, match=r"no story nonsense: give a text file or one of .*first-day"
    ):
        stories.load("nonsense")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_word(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.story").write_text("# 一天\nmains on\n", encoding=encoding)
    assert [step.text for step in stories.load(str(tmp_path / "a.story")).steps] == ["mains on"]
    (tmp_path / "a.story").write_text("mains on\n", encoding=encoding)
    assert [step.text for step in stories.load(str(tmp_path / "a.story")).steps] == ["mains on"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "gb18030"])
def test_a_story_in_another_encoding_is_told_so(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.story").write_text("# 一天\nmains on\n", encoding=encoding)
    with pytest.raises(StoryError, match=r"^a\.story is no text in UTF-8: save it as UTF-8$"):
        stories.load(str(tmp_path / "a.story"))


@pytest.mark.parametrize("text", ["", "\n \n", "# mains on\n"])
def test_a_story_without_a_step_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "empty.story").write_text(text)
    with pytest.raises(
        StoryError,
        match=r"^empty\.story has no step: write one, the words are in `dianka bench play --help`$",
    ):
        stories.load(str(tmp_path / "empty.story"))


def test_no_story_teaches_the_former_name_of_a_command_or_a_dark_alarm() -> None:
    for name in stories.list_stories():
        for step in stories.load(name).steps:
            assert step.desk[:2] != ("card", "new"), (name, step.line)
            options = dict(zip(step.desk, step.desk[1:], strict=False))
            assert parse_fen(options.get("--alarm1", "20")) >= parse_fen(
                options.get("--alarm2", "5")
            ), (
                name,
                step.line,
            )
