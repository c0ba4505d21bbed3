"""Flashing as a sequence of steps, any of which may be the last.

An interruption leaves a bootable board, and another run completes the work. The good version is
never touched. The new one goes into the other folder: its manifest is removed first and written
last, after every file was checked by its hash on the board. Then come the root files, each replaced
by a rename, and at the very end the file `slot`, which puts the new version on trial
(firmware/versions.py). The board's own self-check decides the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dianka.flash.build import MAIN, MANIFEST, VERSIONS_FILE, FlashError, Kind, Version, digest
from dianka.flash.link import Link

SLOT = "slot"
PLACES = ("a", "b")
# Imported before the file of the same name that flashing writes, or taken for it.
SHADOWS = ("main.mpy", "versions.py")
# Of versions before 0.2, whose main.py imports it: goes when there is a newer main.py.
FORMER_ROOT = ("slots.mpy",)
TOTALS = ("energy_pj", "remainder", "balance_fen", "bought_fen", "count")
_ARCHS = (
    "",
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
)
# A trial that hangs: 8 s of watchdog, the start, 6 s of self-check, 10 s until the next report.
SELF_CHECK_S = 60

# The board's own version answers (firmware/answers.py). A version from before that module has the
# names store, fram and state.
_READ_METER = f"""
def _version(folder):
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        import answers
        return answers
    except ImportError:
        return None

def _totals(folder):
    try:
        running, version = globals().get("meter"), _version(folder)
        if version:
            return version.totals(running)
        if running:
            if getattr(running.store, "unread", False):
                return None
            state = running.store.state
        else:
            import board
            from fram import Fram
            from store import Store
            store = Store(Fram(board.i2c()))
            if store.fault or store.anew:
                return None
            state = store.state
        return [getattr(state, name) for name in {TOTALS!r}]
    except Exception:
        return None

def _state_format(folder):
    try:
        version = _version(folder)
        if version:
            return version.state_format()
        import state
        return state.FORMAT
    except Exception:
        return None
"""


@dataclass(frozen=True)
class Report:
    """The meter's report about itself after the reset."""

    version: str
    code: str
    totals: tuple[int, ...]


class Refused(FlashError):
    """The meter runs, but not the version that was flashed; `report` is of the one that runs."""

    def __init__(self, text: str, report: Report) -> None:
        super().__init__(text)
        self.report = report


@dataclass(frozen=True)
class OnBoard:
    """The files on the board.

    `good` is the folder of the version that runs, empty on a board that was never flashed.
    """

    good: str
    pending: bool  # another version is on trial
    good_files: dict[str, str]
    target: str
    target_files: dict[str, str]
    root: dict[str, str]
    # Files that flashing did not write, and that run first or may be imported in place of a module.
    foreign: list[str]


def check_board(link: Link, kind: Kind) -> None:
    """Raise FlashError for a board that this version cannot be flashed to.

    That is one with other firmware, a board of another kind, and one with MicroPython that is too
    old or lacks a function that flashing needs.
    """
    query = "(sys.implementation.name, sys.platform, getattr(sys.implementation, '_machine', ''), "
    query += (
        "sys.implementation.version[:3], getattr(sys.implementation, '_mpy', 0), "
        "sha256 is not None, "
    )
    query += "_text('a/manifest') or _text('b/manifest'))"
    name, platform, machine, version, mpy, hashing, manifest = link.ask(query)
    if name != "micropython":
        raise FlashError(
            f"the board at {link.port} runs {name}: put MicroPython on it first, then flash again"
        )
    arch = mpy >> 10 & 15
    if (
        platform != kind.platform
        or not machine.endswith(kind.machine)
        or (arch and _ARCHS[arch : arch + 1] != (kind.arch,))
    ):
        raise FlashError(
            f"at {link.port} is another kind of board: {machine or platform}, not {kind.title}"
        )
    if tuple(version) < kind.micropython:
        has, needs = (".".join(str(part) for part in each) for each in (version, kind.micropython))
        raise FlashError(
            f"MicroPython {has} at {link.port} is too old: put {needs} or newer on the board, "
            "then flash again"
        )
    if not hashing:
        raise FlashError(
            f"MicroPython at {link.port} lacks hashlib.sha256: "
            "put a build of micropython.org on the board"
        )
    for line in manifest.splitlines()[1:2]:
        if line != f"board {kind.name}":
            was = line.removeprefix("board ")
            raise FlashError(
                f"the board at {link.port} is set up as {was}, not {kind.name}: name {was}, "
                "or erase its files"
            )


def read_version_folder(link: Link) -> str:
    """Return the folder of the version that runs; raise FlashError if there is no meter."""
    words = link.ask(f"_text({SLOT!r})").split()
    if not words or words[0] not in PLACES:
        raise FlashError(f"there is no meter on the board at {link.port}: flash it first")
    return words[0]


def read_board(link: Link) -> OnBoard:
    """Return what is on the board now."""
    link.run(_READ_METER)
    words = link.ask(f"_text({SLOT!r})").split()
    good = words[0] if words and words[0] in PLACES else ""
    target = PLACES[1] if good == PLACES[0] else PLACES[0]
    good_files = link.read_hashes(good) if good else {}
    root = link.ask(
        f"{{name: _hash(name) for name in os.listdir() if name in {(MAIN, VERSIONS_FILE)!r}}}"
    )
    foreign = link.ask(f"_foreign({(MAIN, VERSIONS_FILE)!r}, {PLACES!r})")
    return OnBoard(
        good, len(words) > 1, good_files, target, link.read_hashes(target), root, foreign
    )


def find_differences(version: Version, files: dict[str, str]) -> list[str]:
    """Return the names that are missing, different or too many in a folder with these hashes."""
    wanted = _compute_hashes(version.files) | {MANIFEST: digest(version.manifest)}
    return sorted(
        name for name in wanted.keys() | files.keys() if wanted.get(name) != files.get(name)
    )


def find_root_differences(version: Version, board: OnBoard) -> list[str]:
    """Return the names of root files that are missing or different on the board."""
    return sorted(
        name for name, data in version.root.items() if board.root.get(name) != digest(data)
    )


def read_totals(link: Link, board: OnBoard) -> tuple[int, ...] | None:
    """Return totals and balance exactly, as the meter holds them now.

    Return None if there is no meter yet, or its memory does not answer.
    """
    found = link.ask(f"_totals({board.good!r})") if board.good else None
    return None if found is None else tuple(found)


def refuse_other_state(link: Link, board: OnBoard, version: Version) -> None:
    """Raise FlashError if this version can't read the state on the board.

    It would start with an empty state.
    """
    found = link.ask(f"_state_format({board.good!r})") if board.good else None
    oldest, newest = version.state
    if found is not None and newest and not oldest <= found <= newest:
        raise FlashError(
            f"this version reads its state in formats {oldest} to {newest}, "
            f"the meter keeps it in format {found}: "
            "flash a version that reads that, as a newer one does"
        )


def install(link: Link, version: Version, board: OnBoard, tell: Callable[[str], Any]) -> None:
    """Put the version on the board; `tell` gets a line for each step.

    It is on trial at the next start, or good at once where there is none to go back to.
    """
    if board.good and not find_differences(version, board.good_files):
        tell(f"version {version.name} is on the board already, nothing to copy")
        _install_root(link, version, board)
        _remove(link, board, SHADOWS, "it would run in place of this version's", tell)
        _remove(link, board, FORMER_ROOT, "versions.mpy has taken its place", tell)
        if board.pending:
            replace_root(link, SLOT, board.good.encode())
        return
    _fill(link, version, board, tell)
    _install_root(link, version, board, but=MAIN)
    _remove(link, board, SHADOWS, "it would run in place of this version's", tell)
    if board.good:
        # Before the trial can begin: it must not start under a main.py that knows no trial of its
        # own, as that of 0.1 does. A new board has no version that main.py could start yet.
        _install_root(link, version, board)
    replace_root(link, SLOT, f"{board.good} {board.target}".strip().encode())
    _install_root(link, version, board)
    _remove(link, board, FORMER_ROOT, "versions.mpy has taken its place", tell)


def _fill(link: Link, version: Version, board: OnBoard, tell: Callable[[str], Any]) -> None:
    """Fill the version's folder.

    Files that are there already stay, files of the good version are copied on the board, the rest
    is sent.
    """
    target, wanted = board.target, _compute_hashes(version.files)
    present = dict(board.target_files)
    if find_differences(version, present) and present.pop(MANIFEST, None):
        link.run(f"_feed(); os.remove('{target}/{MANIFEST}')")
    for name in sorted(present.keys() - wanted.keys() - {MANIFEST}):
        link.run(f"_feed(); os.remove('{target}/{name}')")
    missing = [name for name in sorted(wanted) if present.get(name) != wanted[name]]
    _check_room(link, version, [name for name in missing if name not in present])
    link.run(f"_feed()\nif {target!r} not in os.listdir():\n    os.mkdir({target!r})")
    sent = 0
    for name in missing:
        if board.good_files.get(name) == wanted[name]:
            link.run(f"_copy('{board.good}/{name}', '{target}/{name}')")
            continue
        link.write(f"{target}/{name}", version.files[name])
        sent += 1
        tell(f"{name} sent")
    tell(f"version {version.name}: {sent} files sent, {len(wanted) - sent} were there")
    found = link.read_hashes(target)
    for name, want in wanted.items():
        if found.get(name) != want:
            raise FlashError(
                f"{name} arrived damaged: flash again; if it happens again, "
                "the board's flash memory is worn out"
            )
    replace_root(link, f"{target}/{MANIFEST}", version.manifest)


def _check_room(link: Link, version: Version, names: list[str]) -> None:
    """Raise FlashError if the files do not fit on the board.

    Each new file takes whole blocks, and littlefs copies a block before it frees the old one.
    """
    free, block = link.ask("_room()")
    needed = sum(-(-len(version.files[name]) // block) for name in names) * block + 4 * block
    if free < needed:
        raise FlashError(
            f"not enough room on the board: {needed // 1024} KiB needed, {free // 1024} free: "
            "remove other files"
        )


def _install_root(link: Link, version: Version, board: OnBoard, but: str = "") -> None:
    """Replace the root files that differ.

    main.py comes last: without it a new board only waits at its prompt.
    """
    for name in sorted(find_root_differences(version, board), reverse=True):
        if name != but:
            replace_root(link, name, version.root[name])
            board.root[name] = digest(version.root[name])


def _remove(
    link: Link, board: OnBoard, names: tuple[str, ...], why: str, tell: Callable[[str], Any]
) -> None:
    """Remove those of these files that lie at the root."""
    for name in names:
        if name in board.foreign:
            link.run(f"_feed(); os.remove({name!r})")
            board.foreign.remove(name)
            tell(f"{name} removed: {why}")


def replace_root(link: Link, name: str, data: bytes) -> None:
    """Replace a file: write it beside, check it, rename it over.

    An interruption leaves the old file or the new one, never a part.
    """
    link.write(name + ".new", data)
    if link.ask(f"_hash({name + '.new'!r})") != digest(data):
        raise FlashError(
            f"{name} arrived damaged: flash again; if it happens again, "
            "the board's flash memory is worn out"
        )
    link.run(f"_feed(); os.rename({name + '.new'!r}, {name!r})")


def restart(link: Link, version: Version, limit_s: float = SELF_CHECK_S) -> Report:
    """Reset the board and wait until a version reports its self-check; return the report.

    Raise Refused if it is another version, FlashError if there is no report within `limit_s`.
    """
    link.reset()
    refused = ""
    for line in link.read_lines(limit_s):
        if "update refused: " in line:
            refused = line.partition("update refused: ")[2]
        report = parse_report(line)
        if report and report.version == version.name:
            return report
        if report:
            why = refused or "it did not come as far as its self-check"
            said = (
                f"version {version.name} was not kept: {why}. {report.version} runs, "
                f"self-check {report.code}"
            )
            raise Refused(said, report)
    raise FlashError(
        f"the meter said nothing for {limit_s:.0f} s after the reset: look at its display, "
        "then flash again"
    )


def parse_report(line: str) -> Report | None:
    """Parse the meter's self-check line (firmware/selfcheck.py); return None for any other line."""
    words = line.partition("self-check ")[2].split()
    values = dict(zip(words[1::2], words[2::2], strict=False))
    try:
        return Report(values["version"], words[0], tuple(int(values[name]) for name in TOTALS))
    except (KeyError, ValueError, IndexError):
        return None


def _compute_hashes(files: dict[str, bytes]) -> dict[str, str]:
    return {name: digest(data) for name, data in files.items()}
