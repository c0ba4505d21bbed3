"""The service console: brought by mip, looked through, and kept out of a meter with a customer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dianka.cli import app
from dianka.firmware import FIRMWARE
from dianka.flash import build, service, service_code
from flash_desk import Desk
from mip_index import MipIndex

# The short meter of flash_board, with what the console asks for beside its totals.
PARTS = (
    "self.store.state.meter_no = 12; "
    "self.clock = Part(read_local_minute=lambda: 2611281200); "
    "self.pages = Part(compose_texts=lambda: ['18.62', 'E 9.50'])"
)
STATE = "OLDEST = 1\nFORMAT = 1\nOPENED = 2\n"
FLAGS = "3 if 'opened' in __import__('os').listdir() else 1"
OPENS = """
async def opens(meter):
    while "opened" not in __import__("os").listdir():
        await asyncio.sleep_ms(50)
    meter.store.state.flags = 3
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    with made.board:
        yield made


@pytest.fixture
def index(tmp_path: Path) -> Iterator[MipIndex]:
    with MipIndex(tmp_path / "index") as made:
        yield made


def write(desk: Desk, mark: str = "", flags: int | str = 1, late: str = "") -> None:
    desk.write(mark, early=f"Part.flags = {flags}", late=PARTS + late)
    (desk.firmware / "state.py").write_text(STATE + f"class State: mark = {mark!r}\n")
    (desk.firmware / "event_chain.py").write_text("KINDS = 10\n")


def look(desk: Desk, *more: str) -> Result:
    return CliRunner().invoke(app, ["console", "--port", desk.board.port, "--seconds", "1", *more])


def on_board(desk: Desk) -> set[str]:
    lib = desk.board.files / "lib"
    return {path.name for path in lib.iterdir()} if lib.exists() else set()


def test_it_comes_by_mip_shows_the_meter_and_goes_with_the_next_flashing(
    desk: Desk, index: MipIndex
) -> None:
    write(desk)
    done = desk.flash("--console", "--index", index.url)
    assert done.exit_code == 0, done.output
    assert index.asked[0] == f"/package/6/aiorepl/{service.REPL_VERSION}.json"
    assert len(index.asked) == 2 and index.asked[1].startswith("/file/")
    assert on_board(desk) == {"aiorepl.mpy", "service_console.mpy"}
    desk.board.wait_for("asyncio REPL")

    starts = desk.board.starts
    seen = look(desk)
    assert seen.exit_code == 0, seen.output
    said = seen.stdout.splitlines()
    assert f"meter 000000000012, version {desk.version.name}" in said
    assert "pages: 18.62 | E 9.50" in said
    assert [line for line in said if line.startswith("heap: ")]
    assert [line for line in said if line.startswith("tasks in 1 s: one ran up to ")]
    assert desk.board.starts == starts, "looking has not stopped the meter"

    told = desk.flash("--check")
    assert told.exit_code == 1 and "main.py" in told.stderr and "lib" in told.stderr

    write(desk, "second")
    done = desk.flash()
    assert done.exit_code == 0, done.output
    assert "the service console is removed" in done.stdout
    assert not on_board(desk) and not (desk.board.files / "lib").exists()
    assert (desk.board.files / "main.py").read_bytes() == (desk.firmware / "main.py").read_bytes()
    assert desk.flash("--check").exit_code == 0
    refused = look(desk)
    assert refused.exit_code == 1 and "no service console answers" in refused.stderr


def test_a_meter_with_a_customer_gets_none_and_nothing_is_written(
    desk: Desk, index: MipIndex
) -> None:
    write(desk, flags=3)
    assert desk.flash().exit_code == 0
    before = {path: path.read_bytes() for path in desk.board.files.rglob("*") if path.is_file()}
    write(desk, "second", flags=3)
    refused = desk.flash("--console", "--index", index.url)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("no service console for a meter that has a customer")
    after = {path: path.read_bytes() for path in desk.board.files.rglob("*") if path.is_file()}
    kept = {path for path in before if path.name != "fram"}
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}
    assert not index.asked


def test_a_meter_that_gets_a_customer_closes_its_console(desk: Desk, index: MipIndex) -> None:
    """It starts with none afterwards, though the files are still there."""
    write(desk, "", FLAGS, "; asyncio.create_task(opens(self))")
    meter = desk.firmware / "meter.py"
    meter.write_text(meter.read_text() + OPENS)
    assert desk.flash("--console", "--index", index.url).exit_code == 0
    desk.board.wait_for("asyncio REPL")
    (desk.board.files / "opened").write_text("")
    desk.board.wait_for("service console closed: this meter has a customer now")
    assert "no service console answers" in look(desk).stderr
    desk.board.heard = b""
    desk.board.power_cycle()
    desk.board.wait_for("no service console: this meter has a customer")
    assert "asyncio REPL" not in desk.board.heard.decode()


def test_an_index_that_has_nothing_leaves_the_meter_without_a_console(
    desk: Desk, index: MipIndex
) -> None:
    write(desk)
    failed = desk.flash("--console", "--index", index.url + "/nothing")
    assert failed.exit_code == 1
    assert failed.stderr.startswith("aiorepl can't be had: ")
    failed = desk.flash("--console", "--index", "http://127.0.0.1:9")
    assert failed.exit_code == 1 and "refused" in failed.stderr
    assert (desk.board.files / "main.py").read_bytes() == (desk.firmware / "main.py").read_bytes()
    assert desk.version.name in desk.board.version_that_runs()


def test_no_build_of_the_firmware_has_any_of_it() -> None:
    version = build.build(build.load_kind("rp2_pico"))
    assert not set(version.root | version.files) & set(service.FILES)
    text = b"".join([*version.root.values(), *version.files.values()])
    assert service_code.NAME.encode() not in text and service.REPL.encode() not in text
    assert service_code.NAME in service.add_call(version).root["main.py"].decode()
    assert (FIRMWARE / "main.py").read_text(encoding="utf-8").count(service_code.RUN) == 1
