"""The chips whose ports the virtual board stands in for, and which of them a board has.

What a chip's port refuses is in its folder of boards/virtual/; here is what the bench must know.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from dianka.bench.models.mcu import Mcu

_2021_S = 1_609_459_200  # since 1970


@dataclass(frozen=True)
class Chip:
    """One chip under MicroPython.

    `clock_s` is the time at power-up, in seconds since the port's epoch. `straps` are the pins
    whose level at reset lets it start from its flash, with what happens otherwise.
    """

    name: str
    port: str  # its folder is boards/virtual/port_<port>
    cpu_hz: int
    pio_blocks: int = 0
    clock_s: int = _2021_S
    straps: tuple[tuple[int, int, str], ...] = ()

    def find_strap(self, mcu: Mcu, wired: set[int]) -> str:
        """Return why the chip can't start with the levels of now, or "".

        `wired` are the pins that the board connects; the chip's own pull decides about the others.
        """
        for pin, level, otherwise in self.straps:
            if pin in wired and mcu.get_pin(pin).level != level:
                return f"IO{pin} is {1 - level} at reset: {otherwise}"
        return ""


# RP2040 datasheet 2.15.1: 125 MHz; RP2350 datasheet 8.1: 150 MHz, as MicroPython starts both.
# ESP32 datasheet, strapping pins: IO0 low is the serial bootloader, IO12 high sets the flash's
# supply to 1.8 V, too low for a WROOM's. IO2, IO5 and IO15 do not keep it from starting.
CHIPS = {
    chip.name: chip
    for chip in (
        Chip("RP2040", "rp2", 125_000_000, pio_blocks=2),
        Chip("RP2350", "rp2", 150_000_000, pio_blocks=3),
        Chip(
            "ESP32",
            "esp32",
            160_000_000,
            clock_s=0,
            straps=(
                (0, 1, "it waits for a download instead of starting"),
                (12, 0, "its flash gets 1.8 V and can't be read"),
            ),
        ),
    )
}


def find_chip(board: Path) -> Chip:
    """Return the chip that a board's board.toml names; a folder without one is a RP2040's."""
    path = board / "board.toml"
    if not path.is_file():
        return CHIPS["RP2040"]
    named = tomllib.loads(path.read_text(encoding="utf-8"))["machine"]
    return CHIPS[named.rpartition(" ")[2]]
