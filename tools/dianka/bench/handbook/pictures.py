"""Draws the handbook's pictures: `python -m` this with their folder.

Each scene is played in Chinese and in English in an office from one seed, at one fixed time. It
needs playwright and time-machine (extra `test`), and Debian's chromium with fonts-noto-cjk.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dianka.bench.demo.office import MANAGER
from dianka.bench.handbook.office import Places
from dianka.bench.handbook.scenes import list_menu, list_scenes
from dianka.bench.handbook.studio import WAIT_MS, Studio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
SIZE = {"width": 1366, "height": 768}
COLOURS = 96
LIKE_PERMILLE = 2  # of its pixels may differ in a picture that is left as it is
_SEEN = [0] * 25 + [255] * 231  # which differences of a pixel anybody sees
_NO_BROWSER = "no browser is here: apt-get install chromium fonts-noto-cjk"


def draw_pictures(folder: Path) -> None:
    """Draw all scenes in both languages into this folder; SystemExit says what is missing."""
    found = shutil.which("chromium")
    if found is None:
        sys.exit(_NO_BROWSER)
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="dianka-") as root, sync_playwright() as playwright:
        made = Path(root) / "made"
        command = [sys.executable, "-m", "dianka.bench.handbook.office", str(made)]
        subprocess.run(command, check=True, env=list_environment())
        browser = playwright.chromium.launch(executable_path=found)
        for language in LANGUAGES:
            copy = Path(root) / language
            shutil.copytree(made, copy)
            with open_studio(Places(copy), browser, language) as studio:
                play(studio, folder)
        browser.close()


def list_environment() -> dict[str, str]:
    """Return this process's environment without a word of a real office and its database."""
    return {name: text for name, text in os.environ.items() if not name.startswith("DIANKA_")}


@contextmanager
def open_studio(places: Places, browser: "Browser", language: str) -> "Iterator[Studio]":
    """Serve an office, with a browser at its pages."""
    command = [sys.executable, "-m", "dianka.bench.handbook.server", str(places.root)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": list_environment()}
    with subprocess.Popen(command, text=True, **pipes) as server:
        assert server.stdin and server.stdout
        try:
            url = server.stdout.readline().strip().rstrip("/")
            if not re.fullmatch(r"http://127\.0\.0\.1:\d+", url):
                raise RuntimeError("the office of the pictures does not start")
            page = browser.new_page(viewport=SIZE, locale=LANGUAGES[language])  # type: ignore[arg-type]
            page.set_default_timeout(WAIT_MS)
            studio = Studio(places, server, url, page)
            studio.language = language
            yield studio
            page.close()
        finally:
            server.stdin.close()  # which ends it


def play(studio: Studio, folder: Path) -> None:
    """Play all scenes, and draw each; of a manager's menu each page besides."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, scenes in list_scenes():
        studio.sign_in(name)
        menu = list_menu(studio.list_menu()) if name == MANAGER else ()
        for scene, act in (*menu, *scenes):
            act(studio)
            studio.page.evaluate("scrollTo(0, 0)")
            store(studio.page.screenshot(), folder / f"{scene}.{studio.language}.webp")


def store(shot: bytes, file: Path) -> None:
    """Store a picture with few colours, unless the one that is there looks like it."""
    from PIL import Image

    new = Image.open(io.BytesIO(shot)).convert("RGB")
    small = new.quantize(COLOURS, dither=Image.Dither.NONE).convert("RGB")
    if file.exists() and is_like(Image.open(file).convert("RGB"), small):
        return
    small.save(file, "WEBP", lossless=True, quality=100, method=4)


def is_like(one: "object", other: "object") -> bool:
    """Return whether two pictures differ in so few pixels that nobody sees it."""
    from PIL import Image, ImageChops

    assert isinstance(one, Image.Image) and isinstance(other, Image.Image)
    if one.size != other.size:
        return False
    difference = ImageChops.difference(one, other).convert("L").point(_SEEN)
    differing = difference.histogram()[255]
    return differing * 1000 <= LIKE_PERMILLE * one.size[0] * one.size[1]


if __name__ == "__main__":
    draw_pictures(Path(sys.argv[1]))
