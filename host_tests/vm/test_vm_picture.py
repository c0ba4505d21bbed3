"""The picture of the live screen in docs/ is what `make pictures` draws."""

from pathlib import Path

from dianka.bench.stage.pictures import draw_live_screen
from dianka.firmware import ROOT


def test_the_live_screen_of_the_documentation_is_today_s(tmp_path: Path) -> None:
    draw_live_screen(tmp_path / "live.svg", "vm")
    drawn = (tmp_path / "live.svg").read_text(encoding="utf-8")
    assert (ROOT / "docs" / "live.svg").read_text(encoding="utf-8") == drawn, (
        "draw it anew: make pictures"
    )
