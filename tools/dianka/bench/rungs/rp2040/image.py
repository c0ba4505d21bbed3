"""Find MicroPython's firmware for the RPI_PICO board, and lay out the chip's flash.

The firmware comes first in the flash, files behind it. The image is a UF2 file (512-byte blocks of
up to 476 bytes with their address, https://github.com/microsoft/uf2). It comes from the path in
RP2040_UF2, or from rp2040py's cache, or rp2040py fetches it from micropython.org. It is never part
of this repository. Of the Pico's 2 MiB of flash the last 1408 KiB are MicroPython's littlefs
(ports/rp2/boards/RPI_PICO, v1.28).
"""

import os
import re
import struct
import sys
from pathlib import Path

from dianka.bench.rungs.rp2040 import ChipError

VERSION = "1.28.0"
OLDEST = (1, 28)
FLASH_SIZE = 2 * 1024 * 1024
FILES_AT = FLASH_SIZE - 1408 * 1024

_BLOCK = 512
_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
_XIP_BASE = 0x10000000  # where the flash begins in the chip's address space
_HOW = (
    "run `make uf2` where there is an Internet connection, "
    "or name a UF2 file that you have in RP2040_UF2"
)


def find_image(fetch: bool = False) -> Path:
    """Return the path of the UF2 file; with `fetch` rp2040py may download it.

    ChipError with one line if there is none.
    """
    named = os.environ.get("RP2040_UF2")
    if named:
        if not Path(named).is_file():
            raise ChipError(
                f"RP2040_UF2 names {named}, which is not a file: "
                "name MicroPython's UF2 for the RPI_PICO there"
            )
        return Path(named)
    cached = _find_download()
    if cached.is_file():
        return cached
    if not fetch:
        raise ChipError(f"there is no RPI_PICO firmware {VERSION} here: {_HOW}")
    return _fetch()


def load_image(path: Path) -> bytes:
    """Return the flash that this UF2 makes, from its beginning to the end of the firmware.

    ChipError if the file is damaged, for another board, or of a MicroPython before OLDEST.
    """
    data = path.read_bytes()
    if not data or len(data) % _BLOCK:
        raise ChipError(f"{path} is not a whole UF2 file: delete it, or put another one there")
    flash = bytearray(b"\xff" * FILES_AT)
    end = 0
    for at in range(0, len(data), _BLOCK):
        head = struct.unpack_from("<8I", data, at)
        (magic_end,) = struct.unpack_from("<I", data, at + _BLOCK - 4)
        address, size = head[3] - _XIP_BASE, head[4]
        if (head[0], head[1], magic_end) != _MAGIC or not 0 <= address <= FILES_AT - size:
            raise ChipError(
                f"{path} is no UF2 for the RPI_PICO: delete it, or put another one there"
            )
        flash[address : address + size] = data[at + 32 : at + 32 + size]
        end = max(end, address + size)
    _check_version(path, bytes(flash))
    return bytes(flash[:end])


def _check_version(path: Path, flash: bytes) -> None:
    found = re.search(rb"MicroPython v(\d+)\.(\d+)", flash)
    if not found:
        raise ChipError(
            f"{path} holds no MicroPython: name MicroPython's UF2 for the RPI_PICO in RP2040_UF2"
        )
    version = (int(found[1]), int(found[2]))
    if version < OLDEST:
        raise ChipError(
            f"{path} holds MicroPython {version[0]}.{version[1]}, which is too old: "
            f"{VERSION} or newer is needed"
        )


def _find_download() -> Path:
    """Return where rp2040py keeps the download."""
    return Path.home() / ".cache" / "rp2040py" / _find_url().rsplit("/", 1)[-1]


def _find_url() -> str:
    specs = _import_specs()
    return specs.boards["pico"].fw[VERSION] if specs.boards else ""


# Returns rp2040py's FirmwareSpec, which is imported only where the package is installed.
def _import_specs():  # noqa: ANN202
    try:
        from rp2040py.utils.firmware_retrieve import SPECS
    except ImportError:
        raise ChipError("the emulator is not here: install it with pip install rp2040py") from None
    return SPECS["micropython"]


def _fetch() -> Path:
    specs = _import_specs()
    from rp2040py.utils.firmware_retrieve import retrieve

    try:
        path = retrieve(specs, VERSION, "pico")
    except OSError as error:
        path, why = None, f" ({error})"
    else:
        why = ""
    if path is None:
        raise ChipError(
            f"the RPI_PICO firmware {VERSION} could not be fetched{why}: "
            f"download {_find_url()}, name it in RP2040_UF2"
        )
    load_image(path)
    return path


def main() -> int:
    """Fetch the image if it is not here yet; print its path, or one line on what is missing."""
    try:
        path = find_image(fetch=True)
        load_image(path)
    except ChipError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(path)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
