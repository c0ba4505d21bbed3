"""Reads and checks stories: what happens at a meter, one step per line.

    mains on|off                        load 2.2 kW [pf 0.8]           volts 220
    wait 3 h|min|s|ms                   cut power                      press key [for 3 s]
    insert FILE [upside down]           insert metal plate             pull card
    set clock: to the story's time, as flashing does; a new meter has none
    open case, close case: the meter's own, whose contact tells of it
    expect CONDITION [within 5 s]       wait until CONDITION within 2 h
    say "text"                          desk: COMMAND of dianka, in the meter's folder
    CONDITION: display "50.00" | display contains "50" | relay closed|open | lamp NAME on|off

`#` begins a comment. A story is read whole before its first step is played, so a wrong word never
stops it in the middle. Only wait, within and press key take time: put a `wait` between `pull card`
and the next `insert`, or the meter never notices that the card left. One wait is at most 1000 h.
Numbers, units and the refusal of wrong words are in story_words.py, playing is in player.py.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dianka.bench.stage.player import PRESS_MS, Condition, Desk, Player
from dianka.bench.stage.story_words import POWER_MW, TIME_US, StoryError, Words, join_choices

STORIES = Path(__file__).parent / "stories"
LONGEST_H = 1_000  # the limit of one wait: six weeks at the meter, which take hours to play

Act = Callable[[Player], None]


@dataclass(frozen=True)
class Step:
    line: int
    text: str
    act: Act
    condition: Condition | None = None
    desk: tuple[str, ...] = ()


@dataclass(frozen=True)
class Story:
    name: str
    steps: tuple[Step, ...]


def list_stories() -> list[str]:
    """Return the names of the stories that come with the project."""
    return sorted(path.stem for path in STORIES.glob("*.story"))


def load(story: str) -> Story:
    """Read the story in this file, or the project's own story of this name.

    StoryError if it can't be read, has a wrong word or has no step.
    """
    path = Path(story)
    if not path.is_file() and path.name == story:
        path = STORIES / f"{story}.story"
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors write a byte order mark first
    except UnicodeDecodeError:
        text = "\0"
    except OSError:
        raise StoryError(
            f"no story {story}: give a text file or one of {', '.join(list_stories())}"
        ) from None
    if "\0" in text:  # Latin letters in UTF-16 are valid UTF-8, with a NUL beside each letter
        raise StoryError(f"{path.name} is no text in UTF-8: save it as UTF-8")
    read = parse(text, path.name)
    if not read.steps:
        raise StoryError(
            f"{path.name} has no step: write one, the words are in `dianka bench play --help`"
        )
    return read


def parse(text: str, name: str) -> Story:
    steps = []
    for number, line in enumerate(text.splitlines(), 1):
        step = _parse_line(line, number, f"{name}:{number}")
        if step:
            steps.append(step)
    return Story(name, tuple(steps))


def _parse_line(line: str, number: int, where: str) -> Step | None:
    if line.strip().startswith("desk:"):
        return _parse_desk(line.strip(), number, where)
    words = Words(line, where)
    if words.at_end:
        return None
    verb = words.take(*_VERBS)
    step = _VERBS[verb](words)
    words.refuse_rest()
    return Step(number, str(words), step) if callable(step) else Step(number, str(words), *step)


def _parse_desk(line: str, number: int, where: str) -> Step:
    try:
        args = tuple(shlex.split(line.removeprefix("desk:"), comments=True))
    except ValueError:
        raise StoryError(
            f"{where}: a quotation mark is not closed: close it on the same line"
        ) from None
    if not args:
        raise StoryError(
            f"{where}: the line ends too early: "
            "expected a command, as in desk: sell resident.card 50.00"
        )
    return Step(
        number, f"desk: {shlex.join(args)}", lambda player: player.run_at_desk(args), desk=args
    )


def _parse_mains(words: Words) -> Act:
    if words.take("on", "off") == "on":
        return lambda player: player.rig.switch_mains_on()
    return lambda player: player.rig.switch_mains_off()


def _parse_load(words: Words) -> Act:
    power_mw = words.take_amount("a power, as in 2.2 kW", POWER_MW)
    pf_milli = 1000
    if words.take_if_next("pf"):
        pf_milli = words.take_number("a power factor from 0.001 to 1", 1000)
        if not 1 <= pf_milli <= 1000:
            raise StoryError(
                f"{words.where}: the power factor is out of range: expected 0.001 to 1"
            )
    return lambda player: player.rig.set_load(power_mw, pf_milli)


def _parse_volts(words: Words) -> Act:
    mv = words.take_number("a voltage, as in 220", 1000)
    return lambda player: player.rig.set_volts(mv)


def _parse_wait(words: Words) -> Act | tuple[Act, Condition]:
    if words.take_if_next("until"):
        return _parse_check(words, must_have_limit=True)
    us = _take_time(words, "a time, as in 3 min, or until")
    return lambda player: player.wait(us)


def _take_time(words: Words, expected: str) -> int:
    """Take a time and its unit; return microseconds. Refuse more than `LONGEST_H`."""
    us = words.take_amount(expected, TIME_US)
    if us > LONGEST_H * TIME_US["h"]:
        raise StoryError(f"{words.where}: the time is out of range: expected at most {LONGEST_H} h")
    return us


def _parse_expect(words: Words) -> tuple[Act, Condition]:
    return _parse_check(words, must_have_limit=False)


def _parse_check(words: Words, must_have_limit: bool) -> tuple[Act, Condition]:
    condition = _parse_condition(words)
    limit_us = 0
    if must_have_limit or not words.at_end:
        words.take("within")
        limit_us = _take_time(words, "a time, as in 5 s")
    return (lambda player: player.expect(condition, limit_us)), condition


def _parse_condition(words: Words) -> Condition:
    subject = words.take("display", "relay", "lamp")
    if subject == "display":
        contains = words.take_if_next("contains")
        return Condition("display", words.take_quoted().strip(), contains)
    if subject == "relay":
        return Condition("relay", words.take("closed", "open"))
    lamp = words.take_word("the name of a lamp")
    return Condition("lamp", words.take("on", "off"), lamp=lamp)


def _parse_insert(words: Words) -> Act:
    if words.take_if_next("metal", "plate"):
        return lambda player: player.rig.insert_plate()
    card = words.take_word("a card's file, or metal plate")
    how = "upside-down" if words.take_if_next("upside", "down") else "right"
    return lambda player: player.rig.insert(player.folder / card, how)


def _parse_pull(words: Words) -> Act:
    words.take("card")
    return lambda player: player.rig.pull()


def _parse_press(words: Words) -> Act:
    words.take("key")
    ms = _take_time(words, "a time, as in 3 s") // 1000 if words.take_if_next("for") else PRESS_MS
    return lambda player: player.press_key(ms)


def _parse_cut(words: Words) -> Act:
    words.take("power")
    return lambda player: player.rig.cut_power()


def _parse_set(words: Words) -> Act:
    words.take("clock")
    return lambda player: player.rig.set_clock()


def _parse_open(words: Words) -> Act:
    words.take("case")
    return lambda player: player.rig.open_case()


def _parse_close(words: Words) -> Act:
    words.take("case")
    return lambda player: player.rig.open_case(False)


def _parse_say(words: Words) -> Act:
    text = words.take_quoted()
    return lambda player: player.say(text)


_VERBS: dict[str, Callable[[Words], Act | tuple[Act, Condition]]] = {
    "mains": _parse_mains,
    "load": _parse_load,
    "volts": _parse_volts,
    "wait": _parse_wait,
    "insert": _parse_insert,
    "pull": _parse_pull,
    "press": _parse_press,
    "cut": _parse_cut,
    "open": _parse_open,
    "close": _parse_close,
    "expect": _parse_expect,
    "say": _parse_say,
    "set": _parse_set,
}


def check(story: Story, lamps: tuple[str, ...], desk: Desk) -> None:
    """Raise StoryError for a lamp that this meter lacks or a command that this desk lacks."""
    for step in story.steps:
        problem = desk.find_mistake(step.desk) if step.desk else ""
        if step.condition and step.condition.lamp and step.condition.lamp not in lamps:
            problem = (
                f'"{step.condition.lamp}" is no lamp of this meter: expected {join_choices(lamps)}'
            )
        if problem:
            raise StoryError(f"{story.name}:{step.line}: {problem}")


def play(story: Story, player: Player) -> None:
    """Play every step. The first one that fails ends the story with a StoryError."""
    check(story, tuple(player.rig.take_view().lamps), player.at_desk)
    for step in story.steps:
        problem = player.play(step.line, step.text, step.act)
        if problem:
            raise StoryError(f"{story.name}:{step.line}: {step.text}: {problem}")
