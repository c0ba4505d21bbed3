"""Measures the panel: what a meter costs that somebody watches in a browser, and one unwatched.

The panel runs as a process of its own, with a client that reads its stream to the end, as a browser
does. Counted is the processor time of the server, the meter and MicroPython together.
"""

import http.client
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from dianka.bench.measure.figure import Figure
from dianka.bench.stage.rig import RigError

WATCHED_S = 10
_SETTLE_S = 5  # for the firmware's start
_START_S = 180
NAMES = ("pictures a second at 1x", "processor at 1x, watched", "processor, unwatched")


def measure_panel(folder: Path) -> list[Figure]:
    """Watch a meter at 1x for some seconds, then leave. RigError if the panel does not start."""
    command = [sys.executable, "-m", "dianka", "bench", "panel", "--port", "0", "--no-browser"]
    process = subprocess.Popen(
        [*command, "--folder", str(folder / "panel")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout
        found = re.search(r"http://(\S+)/", process.stdout.readline())
        if not found:
            raise RigError("the panel does not start: look at it with dianka bench panel")
        return _watch(found[1], process.pid)
    finally:
        process.terminate()
        process.wait(_START_S)


def _watch(host: str, pid: int) -> list[Figure]:
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request("GET", "/events")
    stream = connection.getresponse()
    _count_pictures(stream, _SETTLE_S)
    before_ms, began_ns = count_cpu_ms(pid), time.monotonic_ns()
    pictures = _count_pictures(stream, WATCHED_S)
    took_ms = (time.monotonic_ns() - began_ns) // 1_000_000
    watched = (count_cpu_ms(pid) - before_ms) * 100 // took_ms
    connection.close()
    time.sleep(1)
    before_ms = count_cpu_ms(pid)
    time.sleep(WATCHED_S)
    unwatched = (count_cpu_ms(pid) - before_ms) // (WATCHED_S * 10)
    return [
        Figure(NAMES[0], (pictures * 1000 + took_ms // 2) // took_ms, "", "at least 9"),
        Figure(NAMES[1], watched, "% of a core", "under 50"),
        Figure(NAMES[2], unwatched, "% of a core", "exactly 0"),
    ]


def _count_pictures(stream: http.client.HTTPResponse, seconds: int) -> int:
    """Read the stream for so long; return how many pictures came."""
    until_s, count = time.monotonic() + seconds, 0
    while time.monotonic() < until_s:
        count += stream.readline().startswith(b"event: picture")
    return count


def count_cpu_ms(pid: int) -> int:
    """Return the processor time that a process and all that came of it have used so far."""
    pids, ticks = [pid], 0
    for each in pids:
        place = Path(f"/proc/{each}")
        fields = (place / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # utime and stime of proc(5)
        for task in (place / "task").iterdir():
            pids += map(int, (task / "children").read_text(encoding="ascii").split())
    return ticks * 1000 // os.sysconf("SC_CLK_TCK")
