"""The texts of the panel: two languages, the same fields, nothing missing and nothing unused."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from dianka.bench.models.bench import LAMPS
from dianka.bench.panel import meter
from dianka.bench.panel.display_words import _EXACT, _PATTERNS, explain
from dianka.bench.panel.words import CHINESE, ENGLISH, choose, load_texts
from dianka.cardos import kinds
from dianka.firmware import ROOT

FRONT = Path(str(files("dianka.bench.panel"))) / "front"
HAN = re.compile("[\u4e00-\u9fff]")
SAME = {"language", "sw.none", "speed.1", "speed.10", "speed.60", "speed.300"}


def test_each_text_is_in_both_languages_with_the_same_fields() -> None:
    for key, (english, chinese) in load_texts().items():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", chinese)), key
        if key not in SAME:
            assert HAN.search(chinese), f"{key} has no Chinese"
            assert not HAN.search(english), f"{key} is Chinese in English"


def find_keys_used() -> set[str]:
    """Every key in scripts, page and Python, those with a computed end spread out."""
    found: set[str] = set()
    ends = {
        "card.": (*kinds.ALL, "unknown"),
        "lamp.": LAMPS,
        "speed.": [str(speed) for speed in meter.SPEEDS],
        "appliance.": meter.APPLIANCES,
        "mains.": ("on", "off", "cut", "off.how", "cut.how"),
        "reader.": ("counter", "control"),
    }
    for path in FRONT.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'say\("([\w.-]+)"', text))
        found |= set(re.findall(r'"((?:refuse|relay|next)\.[\w-]+)"', text))
        for start in re.findall(r"say\(`(\w+\.)\$", text):
            found |= {f"{start}{end}" for end in ends[start]}
    page = (FRONT / "panel.html").read_text(encoding="utf-8")
    names = {key.replace(".", "_").replace("-", "_"): key for key in load_texts()}
    found |= {names[name] for name in re.findall(r"\$(\w+)", page) if name in names}
    for path in FRONT.parent.glob("*.py"):
        found |= set(
            re.findall(
                r'"@?((?:refuse|show|apdu|sw|file)\.[\w-]+)"', path.read_text(encoding="utf-8")
            )
        )
    return found | {"lead", "lead.counter", "bin", "tray"}


def test_no_text_is_missing_and_none_is_left_over() -> None:
    texts, used = set(load_texts()), find_keys_used()
    assert used - texts == set()
    assert texts - used == set()


def test_every_page_of_the_operations_manual_is_explained() -> None:
    """Whatever the manual says that the meter shows has words of its own."""
    manual = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"!\[([^\]\n]{1,16})\]\(digits/", manual))
    shown |= set(re.findall(r"\| `([^`|]{2,8})` \| (?:`|an)", manual))
    shown |= set(re.findall(r"\| `oFF-\d\d` \| `([^`]+)` \|", manual))
    assert len(shown) > 60
    silent = sorted(text for text in shown if explain(text)[0] == "show.other")
    # Friendly time and the number of a build have no words: they are for the technician.
    assert silent == ["F     67", "FH 22-06", "Fd 10-01", "Fn 12-02"]


@pytest.mark.parametrize("text", ["", "        ", "8.8.8.8.8.8.8.8.", "?", "-0.37", "0.00"])
def test_anything_is_explained(text: str) -> None:
    texts = load_texts()
    key, fields = explain(text)
    assert key in texts and all(isinstance(each, str) for each in fields.values())


def test_every_explanation_has_its_text() -> None:
    texts = load_texts()
    for key in [*_EXACT.values(), *(key for _, key, _ in _PATTERNS)]:
        assert key in texts
    assert choose(ENGLISH)["show.pay"] != choose(CHINESE)["show.pay"]
