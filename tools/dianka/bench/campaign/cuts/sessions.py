"""The operations that a card brings, and former formats of the state that a start takes over.

`dianka bench pulled` breaks the sessions of cards off at every byte of wire and memory; here they
are cut under load, with the swapped ways, and in pairs.
"""

import base64
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dianka.bench.campaign import resident
from dianka.bench.campaign.cuts.operation import LOAD_MW, Act, Operation, make_meter, rest
from dianka.bench.campaign.trial import USER, S, Trial
from dianka.cardos.files import card_files
from dianka.desk import closing_order
from dianka.firmware import ROOT

IMAGES = ROOT / "host_tests" / "images"
_SOLD_FEN = 307
_CLOSED = 0x40


# ****** Sessions under load, by the books ******


def _prepare_purchase(trial: Trial) -> None:
    make_meter(trial)
    trial.sell(_SOLD_FEN)


def _put_in(trial: Trial) -> None:
    trial.rig.set_load(LOAD_MW)
    resident.complete_session(trial, USER)
    trial.wait(2 * S)
    trial.rig.set_load(0)


def _put_in_at_rest(trial: Trial) -> None:
    resident.complete_session(trial, USER)
    trial.wait(2 * S)


def _prepare_closing(trial: Trial) -> None:
    make_meter(trial)
    with trial.open(USER) as file:
        closing_order.order_closing(trial.control.chip, file.chip, trial.rng)


def _judge_closing(trial: Trial) -> None:
    """Check that the account has ended, once: in the ESAM's statement and on the card."""
    with trial.open(USER) as file:
        said = closing_order.read_statement(trial.control.chip, file.chip, trial.rng)
    kept = closing_order.unpack_statement(trial.esam.state.files[card_files.ESAM_RUN_INFO])
    assert trial.state.flags & _CLOSED and kept == said, "the account is not closed"


# ****** Scenes of the campaign of broken sessions, at rest and in pairs ******


def _from_scene(name: str, title: str, pairs: int = 1) -> Operation:
    scene = next(scene for scene in resident.SCENES if scene.name == name)

    def prepare(trial: Trial) -> None:
        scene.prepare(trial)
        rest(trial)

    def run(trial: Trial) -> None:
        resident.complete_session(trial, scene.card)
        trial.wait(2 * S)

    def again(trial: Trial) -> None:
        code = trial.run_session(scene.card).code
        assert code == 0 or code in scene.refused_after, f"code {code}: {trial.lines[-3:]}"
        trial.wait(2 * S)

    return Operation(
        title, prepare, run, again, card=scene.card, load_mw=0, session=True, scene=scene,
        pairs=pairs,
    )  # fmt: skip


# ****** Former formats ******


def _unzip(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def _read_image(form: int) -> dict[str, Any]:
    return json.loads((IMAGES / f"format{form}.json").read_text(encoding="utf-8"))


def _furnish(form: int) -> Callable[[Path], None]:
    """Return what puts a former version's meter into a folder, as that version has left it."""

    def furnish(folder: Path) -> None:
        image = _read_image(form)
        for name, text in image["files"].items():
            (folder / name).write_bytes(_unzip(text))
        kept: dict[str, Any] = {"fram": _unzip(image["fram"]).hex()}
        kept |= {name: image[name] for name in ("relay_closed", "seconds")}
        (folder / "meter.json").write_text(json.dumps(kept), encoding="utf-8")

    return furnish


def _prepare_former(form: int) -> Act:
    """Return a `prepare` that looks at the former state, and takes the power again.

    The look is a start of this version, whose commits are undone: the memory gets its former
    content. What it reads must be what the former version had, to the last fraction.
    """
    money = ("energy_pj", "remainder", "balance_fen", "bought_fen", "count", "price_e4")

    def prepare(trial: Trial) -> None:
        content, former = trial.rig.bench.fram.content, _read_image(form)["state"]
        trial.switch_mains_on()
        read = {name: getattr(trial.state, name) for name in money}
        assert read == {name: former[name] for name in money}, f"{read} is read"
        assert any(f"format {form} taken over" in line for line in trial.lines), trial.lines
        trial.rig.cut_power()
        trial.rig.bench.fram.load(content)

    return prepare


def _run_former(trial: Trial) -> None:
    trial.rig.set_load(LOAD_MW)
    trial.switch_mains_on()
    trial.wait(3 * S)


def list_operations() -> list[Operation]:
    """Return the operations with cards and with former formats."""
    return [
        Operation("credit", _prepare_purchase, _put_in, _put_in_at_rest, card=USER,
                  sold_fen=_SOLD_FEN, session=True, resets=True),
        Operation("closing order", _prepare_closing, _put_in, _put_in_at_rest, card=USER,
                  session=True, judge=_judge_closing, resets=True),
        Operation("closing order at rest", _prepare_closing, _put_in_at_rest, _put_in_at_rest,
                  card=USER, load_mw=0, session=True, judge=_judge_closing, pairs=1,
                  resets=True),
        _from_scene("user card: open", "opening", 0),
        _from_scene("user card: purchase", "credit at rest"),
        _from_scene("key change", "key change"),
        _from_scene("initialisation", "initialisation"),
        *(
            Operation(f"format {form}", _prepare_former(form), _run_former,
                      furnish=_furnish(form))
            for form in (1, 2, 3)
        ),
    ]  # fmt: skip
