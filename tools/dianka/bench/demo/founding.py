"""Makes the folder of a demonstration, in a process of its own: `python -m` this with the folder.

    office/              the office: database, secret
    readers/counter/     the counter's reader of residents' cards
    readers/control/     its other reader, with the system control card
    safe/                the parts of the keys' backup
    tray/ bin/ meter1/   as in every panel (panel/founding.py)
    demo.json            who signs in, for its owner's eyes alone

What is broken off is made anew; what is there stays.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from dianka.bench.panel.founding import TRAY, Terms, make_folders, make_set_up, name_meter
from dianka.bench.stage.rig import RigError
from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.cardos.files import service_files
from dianka.cardos.image import CardFile
from dianka.desk import issue, service, system

OFFICE = "office"
READERS = {"counter": Path("readers") / "counter", "control": Path("readers") / "control"}
CONTROL = READERS["control"] / "control.card"
_SAFE = "safe"
_DONE, _BEGUN = "demo.json", "demo.begun"
_NEEDED, _PARTS = 2, 3
_OVERDRAFT_FEN = 200
_FOUND_S = 300


def find_demo(root: Path) -> dict[str, Any]:
    """Return what a demonstration's folder says of itself; make it if there is none.

    RigError if the folder is something else.
    """
    if not (root / _DONE).exists():
        _found_apart(root)
    return json.loads((root / _DONE).read_text(encoding="utf-8"))


def _found_apart(root: Path) -> None:
    if (root / _BEGUN).exists():
        shutil.rmtree(root)
    if root.exists() and any(root.iterdir()):
        raise RigError(f"{root} is something else: name a new folder with --folder")
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    (root / _BEGUN).touch()
    made = subprocess.run(
        [sys.executable, "-m", "dianka.bench.demo.founding", str(root)],
        capture_output=True,
        text=True,
        timeout=_FOUND_S,
    )
    if made.returncode:
        last = (made.stderr.strip().splitlines() or ["it ended"])[-1]
        raise RigError(f"the demonstration can't be made: {last}")
    (root / _BEGUN).unlink()


def found_demo(root: Path) -> None:
    """Make a demonstration in a new folder. CardError if something refuses."""
    from dianka.bench.demo.office import ALARM1_FEN, ALARM2_FEN, METER_NO, fill_office

    make_folders(root, 1)
    for folder in (*READERS.values(), Path(_SAFE)):
        (root / folder).mkdir(parents=True)
    control = root / CONTROL
    for part in system.found_system(control, _NEEDED, _PARTS):
        part.rename(root / _SAFE / part.name)
    made = fill_office(root / OFFICE, control, root / TRAY)
    with CardFile.open(control) as held:
        terms = Terms(METER_NO, made.price_e4, ALARM1_FEN, ALARM2_FEN, _OVERDRAFT_FEN)
        make_set_up(root / name_meter(1), held, terms)
        data = service.InspectionData(service_files.COPY_ALL)
        issue.issue_file(
            root / TRAY / "inspection.card",
            kinds.INSPECTION,
            None,
            os.urandom,
            issue.read_profile_name(held),
            lambda chip: service.make_inspection(held, chip, data),
        )
    _write_done(root / _DONE, {"passwords": made.passwords})


def _write_done(path: Path, content: dict[str, Any]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)


if __name__ == "__main__":
    try:
        found_demo(Path(sys.argv[1]))
    except CardError as error:
        sys.exit(str(error))
