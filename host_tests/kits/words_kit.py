"""What people read, found in the source: words of templates and views, and the office's lines."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from dianka.firmware import ROOT

DESK = ROOT / "tools" / "dianka" / "desk"
WEB = DESK / "web"
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
