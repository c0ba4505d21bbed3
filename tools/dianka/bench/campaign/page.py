"""Write the figures of a campaign into a page, between the marks that are there for them."""

from collections.abc import Sequence
from pathlib import Path


def write_section(path: Path, name: str, rows: Sequence[tuple[str, str]]) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- end of name -->` by these rows.

    KeyError with one line if the page has no such marks.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    text = path.read_text(encoding="utf-8")
    head, mark, rest = text.partition(begin)
    _, other, tail = rest.partition(end)
    if not mark or not other:
        raise KeyError(f"{path.name} has no place for figures: put {begin.strip()} there")
    first, *others = [f"| {label} | {figure} |\n" for label, figure in rows]
    table = first + "|---|---|\n" + "".join(others)
    path.write_text(head + mark + table + other + tail, encoding="utf-8")
