"""Measures the heap over a day with 20 card sessions, on the real MicroPython of rung 2.

The emulated chip would take hours for such a day. A probe in main.py's place starts the unmodified
meter; each hour it runs a collection and prints the free heap.

Objects of the unix port are twice as large as on the chip: a heap of 416 KiB holds as much as
about 200 KB on the chip, beside the virtual board's own modules, which a chip has in C; and a free
byte here is worth half a byte there. The chip's own heap is larger than 200 KB; meter.py measures
how much of it is free after sessions.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from dianka.bench.measure import probe
from dianka.bench.measure.figure import Figure
from dianka.bench.measure.meter import prepare
from dianka.bench.rungs.rp2040 import ChipError
from dianka.bench.rungs.vm.runner import VmRunner
from dianka.bench.stage.stand import USER, Stand
from dianka.firmware import BOARDS

HOUR_US = 3_600_000_000
SESSIONS = 20
LOAD_MW = 1_100_000
BLOCK = 32  # bytes: the unit in which the unix port allocates memory
FREE_LIMIT = 100_000
HEAP = "416k"  # less than other runs have, as the free part is what counts here
NOISE = 16 * BLOCK  # for integers that became longer during the day

SOURCE = """
import asyncio
import gc
import board
from meter import Meter

async def hourly():
    for hour in range(1000):
        gc.collect()
        print("probe hour", hour, "left", gc.mem_free())
        await asyncio.sleep(3600)

meter = Meter(board)

async def main():
    asyncio.create_task(hourly())
    await meter.run()

asyncio.run(main())
"""


def measure_day_on_vm(
    hours: int = 24, on_line: Callable[[str], object] | None = None
) -> list[Figure]:
    """Run a meter for so many hours, with a card session in each of the first 20."""
    with tempfile.TemporaryDirectory(prefix="dianka-day-") as place:
        home, board = Path(place) / "meter", Path(place) / "board"
        prepare(home)
        board.mkdir()
        (board / "board.py").write_bytes((BOARDS / "rp2_pico" / "board.py").read_bytes())
        (board / "day_probe.py").write_text(SOURCE, encoding="utf-8")
        with Stand(home, "vm", board, on_line=on_line) as stand:
            assert isinstance(stand.rig.runner, VmRunner)
            stand.rig.runner.main = "day_probe"
            stand.rig.runner.heap = HEAP
            stand.rig.set_load(LOAD_MW)
            stand.switch_mains_on()
            _run_hours(stand, hours)
    return make_day_figures(stand.lines, hours)


def _run_hours(stand: Stand, hours: int) -> None:
    for hour in range(hours):
        ends_us = stand.now_us + HOUR_US
        if hour < SESSIONS:
            stand.sell(100)
            stand.serve(USER)
        stand.wait(ends_us - stand.now_us)


def make_day_figures(lines: list[str], hours: int) -> list[Figure]:
    """Return the figures from the lines of the meter and its probe.

    ChipError if a purchase or an hour is missing.
    """
    left = {
        told["hour"]: probe.get_number(told, "left")
        for told in map(probe.parse_line, lines)
        if "hour" in told
    }
    served = sum("credited" in line for line in lines)
    if hours not in left or served != min(hours, SESSIONS):
        raise ChipError(
            f"the day was not as it should be: {served} purchases, hours {list(left)}: "
            f"{' / '.join(lines[-3:])}"
        )
    first, last = left[1], left[hours]
    return [
        Figure("card sessions in the day", served, ""),
        Figure("heap free after hour 1", first, "bytes"),
        Figure(f"heap free after hour {hours}", last, "bytes", f"over {FREE_LIMIT}"),
        Figure(f"heap lost from hour 1 to hour {hours}", first - last, "bytes", f"at most {NOISE}"),
    ]
