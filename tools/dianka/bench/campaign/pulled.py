"""Play every act at every point of every scene, count, and show one table.

A child breaks the session off, checks the state that is left, lets the power come back, puts the
card in again and checks once more. Where the meter lives on after the break, the child first waits
until the session is over. If the meter's state then equals one that was played already, the child
ends: there is nothing more to learn from it.
"""

import os
import pickle
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from dianka.bench.campaign import resident, staff
from dianka.bench.campaign.breaks import ACTS, CUT_IN, CUT_OUT, MUTE, Breaker
from dianka.bench.campaign.forks import PLAYED, SAME, VIOLATED, Forks, format_error
from dianka.bench.campaign.resident import KEY_USES, USES
from dianka.bench.campaign.scenes import (
    KEY_CARDS,
    Facts,
    Scene,
    check_break,
    check_code,
    check_end,
    check_unbroken,
    collect_facts,
    expect_once_more,
    read_uses,
)
from dianka.bench.campaign.trial import MS, S, Trial
from dianka.bench.stage.session import Session

SCENES = resident.SCENES + staff.SCENES
# Card files are synced to the disk at every commit: in memory that takes no time.
_MEMORY = Path("/dev/shm")
_DARK_US = 1 * S
_BOOTED_US = 20 * MS
_ON_US = 3 * S  # a start, the ESAM's included
_ESAM_RETRY_US = 12 * S


@dataclass
class Figures:
    """The figures of one scene, by act.

    Points that there are, points taken, points played to the end.
    """

    scene: str
    points: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    played: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


def find_scenes(kind: str | None) -> list[Scene]:
    """Return the scenes with this word in their name; KeyError with one line if there is none."""
    found = [scene for scene in SCENES if kind is None or kind in scene.name]
    if not found:
        raise KeyError(
            f"no kind of card is called {kind}: "
            f"take one of {', '.join(scene.name for scene in SCENES)}"
        )
    return found


def play(scene: Scene, every: int = 1, jobs: int | None = None, offset: int = 0) -> Figures:
    """Play one scene from end to end.

    One in `every` points of each act is taken, `offset` points later than without it; `jobs`
    children at a time, by default one a processor.
    """
    place = str(_MEMORY) if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="dianka-", dir=place) as name:
        folder = Path(name)
        (folder / "meter").mkdir()
        forks = Forks(folder / "forks", jobs or os.cpu_count() or 1, every, offset)
        trial = Trial(folder / "meter")
        try:
            return _play(scene, trial, forks)
        except Exception as error:
            if forks.child:
                forks.end(VIOLATED, format_error(error))
            forks.collect_results()
            raise
        except BaseException as error:
            if forks.child:
                forks.end(VIOLATED, format_error(error))
            raise
        finally:
            if not forks.child:
                trial.close()


def _play(scene: Scene, trial: Trial, forks: Forks) -> Figures:
    scene.prepare(trial)
    old, new = collect_facts(trial, scene.card), _play_unbroken(scene, trial, forks)
    check_unbroken(scene, old, new)
    breaker = Breaker(trial, forks)
    session = trial.put_in(scene.card)
    breaker.stop_watching()
    if forks.child:
        _go_on(scene, trial, forks, (old, new), session)
    assert session.code == scene.refused, (
        f"the unbroken session ended with code {session.code}: {session.log}"
    )
    trial.pull()
    return _make_figures(scene, forks)


def _play_unbroken(scene: Scene, trial: Trial, forks: Forks) -> Facts:
    """Return the facts that an unbroken session leaves.

    It also checks that the session and the scene's proof work at all.
    """
    read, write = os.pipe()

    def work() -> None:
        trial.move(forks.make_room())
        session = trial.run_session(scene.card)
        assert session.code == scene.refused, (
            f"the unbroken session ended with code {session.code}: {session.log}"
        )
        os.write(write, pickle.dumps(collect_facts(trial, scene.card)))
        scene.proof(trial)

    try:
        forks.run_aside(work)
        return pickle.loads(os.read(read, 65536))
    finally:
        os.close(read)
        os.close(write)


def _go_on(
    scene: Scene, trial: Trial, forks: Forks, ends: tuple[Facts, Facts], session: Session
) -> None:
    """Play the child's part after the break to its end; never returns.

    `session` is the broken one, which may have been broken off before it began.
    """
    if forks.act in (CUT_OUT, CUT_IN):
        if forks.act == CUT_OUT:
            trial.pull()
        trial.move(forks.make_room())
        trial.wait(_DARK_US)
        trial.rig.switch_mains_on()
        if forks.act == CUT_IN:
            trial.wait(_BOOTED_US)
            trial.watch()
        trial.wait(_ON_US)
    else:
        if session.begun:
            check_code(scene, ends[0], trial, session.code)
        if not forks.claim(forks.act, trial.digest_running()):
            forks.end(SAME)
        trial.move(forks.make_room())
    if forks.act == MUTE and not trial.meter.settlement.ready:
        trial.wait(_ESAM_RETRY_US)
    trial.pull()
    _judge(scene, trial, ends, forks.act)
    forks.end(PLAYED)


def _judge(scene: Scene, trial: Trial, ends: tuple[Facts, Facts], act: str) -> None:
    """Check the state now, put the card in again, and check the state after it."""
    old, new = ends
    now, left = collect_facts(trial, scene.card), read_uses(trial, scene.card)
    check_break(scene, old, new, now, act == CUT_IN)
    # A use is for one meter, however many sessions that takes.
    repeats = trial.read_card_state(scene.card).kind in KEY_CARDS
    # A card left in is served again when the power comes back.
    most = 2 if act == CUT_IN and not repeats else 1
    uses = KEY_USES if repeats else USES
    assert left is None or uses - most <= left <= uses, (
        f"{left} uses are left after {most} sessions"
    )
    done = all(now[group] == new[group] for group in now)
    code = trial.run_session(scene.card).code
    assert code == scene.refused or (done and code in scene.refused_after), (
        f"put in again: code {code}, {trial.lines[-6:]}"
    )
    expected = expect_once_more(scene, now, new)
    check_end(now, expected, collect_facts(trial, scene.card))
    # A use is taken before its work is done, so that a cut in between costs a use and never gives
    # one away.
    if left is not None:
        now_left = read_uses(trial, scene.card)
        must_left = uses - 1 if repeats else left - (code == 0)
        assert now_left == must_left <= uses - 1, f"{now_left} uses are left after {left}"
    if scene.again:
        code = trial.run_session(scene.card).code
        assert code == scene.refused or code in scene.refused_after, (
            f"put in a third time: code {code}, {trial.lines[-6:]}"
        )
        check_end(now, expect_once_more(scene, expected, new), collect_facts(trial, scene.card))
    scene.proof(trial)
    restarts = [line for line in trial.lines if "restarts" in line or "restored" in line]
    assert not restarts, f"{restarts}"


def _make_figures(scene: Scene, forks: Forks) -> Figures:
    made = Figures(scene.name, Counter(forks.points), Counter(forks.same))
    for act, where, verdict, text in forks.collect_results():
        made.taken[act] += 1
        made.played[act] += verdict == PLAYED
        if verdict == VIOLATED:
            made.violations.append(f"{scene.name}, {act} {where}: {text}")
    return made


def make_table(rows: list[Figures]) -> Table:
    """Return a table of the points by act, and of those played to the end.

    All others are the same as one of the played ones.
    """
    made = Table(
        title="broken off before, in and after every byte: points, and of these played to the end"
    )
    made.add_column("session")
    for act in (*ACTS, "violations"):
        made.add_column(act, justify="right")
    for row in rows:
        made.add_row(
            row.scene,
            *(f"{row.taken[act]}, {row.played[act]}" for act in ACTS),
            str(len(row.violations)),
        )
    return made


def compose_summary(rows: list[Figures], took_s: int) -> str:
    """Return one line with all figures, for a log."""
    there, taken, played = (
        sum(sum(getattr(row, name).values()) for row in rows)
        for name in ("points", "taken", "played")
    )
    found = sum(len(row.violations) for row in rows)
    return (
        f"{taken} of {there} points taken, {played} played to the end, "
        f"in {took_s} s: {found} violations"
    )
