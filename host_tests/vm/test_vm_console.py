"""Rung 2: the service console on the whole meter: pages, tasks, the chained log; and its end."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from dianka.bench.stage.stand import INIT, KEYS, USER, S, Stand
from dianka.desk.log_check import find_break
from dianka.firmware import BOARDS, FIRMWARE
from dianka.flash.console import Console, fetch_log
from dianka.flash.service_code import CALL, NAME, RUN, SERVICE

# Asks in place of a technician: everything of all rings, once the meter has run for a while.
AIOREPL = """
import asyncio

ASKED = ["pages()", "heap()", "waits()", "head()"]

async def task(g=None, prompt="--> "):
    print("asyncio REPL")
    await asyncio.sleep_ms(12_000)
    service, reply = g["service"], g["reply"]
    asked = [(name, eval("service." + name, g)) for name in ASKED]
    for kind in range(1, 11):
        first, count, before = service.ring(kind)
        asked.append(("ring(%d)" % kind, (first, count, before)))
        for number in range(first, first + count):
            await asyncio.sleep_ms(0)
            asked.append(("entry(%d, %d)" % (kind, number), service.entry(kind, number)))
    for pair in asked:
        reply(pair)
    await asyncio.sleep_ms(100_000)
"""


class Answers(Console):
    """The answers that the meter has printed, in place of a line to it."""

    def __init__(self, lines: list[str]) -> None:
        found = [re.fullmatch(r"\x1e(.*)\x1f", line) for line in lines]
        self.found = dict(json.loads(each[1]) for each in found if each)

    def ask(self, question: str) -> Any:
        return self.found[question]


def write_board(folder: Path) -> Path:
    """Return a board's folder with what flashing with the console puts beside the firmware."""
    folder.mkdir()
    for name in ("board.py", "board.toml"):
        shutil.copy(BOARDS / "rp2_pico" / name, folder)
    text = (FIRMWARE / "main.py").read_text(encoding="utf-8")
    (folder / "main.py").write_text(text.replace(RUN, CALL), encoding="utf-8")
    (folder / f"{NAME}.py").write_text(SERVICE, encoding="utf-8")
    (folder / "aiorepl.py").write_text(AIOREPL, encoding="utf-8")
    return folder


def test_a_meter_tells_all_until_it_has_a_customer(tmp_path: Path) -> None:
    board, folder = write_board(tmp_path / "with_console"), tmp_path / "meter"
    folder.mkdir()
    with Stand(folder) as stand:
        stand.make_first_cards()
        stand.switch_mains_on()
        for card in (INIT, KEYS):
            stand.serve(card)
    with Stand(folder, "vm", board) as stand:
        stand.switch_mains_on()
        stand.wait(15 * S)
        console = Answers(stand.lines)
        assert console.ask("head()")[0] == 12
        assert console.ask("pages()")[0].strip() == "0.00" and len(console.ask("pages()")) > 15
        assert all(part > 0 for part in console.ask("heap()"))
        late_ms, steps = console.ask("waits()")
        assert {"count", "switch", "show", "keep", "guard", "slot"} <= set(steps)
        assert late_ms >= 0 and all(us >= 0 for us in steps.values())
        log = fetch_log(console)
        assert log.meter_no == 12 and log.promised > 4 and not log.is_partial
        assert find_break(log) == ""

        stand.sell(1_000)
        stand.serve(USER)
        stand.wait(3 * S)
        assert [line for line in stand.lines if "service console closed: this meter has" in line]
        stand.rig.cut_power()
        stand.restart()
        assert [line for line in stand.lines if "no service console: this meter has" in line]
        assert len([line for line in stand.lines if line == "asyncio REPL"]) == 1
        assert not [line for line in stand.lines if "Traceback" in line]
