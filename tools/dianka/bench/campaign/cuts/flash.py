"""The flash's file system, as far as an update uses it: littlefs, which loses power anywhere.

A file that is written is there when it has been closed; a file is replaced as a whole by a rename,
which is one commit of a directory (littlefs DESIGN.md). So each close and each rename is one point.
The two versions in its folders a and b are the same firmware.
"""

import io
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dianka.bench.campaign.trial import Trial


class Flash:
    """The files of one board. `on_change` is called with a file's name once it has changed."""

    def __init__(self, **files: str) -> None:
        self.files = dict(files)
        self.on_change: Callable[[str], None] = lambda name: None

    @property
    def contents(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(self.files.items()))

    def load(self, contents: tuple[tuple[str, str], ...]) -> None:
        self.files = dict(contents)

    def attach(self, trial: Trial) -> None:
        """Give the firmware of each further start these files."""
        runner: Any = trial.rig.runner
        prepare = runner.prepare

        def prepare_with_files(cause: int = 1) -> None:
            prepare(cause)
            runner.modules["os"] = types.SimpleNamespace(rename=self.rename)
            versions = runner.import_module("versions")
            vars(versions)["__builtins__"]["open"] = self.open
            runner.modules["sys"].path = []

        runner.prepare = prepare_with_files

    @contextmanager
    def open(self, name: str, mode: str = "r") -> Iterator[io.StringIO]:
        """Open a file as MicroPython does, for reading or writing."""
        if mode == "r":
            if name not in self.files:
                raise OSError(2)
            yield io.StringIO(self.files[name])
            return
        file = io.StringIO()
        yield file
        self.files[name] = file.getvalue()
        self.on_change(name)

    def rename(self, old: str, new: str) -> None:
        self.files[new] = self.files.pop(old)
        self.on_change(new)
