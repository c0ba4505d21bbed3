"""A rare session whose module is missing, damaged or too big: the card is refused, nothing else."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from dianka.bench.rungs import runners
from dianka.firmware import FIRMWARE
from meter_kit import USER, MeterKit, S, exact, in_use
from service_kit import INSPECTION, make_inspection

DAMAGE = {
    "missing": None,
    "incompatible": "raise ValueError('incompatible .mpy file')",
    "too big": "raise MemoryError('memory allocation failed')",
}


@pytest.fixture(params=sorted(DAMAGE))
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MeterKit]:
    """A meter in use whose firmware lacks the session of inspection cards, and the words."""
    firmware = copytree(FIRMWARE, tmp_path / "firmware")
    for name in ("card_inspect", "card_words"):
        text = DAMAGE[request.param]
        (firmware / f"{name}.py").unlink()
        if text is not None:
            (firmware / f"{name}.py").write_text(text + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runners, "FIRMWARE", firmware)
        kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    kit.rig.set_load(4_400_000)
    yield kit
    kit.close()


def test_the_card_is_refused_and_the_meter_goes_on(kit: MeterKit) -> None:
    make_inspection(kit)
    meter = kit.meter
    session = kit.run_session(INSPECTION)
    assert "Err-31" in session.texts
    assert any("session 05" in line for line in kit.lines[-10:])
    kit.wait(60 * S)
    assert kit.meter is meter, "it did not restart"
    exact(kit)
    kit.sell(500)
    kit.ledger.bought_fen += 500
    assert kit.run_session(USER).code == 0
    exact(kit)
