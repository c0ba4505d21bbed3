"""Reads docs/cards/sessions.md as a program: the commands of its numbered steps, in their order.

A command is written as `ESAM GET CHALLENGE 4`, as `Identify` and the like, or in hex after the chip
that gets it. A step that begins with `For each line` or `For kid` is repeated for each row of the
table that follows, or for each kid that it names.
"""

import re
from collections.abc import Iterator

from cards_document import page

Step = tuple[str, str]  # "ESAM" or "card", and how the command begins, in hex

_LABEL = re.compile(r"(Credit|Meter|Change card|Restore card)(?: \(\d\d\))?: ")
_COMMAND = re.compile(
    r"(?P<proof>Identify|Authenticate)"
    r"|(?P<chip>ESAM|[Cc]ard) (?:"
    r"GET CHALLENGE (?P<size>[48])|file (?P<file>05) says"
    r"|(?P<auth>INTERNAL AUTH 01|EXTERNAL AUTH 02)|DIVERSIFY (?P<kid>\d\d)"
    r"|(?:[A-Z]+ [A-Z]+ |[A-Z]+ )?(?P<hex>(?:[0-9A-F]{2} ){3,}(?:[0-9A-F]{2}|kid)))"
)
_AUTH = {"INTERNAL AUTH 01": "00880001", "EXTERNAL AUTH 02": "00820002"}


def _compact(words: str) -> str:
    return words.replace(" ", "").lower()


def _section(heading: str) -> str:
    found = re.search(
        rf"^## {re.escape(heading)}.*?\n(.*?)(?=^## |\Z)", page("sessions.md"), re.S | re.M
    )
    assert found, heading
    return found[1]


def _proof(name: str) -> list[Step]:
    """Return the commands that the page defines for `Identify` or `Authenticate`."""
    found = re.search(rf"\*\*{name}\*\*(.*?)\n\n", _section("Every card begins so") + "\n", re.S)
    assert found, name
    own = _commands(" ".join(found[1].split()))
    return [*_proof("Identify"), *own] if name == "Authenticate" else own


def _commands(text: str) -> list[Step]:
    steps: list[Step] = []
    for found in _COMMAND.finditer(text):
        chip = (found["chip"] or "").replace("Card", "card")
        if found["proof"]:
            steps += _proof(found["proof"])
        elif found["size"]:
            steps.append((chip, f"00840000{found['size']:0>2}"))
        elif found["file"]:
            steps.append((chip, "00b085000a"))
        elif found["auth"]:
            steps.append((chip, _AUTH[found["auth"]]))
        elif found["kid"]:
            steps.append((chip, f"80fa00{found['kid']}"))
        else:
            steps.append((chip, _compact(found["hex"])))
    return steps


def _for(label: str, text: str) -> str:
    """Return the part of a step that holds for this session.

    That is the text before any label, and the text behind its own label.
    """
    parts = _LABEL.split(text)
    return parts[0] + "".join(
        said for name, said in zip(parts[1::2], parts[2::2], strict=True) if name == label
    )


def _of_rows(rows: list[str], before: list[Step]) -> Iterator[Step]:
    columns, *lines = [
        [cell.strip() for cell in row.strip("|").split("|")]
        for row in rows
        if not row.startswith("|--")
    ]
    for line in lines:
        yield from before
        for chip, cell in zip(columns, line, strict=True):
            if chip in ("card", "ESAM") and not cell.endswith("not sent"):
                yield from _commands(f"{chip} {cell}")


def commands_of(heading: str, label: str = "") -> list[Step]:
    """Return all commands of a session, from its first numbered step to its last.

    `label` chooses the session if a section has two.
    """
    steps: list[Step] = []
    for text in re.split(r"^(?=\d\. )", _section(heading), flags=re.M)[1:]:
        words, *_ = text.split("\n\n", 1)
        said = _for(label, " ".join(words.split())[3:])
        rows = [row for row in text.splitlines() if row.startswith("|")]
        if said.lower().startswith("for each line"):
            steps += _of_rows(rows, _commands(said))
        elif said.startswith("For kid"):
            kids = re.findall(r"\b0\d\b", said.split(":")[0])
            steps += [
                (chip, begins.replace("kid", kid))
                for kid in kids
                for chip, begins in _commands(said)
            ]
        else:
            steps += _commands(said)
    return steps
