"""A report as a chart: an SVG that is made here, prints in black and white and needs no library.

Time goes to the right in columns, everything else downwards in bars, with the value at the bar.
"""

from html import escape
from pathlib import Path

from dianka.card_port import CardError
from dianka.desk.office.statistics.table import UNITS, Kind, Table, format_cell

_WIDTH, _TOP, _BOTTOM = 960, 64, 56
_PLOT_HEIGHT = 360
_BAR, _GAP = 18, 8
_MOST_BARS, _MOST_COLUMNS = 40, 400
_LABEL_GAP = 10  # at least, along the time axis
_FILL_PERCENT = 80  # of a column's room
_STEPS = (1, 2, 5, 10)
_TICKS = 5
_FONT = "'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei','PingFang SC',sans-serif"
_INK, _LINE, _FILL = "#111", "#bbb", "#1f4e79"
_SCALE = {Kind.FEN: 100, Kind.KWH: 1000, Kind.COUNT: 1, Kind.PERMILLE: 10}


def draw(table: Table, language: str = "") -> str:
    """Return the table's chart as SVG. CardError if it has no column of numbers to draw.

    Its words are of both languages, or of "zh" or "en" alone.
    """
    if table.drawn is None:
        raise CardError(f"{table.en} is a list without a chart: leave --svg out")
    column = table.columns[table.drawn]
    found = dict.fromkeys(
        row[: table.drawn + 1] for row in table.rows
    )  # a place with two lines once
    rows = [(str(row[0]), int(row[-1] or 0)) for row in found]
    english = language == "en"
    title = _name(table, table.drawn, english)
    if table.ordered:
        height, body = _draw_columns(rows[-_MOST_COLUMNS:], column.kind, english)
    else:
        if not column.has_total and len(rows) > _MOST_BARS:
            rows = rows[:_MOST_BARS]  # a sum of days or percentages would mean nothing
            title += f", the first {_MOST_BARS}" if english else f"，前 {_MOST_BARS} 项"
        height, body = _draw_bars(_fold(rows, english), column.kind, english)
    below = "" if language else _text(24, 48, table.en, size=12)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="{_FONT}" font-size="13" fill="{_INK}">'
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>'
        f"{_text(24, 28, title, size=18)}{below}{body}</svg>\n"
    )


def _name(table: Table, drawn: int, english: bool) -> str:
    """Return the title of a chart: the table's, and the column with its unit."""
    column = table.columns[drawn]
    unit = UNITS[column.kind]
    if english:
        unit = f" ({'yuan' if column.kind == Kind.FEN else unit})" if unit else ""
        return f"{table.en}: {column.en}{unit}"
    return f"{table.zh}：{column.zh}" + (f"（{unit}）" if unit else "")


def write_svg(table: Table, file: Path) -> None:
    """Write the table's chart as a new file. CardError if it exists or can't be written."""
    drawn = draw(table)
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(drawn)
    except FileExistsError:
        raise CardError(f"{file} exists: name a new file") from None
    except OSError as error:
        raise CardError(f"{file} can't be written ({error}): name another place") from None


def _fold(rows: list[tuple[str, int]], english: bool) -> list[tuple[str, int]]:
    """Return the highest bars, and the sum of the others as one."""
    if len(rows) <= _MOST_BARS:
        return rows
    ranked = sorted(rows, key=lambda row: -abs(row[1]))
    rest = ranked[_MOST_BARS - 1 :]
    name = f"{len(rest)} others" if english else f"其余 {len(rest)} 项"
    return [*ranked[: _MOST_BARS - 1], (name, sum(fen for _, fen in rest))]


def choose_step(low: int, high: int) -> int:
    """Return the distance of the ticks: 1, 2 or 5 times a power of ten, about five of them."""
    wanted = max((high - low) // _TICKS, 1)
    power = 10 ** (len(str(wanted)) - 1)
    return next(step * power for step in _STEPS if step * power >= wanted)


def _ticks(values: list[int]) -> range:
    low, high = min(0, *values, 0), max(0, *values, 1)
    step = choose_step(low, high)
    return range(low // step * step, -(-high // step) * step + 1, step)


def _draw_columns(rows: list[tuple[str, int]], kind: Kind, english: bool) -> tuple[int, str]:
    ticks = _ticks([value for _, value in rows])
    left, right, height = 110, _WIDTH - 24, _TOP + _PLOT_HEIGHT
    low, span = ticks[0], ticks[-1] - ticks[0]
    parts = []
    for tick, label in zip(ticks, _label(ticks, kind, english), strict=True):
        y = height - (tick - low) * _PLOT_HEIGHT // span
        parts.append(_line(left, y, right, y))
        parts.append(_text(left - 8, y + 4, label, "end"))
    zero = height + low * _PLOT_HEIGHT // span
    count = max(len(rows), 1)
    widest = max((_width(label) for label, _ in rows), default=0) + _LABEL_GAP
    every = -(-count * widest // (right - left))  # so that no label runs into the next
    for place, (label, value) in enumerate(rows):
        x = left + (right - left) * place // count
        room = left + (right - left) * (place + 1) // count - x
        wide = max(room * _FILL_PERCENT // 100, 1)
        tall = abs(value) * _PLOT_HEIGHT // span
        y = zero - tall if value >= 0 else zero
        parts.append(f'<rect x="{x}" y="{y}" width="{wide}" height="{tall}" fill="{_FILL}"/>')
        if place % every == 0:
            parts.append(_text(x + wide // 2, height + 20, label, "middle", size=11))
    parts.append(_line(left, zero, right, zero, _INK))
    return height + _BOTTOM, "".join(parts)


def _draw_bars(rows: list[tuple[str, int]], kind: Kind, english: bool) -> tuple[int, str]:
    ticks = _ticks([value for _, value in rows])
    left = min(24 + max((_width(label) for label, _ in rows), default=0) + 10, 340)
    right = _WIDTH - 120
    low, span = ticks[0], ticks[-1] - ticks[0]
    bottom = _TOP + len(rows) * (_BAR + _GAP) + _GAP
    parts = []
    for tick, label in zip(ticks, _label(ticks, kind, english), strict=True):
        x = left + (tick - low) * (right - left) // span
        parts.append(_line(x, _TOP, x, bottom))
        parts.append(_text(x, bottom + 18, label, "middle", size=11))
    zero = left - low * (right - left) // span
    for place, (label, value) in enumerate(rows):
        y = _TOP + _GAP + place * (_BAR + _GAP)
        wide = abs(value) * (right - left) // span
        x = zero if value >= 0 else zero - wide
        parts.append(f'<rect x="{x}" y="{y}" width="{wide}" height="{_BAR}" fill="{_FILL}"/>')
        parts.append(_text(left - 8, y + 14, _shorten(label, left - 32), "end"))
        parts.append(_text(max(x + wide, zero) + 6, y + 14, format_cell(value, kind), size=11))
    parts.append(_line(zero, _TOP, zero, bottom, _INK))
    return bottom + _BOTTOM - 20, "".join(parts)


def _label(ticks: range, kind: Kind, english: bool) -> list[str]:
    """Return the ticks in people's units, without idle zeros; in 万 if all are whole ones."""
    labels = []
    for tick in ticks:
        whole, point, rest = format_cell(tick, kind).partition(".")
        labels.append((whole + point + rest.rstrip("0")).rstrip("."))
    if not english and all(label == "0" or label.endswith("0000") for label in labels):
        return [label if label == "0" else f"{label[:-4]}万" for label in labels]
    return labels


def _width(text: str) -> int:
    return sum(13 if ord(sign) > 0x2E7F else 8 for sign in text)


def _shorten(label: str, room: int) -> str:
    while _width(label) > room and len(label) > 1:
        label = label[:-2] + "…"
    return label


def _text(x: int, y: int, words: str, anchor: str = "start", size: int = 13) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'


def _line(x: int, y: int, to_x: int, to_y: int, ink: str = _LINE) -> str:
    return f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" stroke="{ink}"/>'
