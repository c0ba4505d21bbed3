"""What people read, found in the source: words of templates and views, and the office's lines."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from dianka.firmware import ROOT

TOOLS = ROOT / "tools" / "dianka"
WEB = TOOLS / "desk" / "web"
TEMPLATES = WEB / "templates"
CALLS = {"_", "gettext", "gettext_lazy"}
# Attributes that people read or hear.
SPOKEN = re.compile(r"""\b(title|alt|placeholder|aria-label|aria-description)\s*=\s*"([^"]*)\"""")


def list_templates() -> list[Path]:
    return sorted(TEMPLATES.rglob("*.html"))


def parse(file: Path) -> list:
    """Return all nodes of a template, those within others too."""
    from django.template import Engine
    from django.template.base import Node

    engine = Engine(
        builtins=[
            "django.templatetags.i18n",
            "django.templatetags.static",
            "dianka.desk.web.shown",
        ]
    )
    template = engine.from_string(file.read_text(encoding="utf-8"))
    return list(template.nodelist.get_nodes_by_type(Node))


def find_bare_text(file: Path) -> Iterator[str]:
    """Yield what a template shows without a translation: letters, in text or spoken attributes."""
    source = file.read_text(encoding="utf-8")
    source = re.sub(r"(?s)\{% block kind %\}.*?\{% endblock %\}", " ", source)  # a class name
    source = re.sub(r"(?s)\{%\s*blocktranslate.*?endblocktranslate\s*%\}", " ", source)
    source = re.sub(r"(?s)\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "\0", source)
    for tag in re.findall(r"(?s)<[^>]*>", source):
        yield from (text for _, text in SPOKEN.findall(tag) if has_letters(text))
    source = re.sub(r"(?s)<!--.*?-->", " ", source)
    source = re.sub(r'(?s)<button[^>]*lang="zh-Hans">中文</button>', " ", source)
    source = re.sub(r'(?s)<button[^>]*lang="en">English</button>', " ", source)
    source = re.sub(r"<kbd>(Enter|Esc|F\d+)</kbd>", " ", source)  # what stands on the key
    for text in re.sub(r"(?s)<[^>]*>", "\n", source).splitlines():
        if has_letters(text):
            yield text.strip()


def has_letters(text: str) -> bool:
    return any(sign.isalpha() for sign in text)


def find_template_words(file: Path) -> Iterator[str]:
    """Yield the words that a template translates, as the catalogue has them."""
    from django.templatetags.i18n import BlockTranslateNode, TranslateNode

    for node in parse(file):
        if isinstance(node, TranslateNode):
            yield node.filter_expression.var.literal
        elif isinstance(node, BlockTranslateNode):
            yield node.render_token_list(node.singular)[0]
            if node.plural:
                yield node.render_token_list(node.plural)[0]


def find_python_words(file: Path) -> Iterator[str]:
    """Yield the words that a module translates."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id in CALLS and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


def list_words() -> dict[str, str]:
    """Return all words of the pages, each with a file that has it."""
    found = {}
    for file in list_templates():
        found |= dict.fromkeys(find_template_words(file), str(file.relative_to(WEB)))
    for file in sorted(WEB.rglob("*.py")):
        found |= dict.fromkeys(find_python_words(file), str(file.relative_to(WEB)))
    return found


# The modules whose lines the pages may show. Whoever adds pages adds what they stand on.
LINES_OF = (
    "card_port.py",
    "cardos/image.py",
    "readers/card_process.py",
    "readers/choose.py",
    "readers/folder.py",
    "readers/pcsc.py",
    "readers/roles.py",
    "readers/t0port.py",
    "desk/amounts.py",
    "desk/closing_order.py",
    "desk/counter.py",
    "desk/in_reader.py",
    "desk/issue.py",
    "desk/log_words.py",
    "desk/orders.py",
    "desk/parts.py",
    "desk/pin.py",
    "desk/prices.py",
    "desk/proofs.py",
    "desk/quota.py",
    "desk/reading.py",
    "desk/replace.py",
    "desk/sell.py",
    "desk/session.py",
    "desk/show.py",
    "desk/show_service.py",
    "desk/take_off.py",
    "desk/verify.py",
    "desk/words.py",
    "desk/office/audit/chain.py",
    "desk/office/audit/times.py",
    "desk/office/cards/agreement.py",
    "desk/office/cards/batch_making.py",
    "desk/office/cards/batch_plans.py",
    "desk/office/cards/batches.py",
    "desk/office/cards/clearing.py",
    "desk/office/cards/control_cards.py",
    "desk/office/cards/listing.py",
    "desk/office/cards/making.py",
    "desk/office/cards/purchases.py",
    "desk/office/cards/recognising.py",
    "desk/office/cards/register.py",
    "desk/office/cards/replacing.py",
    "desk/office/cards/terms.py",
    "desk/office/cards/verifying.py",
    "desk/office/cards/words.py",
    "desk/office/backup.py",
    "desk/office/clock.py",
    "desk/office/customers/closing.py",
    "desk/office/customers/contracts.py",
    "desk/office/customers/history.py",
    "desk/office/customers/lost.py",
    "desk/office/customers/new_terms.py",
    "desk/office/customers/records.py",
    "desk/office/customers/search.py",
    "desk/office/customers/statements.py",
    "desk/office/customers/tariffs.py",
    "desk/office/estate/meters.py",
    "desk/office/estate/places.py",
    "desk/office/ledger/posting.py",
    "desk/office/people/consent.py",
    "desk/office/people/passwords.py",
    "desk/office/people/people.py",
    "desk/office/people/rights.py",
    "desk/office/people/sign_in.py",
    "desk/office/sheets/acts.py",
    "desk/office/sheets/columns.py",
    "desk/office/sheets/exporting.py",
    "desk/office/sheets/importing.py",
    "desk/office/sheets/opening.py",
    "desk/office/sheets/people.py",
    "desk/office/sheets/places.py",
    "desk/office/statistics/field_reports.py",
    "desk/office/statistics/inspections.py",
    "desk/office/statistics/limits.py",
    "desk/office/statistics/losses.py",
    "desk/office/statistics/operators.py",
    "desk/office/statistics/reports.py",
    "desk/office/statistics/rules.py",
    "desk/office/statistics/sales_reports.py",
    "desk/office/statistics/sheet.py",
    "desk/office/statistics/statement.py",
    "desk/office/statistics/suspects.py",
    "desk/office/texts.py",
    "desk/office/vending/act_list.py",
    "desk/office/vending/carried.py",
    "desk/office/vending/counter.py",
    "desk/office/vending/counting.py",
    "desk/office/vending/desk_list.py",
    "desk/office/vending/desks.py",
    "desk/office/vending/inspection_cards.py",
    "desk/office/vending/inspection_logs.py",
    "desk/office/vending/limits.py",
    "desk/office/vending/outside.py",
    "desk/office/vending/patience.py",
    "desk/office/vending/readings.py",
    "desk/office/vending/receipts_text.py",
    "desk/office/vending/refund_counter.py",
    "desk/office/vending/refunds.py",
    "desk/office/vending/resolving.py",
    "desk/office/vending/sales.py",
    "desk/office/vending/shift_list.py",
    "desk/office/vending/shifts.py",
    "desk/web/jobs.py",
    "desk/web/station.py",
)
# Statements of SQL and patterns, which nobody reads.
_NO_LINE = re.compile(
    r"%s|__|_than_|^[ ,:)'(]|^(SELECT|INSERT|UPDATE)\b|strftime|to_char|\[0-9|RETURNING|"
    r"PRAGMA|\?mode|^xl/|^[a-z]+(_[a-z0-9]+)+$"
)


def list_lines() -> dict[str, str]:
    """Return the lines of these modules as patterns, each with its module."""
    found: dict[str, str] = {}
    for name in LINES_OF:
        for line in find_lines(TOOLS / name):
            found.setdefault(line, name)
    return found


def find_lines(file: Path) -> Iterator[str]:
    """Yield what a module may tell people in English, as patterns: {0}, {1} stand for what varies.

    Each text of three words and more counts, and what is raised or told even if it is shorter. Not
    docstrings, and no statements of SQL.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    silent = {id(piece) for node in ast.walk(tree) for piece in _list_silent(node)}
    told = {id(node) for each in ast.walk(tree) for node in _list_told(each)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in silent:
            text = _read_text(node)
            words = len(re.findall(r"[A-Za-z']+|\{\d\}", text))
            if words > (1 if id(node) in told else 2) and re.search("[a-z]{2}", text):
                if not _NO_LINE.search(text):
                    yield text


def _list_silent(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the texts within this node that are none of their own: docstrings, pieces, checks."""
    if isinstance(node, ast.JoinedStr):
        yield from (piece for piece in ast.walk(node) if piece is not node)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value
    elif isinstance(node, ast.Assert):
        yield from ast.walk(node)


def _list_told(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the texts that this node raises or tells."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        yield from node.exc.args
    elif isinstance(node, ast.Return) and node.value is not None:
        yield node.value
    elif isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in ("tell", "tell_away") or name.endswith(("Error", "Refused", "Broken")):
            yield from node.args


def _read_text(node: ast.JoinedStr | ast.Constant) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    parts, holes = [], 0
    for piece in node.values:
        if isinstance(piece, ast.Constant):
            parts.append(str(piece.value))
        else:
            parts.append(f"{{{holes}}}")
            holes += 1
    return "".join(parts)
