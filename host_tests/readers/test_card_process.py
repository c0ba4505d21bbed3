"""The card process: jobs, their deadlines, and what becomes of a job whose asker is gone."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import card_jobs_kit as jobs
from dianka.card_port import CardError, CardRefused
from dianka.cardos.chip import CardTorn
from dianka.desk.sell import SaleBroken
from dianka.readers.card_process import CardProcess, CardsBusyError, JobLostError
from pcsc_kit import until

LONG_S = 60  # for whatever is to be done at once, on a busy machine

ASKER = """
import sys
from pathlib import Path
import card_jobs_kit as jobs
from dianka.readers.card_process import CardProcess

if __name__ == "__main__":
    cards = CardProcess()
    print(cards.run(jobs.get_pid, deadline_s=60), flush=True)
    path, steps, deadline_s = sys.argv[1:]
    cards.run(jobs.write_slowly, Path(path), int(steps), deadline_s=float(deadline_s))
"""


# The card process imports the asker's main module, and ends there.
NO_START = """
import sys
from pathlib import Path

import card_jobs_kit as jobs
from dianka.card_port import CardError
from dianka.readers.card_process import CardProcess

if __name__ != "__main__":
    with Path(sys.argv[1]).open("a") as starts:
        starts.write("x")
    sys.exit(1)
with CardProcess() as cards:
    print(next(cards.events()).line)
    try:
        cards.run(jobs.get_pid, deadline_s=60)
    except CardError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def cards() -> Iterator[CardProcess]:
    with CardProcess() as cards:
        yield cards


def pid_of(cards: CardProcess) -> int:
    return cards.run(jobs.get_pid, deadline_s=LONG_S)


def test_values_and_errors_come_back(cards: CardProcess) -> None:
    assert pid_of(cards) != os.getpid()
    assert cards.run(jobs.sleep, 0, {"a": [1, b"2"]}, deadline_s=LONG_S) == {"a": [1, b"2"]}
    with pytest.raises(CardRefused, match="6982") as refused:
        cards.run(jobs.fail, "refused", deadline_s=LONG_S)
    assert refused.value.sw == 0x6982
    with pytest.raises(CardTorn, match="went away"):
        cards.run(jobs.fail, "torn", deadline_s=LONG_S)
    with pytest.raises(SaleBroken, match="keep the money") as broken:
        cards.run(jobs.fail, "broken", deadline_s=LONG_S)
    assert broken.value.exit_code == 143


@pytest.mark.parametrize(
    ("job", "args", "says"),
    [
        (jobs.fail, ("fault",), "RuntimeError: two lines"),
        (jobs.fail, ("odd",), "1 and 2"),
        (jobs.fail, (), "TypeError"),
        (jobs.give_lambda, (), "lambda"),
    ],
)
def test_a_job_with_a_fault_is_one_line(
    cards: CardProcess, job: Callable[..., object], args: tuple[str, ...], says: str
) -> None:
    before = pid_of(cards)
    with pytest.raises(CardError, match="the card's job failed") as failed:
        cards.run(job, *args, deadline_s=LONG_S)
    assert "\n" not in str(failed.value) and says in str(failed.value)
    assert pid_of(cards) == before


def test_a_job_that_does_not_end_is_ended(cards: CardProcess) -> None:
    before = pid_of(cards)
    with pytest.raises(JobLostError, match=r"did not answer within 0\.1 s: take the card out"):
        cards.run(jobs.sleep, 600, deadline_s=0.1)
    assert not is_alive(before) and pid_of(cards) != before


def test_a_process_that_dies_in_a_job_is_started_again(cards: CardProcess) -> None:
    before = pid_of(cards)
    with pytest.raises(JobLostError, match="the card process ended"):
        cards.run(jobs.end_process, signal.SIGKILL, deadline_s=LONG_S)
    assert pid_of(cards) != before


def test_a_process_told_to_end_ends_after_its_job(cards: CardProcess) -> None:
    before = pid_of(cards)
    assert cards.run(jobs.end_process, signal.SIGTERM, deadline_s=LONG_S) == "to the end"
    until(lambda: not is_alive(before), "it goes on")
    second = pid_of(cards)
    assert second != before
    os.kill(second, signal.SIGTERM)
    until(lambda: not is_alive(second), "it goes on")
    assert pid_of(cards) != second


def test_a_terminal_s_ctrl_c_is_for_the_asker_alone() -> None:
    """Also while the process starts: then Python would print where it was."""
    before = set(multiprocessing.active_children())
    with CardProcess() as cards:
        (worker,) = set(multiprocessing.active_children()) - before
        assert worker.pid
        os.kill(worker.pid, signal.SIGINT)
        assert pid_of(cards) == worker.pid
        os.kill(worker.pid, signal.SIGINT)
        assert pid_of(cards) == worker.pid


def test_a_second_job_waits_or_is_refused(cards: CardProcess) -> None:
    begun, said = threading.Event(), list[object]()

    def ask() -> None:
        begun.set()
        said.append(cards.run(jobs.sleep, 0.5, "first", deadline_s=LONG_S))

    first = threading.Thread(target=ask)
    first.start()
    begun.wait()
    time.sleep(0.1)
    with pytest.raises(CardsBusyError, match="busy with another card"):
        cards.run(jobs.get_pid, deadline_s=0.1)
    assert not said
    assert cards.run(jobs.sleep, 0, "second", deadline_s=LONG_S) == "second"
    first.join()
    assert said == ["first"]


def test_the_answer_to_an_interrupted_asker_is_nobody_else_s(
    cards: CardProcess, tmp_path: Path
) -> None:
    """Its job runs to its end, and the next one begins after it."""
    main, path = threading.main_thread().ident, tmp_path / "steps"
    assert main and pid_of(cards)

    def interrupt() -> None:
        until(path.exists, "the job did not begin")
        signal.pthread_kill(main, signal.SIGINT)

    other = threading.Thread(target=interrupt)
    other.start()
    with pytest.raises(KeyboardInterrupt):
        cards.run(jobs.write_slowly, path, 10, deadline_s=LONG_S)
    other.join()
    assert len(path.read_text()) < 10
    assert cards.run(jobs.sleep, 0, "mine", deadline_s=LONG_S) == "mine"
    assert path.read_text() == "0123456789"


def test_a_process_that_does_not_start_is_said(tmp_path: Path) -> None:
    """Once, in one line, and to who asks for a job; it is tried again at growing distances."""
    starts = tmp_path / "starts"
    program = tmp_path / "asker.py"
    program.write_text(NO_START)
    done = subprocess.run(
        [sys.executable, program, starts],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=True,
    )
    assert done.stdout == "the card process does not start: start the desk again\n" * 2
    assert len(starts.read_text()) >= 3


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie does while it has threads, as they keep the pipes open."""
    with contextlib.suppress(OSError):
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return len(threads) > 1 or "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def start_asker(
    folder: Path, path: Path, steps: int, deadline_s: float = LONG_S
) -> tuple[subprocess.Popen[str], int]:
    """Start a process that asks for slow writes to a file; return it and its card process."""
    program = folder / "asker.py"
    program.write_text(ASKER)
    asker = subprocess.Popen(
        [sys.executable, program, path, str(steps), str(deadline_s)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert asker.stdout
    return asker, int(asker.stdout.readline())


def test_the_asker_s_death_ends_no_job_halfway(tmp_path: Path) -> None:
    path = tmp_path / "steps"
    asker, worker = start_asker(tmp_path, path, 14)
    until(path.exists, "the job did not begin")
    asker.kill()
    asker.wait(LONG_S)
    assert len(path.read_text()) < 14 and is_alive(worker)
    until(lambda: not is_alive(worker), "the card process stays")
    assert path.read_text() == "01234567890123"


def test_a_job_that_does_not_end_ends_without_its_asker(tmp_path: Path) -> None:
    """At its deadline and a little more, or it would keep the readers for ever."""
    path = tmp_path / "steps"
    asker, worker = start_asker(tmp_path, path, 12000, deadline_s=0.5)
    until(path.exists, "the job did not begin")
    asker.kill()
    asker.wait(LONG_S)
    until(lambda: not is_alive(worker), "the card process stays")


def test_an_asker_that_forgets_to_close_ends(tmp_path: Path) -> None:
    asker, worker = start_asker(tmp_path, tmp_path / "steps", 1)
    assert asker.wait(LONG_S) == 0 and not is_alive(worker)
