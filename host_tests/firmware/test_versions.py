"""Safe update: which version runs after whatever happened.

versions.py alone, through every cut of a file operation.
"""

import builtins
import types
from collections.abc import Callable
from typing import Any

import pytest

from dianka.firmware import FIRMWARE
from parts import Parts


class PowerGone(BaseException):
    """The supply is gone."""


class Littlefs:
    """Files as littlefs keeps them: writes count from the close on, a rename happens or does not.

    `left` is how many more operations there are before the power goes. A cut in a close leaves a
    torn file, which is worse than littlefs does.
    """

    def __init__(self, **files: str) -> None:
        self.files = files
        self.left = -1

    def step(self) -> bool:
        """One operation; False if the power goes in it."""
        self.left -= 1
        return self.left != -1

    def open(self, name: str, mode: str = "r") -> "Handle":
        if "w" not in mode and name not in self.files:
            raise OSError(2)
        if "w" in mode and not self.step():
            raise PowerGone
        return Handle(self, name, "w" in mode)

    def rename(self, old: str, new: str) -> None:
        if not self.step():
            raise PowerGone
        self.files[new] = self.files.pop(old)


class Handle:
    def __init__(self, fs: Littlefs, name: str, writing: bool) -> None:
        self.fs, self.name, self.writing = fs, name, writing
        self.text = "" if writing else fs.files[name]

    def read(self) -> str:
        return self.text

    def write(self, text: str) -> None:
        self.text += text

    def __enter__(self) -> "Handle":
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        if not self.writing or kind:
            return
        whole = self.fs.step()
        self.fs.files[self.name] = self.text if whole else self.text[: len(self.text) // 2]
        if not whole:
            raise PowerGone


def start(fs: Littlefs) -> Any:
    """versions.py of one start, its `enter` not called yet.

    `dogs` are the watchdogs it started, `path` where imports look.
    """
    dogs: list[int] = []
    path = [""]
    module = types.ModuleType("versions")
    modules = {"versions": module}
    stand_ins = {
        "machine": types.SimpleNamespace(WDT=lambda timeout: dogs.append(timeout)),
        "sys": types.SimpleNamespace(path=path, modules=modules),
        "os": types.SimpleNamespace(rename=fs.rename),
    }
    scope = dict(vars(builtins), open=fs.open, __import__=lambda name, *_: stand_ins[name])
    vars(module)["__builtins__"] = scope
    exec(
        compile((FIRMWARE / "versions.py").read_text(encoding="utf-8"), "versions.py", "exec"),
        vars(module),
    )
    vars(module).update(dogs=dogs, path=path, modules=modules)
    return module


def runs(fs: Littlefs) -> str:
    """The version that the next start runs, with the cuts over."""
    fs.left = -1
    versions = start(fs)
    versions.enter()
    assert versions.path == [versions.here, ""]
    assert versions.dogs == [8000], "the watchdog runs before the version does"
    return versions.here


def test_without_the_file_slot_the_firmware_runs_where_it_is() -> None:
    fs = Littlefs()
    versions = start(fs)
    versions.enter()
    assert (versions.here, versions.on_trial, versions.path, versions.dogs, versions.version()) == (
        "",
        False,
        [""],
        [],
        "unflashed",
    )
    versions.remember("00000")
    assert fs.files == {}


def test_a_version_from_before_the_name_finds_this_module() -> None:
    """Its self-check imports `slots`: what that notes and keeps has to be this very module's."""
    versions = start(Littlefs(slot="a"))
    versions.enter()
    assert versions.modules["slots"] is versions


def test_one_trial_and_no_second_one() -> None:
    fs = Littlefs(slot="a b", **{"b/manifest": "0.2.0+12345678\nboard x\n"})
    versions = start(fs)
    versions.enter()
    assert (versions.here, versions.on_trial, versions.version(), fs.files["slot"]) == (
        "b",
        True,
        "0.2.0+12345678",
        "a b !",
    )
    assert versions.refused_version() == ""
    versions = start(fs)
    versions.enter()
    assert (versions.here, versions.refused_version()) == ("a", "0.2.0+12345678")
    assert fs.files["slot"] == "a"
    versions = start(fs)
    versions.enter()
    assert (versions.here, versions.refused_version()) == ("a", "")
    fs = Littlefs(slot="a b !")
    versions = start(fs)
    versions.enter()
    assert versions.refused_version() == "?", "it has no manifest that can be read"


def test_a_version_that_is_kept_runs_from_then_on() -> None:
    fs = Littlefs(slot="a b")
    versions = start(fs)
    versions.enter()
    versions.keep()
    assert not versions.on_trial
    assert runs(fs) == runs(fs) == "b"


def cuts(act: Callable[[Any], None], **files: str) -> list[tuple[bool, str]]:
    """Cut in each operation on files; return (act has ended, next start's version) for each."""
    found = []
    for left in range(100):
        fs = Littlefs(**files)
        versions = start(fs)
        fs.left = left
        try:
            act(versions)
            found.append((True, runs(fs)))
            return found
        except PowerGone:
            found.append((False, runs(fs)))
    raise AssertionError("no end")


def test_a_cut_in_each_operation_leaves_a_version_that_starts() -> None:
    def trial(versions: Any) -> None:
        versions.enter()
        versions.keep()
        versions.remember("00010")

    assert cuts(lambda versions: versions.enter(), slot="a b") == [(False, "b")] * 3 + [(True, "a")]
    assert cuts(lambda versions: versions.enter(), slot="a b !") == [(False, "a")] * 3 + [
        (True, "a")
    ]
    assert cuts(trial, slot="a b", code="00000") == [(False, "b")] * 3 + [(False, "a")] * 3 + [
        (False, "b")
    ] * 3 + [(True, "b")]


@pytest.mark.parametrize(
    ("code", "former", "good"),
    [
        ("00000140", "00000", True),
        ("00000140", "", True),
        ("00020140", "00020", True),
        ("00010140", "00020", True),
        ("00000140", "33333", True),
        ("00020140", "", False),
        ("00020140", "00000", False),
        ("10020140", "00020", False),
        ("00000049", "00000", False),
    ],
)
def test_not_worse_than_the_former_version(code: str, former: str, good: bool) -> None:
    assert Parts().module("selfcheck").is_healthy(code, former) is good
