"""One running session, broken off at each of its points in a process of its own.

The session runs once. At a point a child is forked, which breaks it off there and lives on to the
end, while the parent goes on to the next point. So the part before a point is never run again.

A claim says that a future has been played. Two points that leave the same memories behind, and the
same firmware in front of them, have the same future, so one child plays it for both. Claims are
files that only one process can make.

A child reports one line in one write to a file opened for appending, which POSIX keeps whole, and
has a wall-clock limit.
"""

import gc
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

LIMIT_S = 60  # of wall time for one child; a session is some milliseconds of work
PLAYED, SAME, VIOLATED = "played", "same", "VIOLATED"
Digest = Callable[[], str]


class Unforkable(Exception):
    """This machine has no fork. One line."""


class Forks:
    """The points of one session, and the children that are forked at them.

    `every`: one in so many points, of each act, is taken, `offset` points after the first such.
    `jobs`: children at a time.
    """

    def __init__(self, folder: Path, jobs: int, every: int = 1, offset: int = 0) -> None:
        if not hasattr(os, "fork"):
            raise Unforkable(
                "points are played in forked processes, which this system lacks: "
                "run it on Linux or macOS"
            )
        self.folder = folder
        self.points: Counter[str] = Counter()  # by act, all points of the session
        self.same: Counter[str] = Counter()  # by act, found to be claimed before a child was needed
        self.act = ""  # in a child: the act that it must do
        self.where = ""
        self._jobs = jobs
        self._every = every
        self._offset = offset
        self._children: dict[int, tuple[str, str]] = {}
        self._report = folder / "report"
        (folder / "claims").mkdir(parents=True)
        self._report.touch()

    @property
    def child(self) -> bool:
        """Return whether this process is a child."""
        return bool(self.act)

    # ****** The parent's side ******

    def fork_at_point(self, act: str, where: str, digest: Digest | None = None) -> bool:
        """Return True if this is now a child that must do `act` here.

        `digest` returns what the act will leave; None if that is not known yet.
        """
        if self.child:
            return False
        self.points[act] += 1
        if (self.points[act] - self._offset) % self._every:
            return False
        if digest and not self.claim(act, digest()):
            self.same[act] += 1
            return False
        while len(self._children) >= self._jobs:
            self._wait()
        pid = os.fork()
        if pid:
            self._children[pid] = act, where
            return False
        self.act, self.where = act, where
        self._children.clear()
        signal.alarm(LIMIT_S)
        return True

    def run_aside(self, work: Callable[[], None]) -> None:
        """Do this in a child, so that it leaves no trace here.

        RuntimeError if it fails or takes longer than LIMIT_S.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        gc.collect()
        gc.freeze()  # or each child's first collection would copy all of the parent's pages
        pid = os.fork()
        if not pid:
            code = 1
            try:
                signal.alarm(LIMIT_S)
                work()
                code = 0
            except BaseException as error:
                (self.folder / "aside").write_text(format_error(error), encoding="utf-8")
            os._exit(code)
        if os.waitpid(pid, 0)[1]:
            why = self.folder / "aside"
            raise RuntimeError(
                why.read_text(encoding="utf-8") if why.exists() else f"no end within {LIMIT_S} s"
            )

    def collect_results(self) -> list[tuple[str, str, str, str]]:
        """Wait for all children; return (act, where, verdict, text) of each."""
        while self._children:
            self._wait()
        gc.unfreeze()
        lines = self._report.read_text(encoding="utf-8").splitlines()
        return [
            (act, where, verdict, text)
            for act, where, verdict, text in (line.split("\t", 3) for line in lines)
        ]

    def _wait(self) -> None:
        """Wait for the oldest child; one that did not end by itself is a violation."""
        pid = next(iter(self._children))
        act, where = self._children.pop(pid)
        status = os.waitpid(pid, 0)[1]
        if status:
            self._say(
                act, where, VIOLATED, f"the process ended with status {status}: it hung or crashed"
            )

    # ****** The child's side ******

    def claim(self, act: str, digest: str) -> bool:
        """Claim the future of this act from this digest on.

        Return False if another process has claimed it before.
        """
        try:
            os.close(
                os.open(
                    self.folder / "claims" / f"{act.replace(' ', '-')}.{digest}",
                    os.O_CREAT | os.O_EXCL | os.O_WRONLY,
                )
            )
        except FileExistsError:
            return False
        return True

    def make_room(self) -> Path:
        """Make a folder of this child's own."""
        room = self.folder / str(os.getpid())
        room.mkdir()
        return room

    def end(self, verdict: str, text: str = "") -> NoReturn:
        """Report and end the process, without any clean-up of the parent's state."""
        code = 1
        try:
            self._say(self.act, self.where, verdict, text)
            shutil.rmtree(self.folder / str(os.getpid()), ignore_errors=True)
            code = 0
        finally:
            os._exit(code)

    def _say(self, act: str, where: str, verdict: str, text: str) -> None:
        line = (
            "\t".join((act, where, verdict, text.replace("\t", " ").replace("\n", " ")[:2000]))
            + "\n"
        )
        descriptor = os.open(self._report, os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, line.encode())
        os.close(descriptor)


def format_error(error: BaseException) -> str:
    """Return the error and its place in the code as one line."""
    trace, at = error.__traceback__, ""
    while trace:
        at = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__}: {error} ({at})".replace("\n", " ")
