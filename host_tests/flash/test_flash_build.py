"""Which modules a board gets: neither other boards' nor other metering chips' than its own."""

from pathlib import Path

import pytest

from dianka.bench.models.board_pins import METERING_CHIPS, write_board_with
from dianka.bench.rungs.rp2040.files import list_sources
from dianka.firmware import BOARDS, FIRMWARE, find_unused
from dianka.flash import build

DRIVERS = {
    "hlw8032": {"hlw8032"},
    "att7022": {
        "att7022", "att7022_constants", "att7022_parts", "calibration_att", "calibrator_att",
        "spi_guest",
    },
    "pulse_meter": {"pulse_meter", "pio_filter"},
}  # fmt: skip
OTHER_PORTS = {
    "rp2_pico": {"line_shared", "line_uart"},
    "rp2_pico2": {"line_shared", "line_uart"},
    "esp32_devkit": {"line_pio", "pio_filter"},
}


@pytest.mark.parametrize("name", OTHER_PORTS)
@pytest.mark.parametrize("metering", METERING_CHIPS)
def test_a_board_gets_the_driver_of_its_chip_and_no_other(
    tmp_path: Path, name: str, metering: str
) -> None:
    board = write_board_with(BOARDS / name, metering, tmp_path)
    others = set().union(*DRIVERS.values()) - DRIVERS[metering] | OTHER_PORTS[name]
    assert find_unused(board) == others
    files = {path.stem for path in list_sources(FIRMWARE, board).values()}
    assert files == {path.stem for path in FIRMWARE.glob("*.py")} - others | {"board"}


def test_what_is_flashed_is_what_the_emulated_chip_gets() -> None:
    version = build.build(build.load_kind("rp2_pico"))
    flashed = {Path(name).stem for name in {**version.root, **version.files}}
    assert flashed == {path.stem for path in list_sources(FIRMWARE, BOARDS / "rp2_pico").values()}
    assert "hlw8032" in flashed and "att7022" not in flashed


def test_a_module_that_something_else_imports_too_stays(tmp_path: Path) -> None:
    board, firmware = tmp_path / "board", tmp_path / "firmware"
    board.mkdir()
    firmware.mkdir()
    (board / "board.py").write_text(
        'METERING = "one"\n'
        "def chip():\n"
        '    if METERING == "one":\n        import one\n'
        '    elif METERING == "two":\n        import two\n'
        "    else:\n        import three\n"
    )
    for name, text in {
        "one": "import shared", "two": "import shared, own", "three": "", "shared": "", "own": "",
        "meter": "def late():\n    from three import it",
    }.items():  # fmt: skip
        (firmware / f"{name}.py").write_text(text)
    assert find_unused(board, firmware) == {"two", "own"}
