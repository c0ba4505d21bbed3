"""The panel's texts in English and Chinese, by key. What is in braces is filled in.

They are in front/words.json. The digits of the display and the lines of the firmware's log are the
meter's own and have no other language; what the digits mean is said beside them.
"""

import json
from functools import cache
from importlib.resources import files

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = {ENGLISH: "en", CHINESE: "zh-hans"}  # and their names in the cookie


@cache
def load_texts() -> dict[str, tuple[str, str]]:
    """Return English and Chinese of each text."""
    file = files("dianka.bench.panel").joinpath("front", "words.json")
    texts = json.loads(file.read_text(encoding="utf-8"))
    return {key: (english, chinese) for key, (english, chinese) in texts.items()}


def choose(language: str) -> dict[str, str]:
    """Return all texts in this language, by key."""
    place = list(LANGUAGES).index(language)
    return {key: texts[place] for key, texts in load_texts().items()}
