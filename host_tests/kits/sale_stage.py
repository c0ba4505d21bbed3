"""Runs `dianka` as a process of its own, with signals and with output that fails.

A program that has everything imported forks one process for each command. A process that imports
everything again takes a second, nearly all of it before the sale.
"""

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

_LIMIT_S = 60  # more than the program gives a child

# Reads a line of JSON, forks, runs the command in the child, and answers with the result. `at`
# counts commands to any card: in the middle of that one the child signals itself. `delay_us` is
# when the parent signals it. A child that hangs is killed.
_PROGRAM = """
import json, os, select, signal, sys, time
import dianka.__main__
import dianka.cli
import dianka.desk.cli.sell  # before the fork, or most of a sale would be its imports
from dianka.cardos.chip import CardTorn, Chip
from dianka.desk.interrupts import Interruptions

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def child(order, ends):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.chdir(order["folder"])
    for number, name in ((1, order["out"]), (2, order["err"])):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    if order["out"] == "pipe":
        reading, writing = os.pipe()
        os.close(reading)
        os.dup2(writing, 1)
    heard, process = [0], Chip.process

    def signalled(chip, apdu):
        heard[0] += 1
        if heard[0] == order["at"] and not order["after"]:
            os.kill(os.getpid(), order["signal"])
        if order["torn"] and apdu[:3] == bytes.fromhex("04 D6 82"):
            raise CardTorn("pulled in the wallet's write")
        answer = process(chip, apdu)
        if heard[0] == order["at"] and order["after"]:
            os.kill(os.getpid(), order["signal"])
        return answer

    def entered(interruptions):
        result = enter(interruptions)
        os.write(ends, b".")
        return result

    enter, Chip.process, Interruptions.__enter__ = Interruptions.__enter__, signalled, entered
    sys.argv = ["dianka", *order["words"]]
    dianka.__main__.main()


def serve(order):
    begun, ends = os.pipe()
    pid = os.fork()
    if not pid:
        status = 70
        try:
            child(order, ends)
            status = 0
        except SystemExit as ended:
            status = ended.code or 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(status)
    os.close(ends)
    select.select([begun], [], [], 20)  # a command that is no sale closes it at its end
    os.close(begun)
    began = time.monotonic()  # from here on no signal may end the child silently
    if order["delay_us"] is not None:
        time.sleep(order["delay_us"] / 1e6)
        os.kill(pid, order["signal"])
    while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if time.monotonic() - began > 20:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.001)
    _, status = os.waitpid(pid, 0)
    answer = {"status": os.waitstatus_to_exitcode(status), \
"took_us": int((time.monotonic() - began) * 1e6)}
    for name in ("out", "err"):
        path = os.path.join(order["folder"], order[name])
        answer[name] = open(path, encoding="utf-8").read() if os.path.isfile(path) else ""
    return answer


print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(serve(json.loads(line))), flush=True)
"""


def _heard(process: "subprocess.Popen[str]") -> str:
    """Return the program's next line; AssertionError if none comes in time."""
    output = cast(IO[str], process.stdout)
    ready, _, _ = select.select([output], [], [], _LIMIT_S)
    assert ready, f"no line within {_LIMIT_S} s"
    return output.readline()


class Stage:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(
        self,
        folder: Path,
        *words: str,
        signal: int = 0,
        at: int = 0,
        after: bool = False,
        delay_us: int | None = None,
        out: str = "out",
        err: str = "err",
        torn: bool = False,
    ) -> dict[str, Any]:
        """Run a command; return `status` (minus a signal that killed it), `out`, `err`, `took_us`.

        The arguments `out` and `err` are where it writes: a file, or "pipe" for a pipe that nobody
        reads. `torn`: the card is pulled during the wallet's write.
        """
        order = {
            "folder": str(folder),
            "words": words,
            "signal": signal,
            "at": at,
            "after": after,
            "delay_us": delay_us,
        }
        order |= {"out": out, "err": err, "torn": torn}
        cast(IO[str], self._process.stdin).write(json.dumps(order) + "\n")
        cast(IO[str], self._process.stdin).flush()
        return json.loads(_heard(self._process))


@contextmanager
def staged() -> Iterator[Stage]:
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert _heard(process) == "ready\n"
            yield Stage(process)
        finally:
            cast(IO[str], process.stdin).close()
            try:
                process.wait(_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
