"""The office's folder is for its owner's eyes alone: made so, and named where it is wider.

Who may read the folder reads names, phones and hashes of passwords; who may write it rewrites the
books. docs/office.md, "Who has the folder", says what shows that.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o600
_OTHERS = 0o077
_MOST = 10_000  # files that are looked at


def make_folder(folder: Path) -> None:
    """Make a folder, or take one that is there, and let its owner alone look into it."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    if has_modes():
        folder.chmod(FOLDER_MODE)


def make_file(file: Path) -> None:
    """Make an empty file that its owner alone may read, unless it is there.

    SQLite gives the files beside its database the mode of that.
    """
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT, FILE_MODE))


def close_to_others(folder: Path) -> None:
    """Take all others their rights to the folder and the files in it."""
    if has_modes():
        folder.chmod(FOLDER_MODE)
        for file in _list_files(folder):
            file.chmod(FILE_MODE)


def find_open(folder: Path) -> list[str]:
    """Return one line for the folder and each file in it that others than its owner may open."""
    if not has_modes():
        return []
    kinds = ((folder, FOLDER_MODE), *((file, FILE_MODE) for file in _list_files(folder)))
    modes = [(path, stat.S_IMODE(path.stat().st_mode), right) for path, right in kinds]
    return [
        f"{path} is open to others than its owner ({mode:03o}): run chmod {right:o} {path}"
        for path, mode, right in modes
        if mode & _OTHERS
    ]


def has_modes() -> bool:
    """Return whether files have rights of this kind here."""
    return os.name == "posix"


def _list_files(folder: Path) -> Iterator[Path]:
    for _, file in zip(range(_MOST), sorted(folder.iterdir()), strict=False):
        if file.is_file() and not file.is_symlink():
            yield file
