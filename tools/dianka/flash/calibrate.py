"""Calibrate a meter against a reference; the firmware of the meter measures, judges and keeps.

Both the meter at a port and the virtual one in a folder are asked through the same function of
their version (firmware/answers.py): a step's name and its words in, a tuple or a refusal out.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dianka.flash.build import FlashError
from dianka.flash.clock import format_utc

if TYPE_CHECKING:
    from dianka.flash.link import Link

Ask = Callable[..., Any]
_FIRST = "1  The meter has no customer yet, and a test credit card has switched its supply on.\n"
_LAST = "3  Read the reference now; the meter then compares for 5 s."
GUIDES = {
    "gain": f"""{_FIRST}2  Connect a heater of 500 to 2000 W and the reference instrument, \
and let both get warm.
   Of three phases one carries it, the others none. The HLW8032 needs no other step.
{_LAST}""",
    "phase": f"""{_FIRST}2  The gain of this phase is set. Connect a load of power factor 0.5, \
inductive, to it alone.
{_LAST}""",
    "offset": f"""{_FIRST}2  The gain of this phase is set. Connect a load of up to 110 W to it \
alone, or none, with --phase.
{_LAST}""",
}
NAMES = ("gain", "phase", "offset")  # of the steps, as the records number them from 1 on
QUANTITIES = (("voltage", "V"), ("current", "A"), ("power", "W"))
_WITHIN_PPM = 1_000  # of the reference's power, after the step
_WITHIN_US = 60_000_000  # for a step on the bench
_WARM_US = 20_000_000  # for the relay to close and the load to stand
_WITHIN_MW = 100  # of a load that is smaller than that
_BENCH_PPM = 20_000  # a new virtual meter is off by up to so much
BENCH_W = {"gain": 1_000, "phase": 1_000, "offset": 50}  # its load, if none is named
_CREDIT = Path("calibration-credit.card")

_HELPER = """
def _calibrate(folder, step, *words):
    try:
        if folder not in sys.path:
            sys.path.insert(0, folder)
        import answers
        if not hasattr(answers, "calibrate"):
            return "this version can't be calibrated: flash a newer one"
        return answers.calibrate(globals().get("meter"), step, *words)
    except ImportError:
        return "this version can't be calibrated: flash a newer one"
    except OSError:
        return "a part of the meter does not answer: see docs/selfcheck.md"
"""


# ****** Steps ******


def show(ask: Ask) -> list[str]:
    """Return lines about the calibration in force, and all that are kept."""
    number, rows = ask("show")
    lines = [_format_row(row) for row in rows]
    if number < 0:
        return [*lines, "the calibration is lost, the board's constants hold: calibrate anew"]
    if not number:
        return [*lines, "no calibration is in force: the board's constants hold"]
    return [*lines, f"calibration {number} is in force"]


def calibrate(
    ask: Ask,
    true: tuple[int, int, int],
    who: str,
    now_s: int,
    step: str = "gain",
    phase: int = 0,
) -> list[str]:
    """Do a step by the reference's mV, mA and mW; return what it changed, in lines.

    `phase` is 1 to 3, or 0 for the one that carries the load. An offset goes by the mW alone.
    FlashError if the meter refuses, or if it does not show the reference's power afterwards.
    """
    named = (phase,) if phase else ()
    wanted = range(2, 3) if step == "offset" else range(3)
    shown, _ = ask(step, *(true[i] for i in wanted), who, now_s, *named)
    after = ask("measure", *named)
    lines = []
    for i in wanted:
        name, unit = QUANTITIES[i]
        lines.append(
            f"{name}: the meter showed {_format_milli(shown[i])} {unit}, the reference "
            f"{_format_milli(true[i])} {unit}, now {_format_milli(after[i])} {unit}"
            + (f" ({_format_off(after[i], true[i])})" if true[i] else "")
        )
    within_mw = max(_WITHIN_PPM * true[2] // 1_000_000, _WITHIN_MW if step == "offset" else 0)
    if abs(after[2] - true[2]) > within_mw:
        off = _format_off(after[2], true[2]) if true[2] else f"{_format_milli(after[2])} W"
        raise FlashError(
            f"the power is {off} off after the step, so the load has "
            "changed: let it get warm and repeat, or take the step back with --back"
        )
    return [*lines, *show(ask)[-1:]]


def take_back(ask: Ask, who: str, now_s: int) -> list[str]:
    """Bring the calibration before the newest one in force again; return lines about it."""
    ask("back", who, now_s)
    return ["taken back", *show(ask)[-1:]]


def parse_milli(text: str, name: str) -> int:
    """Return a decimal number in thousandths; FlashError if it is none."""
    found = re.fullmatch(r"([0-9]{1,5})(?:[.,]([0-9]{1,3}))?", text.strip())
    if not found:
        raise FlashError(f"{name}: a number with up to three decimals is wanted, not {text!r}")
    return int(found[1]) * 1000 + int((found[2] or "").ljust(3, "0"))


# ****** Meters ******


@contextlib.contextmanager
def open_board(
    open_link: Callable[[str], AbstractContextManager["Link"]], port: str
) -> Iterator[Ask]:
    """Stop the meter at this port, and yield what asks it; it is restarted afterwards."""
    from dianka.flash import update

    with open_link(port) as link:
        folder = update.read_version_folder(link)
        link.run(_HELPER)

        def ask(step: str, *words: Any) -> Any:
            # In two calls, as the meter prints lines of its own in the first.
            link.run(f"_feed(); _answer = _calibrate({folder!r}, {step!r}, *{words!r})")
            return _refuse_text(link.ask("_answer"))

        yield ask
        link.reset()


@contextlib.contextmanager
def open_bench(
    folder: Path,
    load_mw: int,
    tell: Callable[[str], None],
    step: str = "gain",
    phase: int = 0,
    metering: str | None = None,
) -> Iterator[tuple[Ask, tuple[int, int, int]]]:
    """Open the virtual meter in this folder under a load, and yield what asks it, and the truth.

    A new one measures voltage, current and energy wrong, by up to 2 % each; `metering` is its chip.
    The load is that of the step, on this phase; 0 is the first.
    """
    import random

    from dianka.bench.stage.rig import RigError
    from dianka.bench.stage.stand import Stand

    folder.mkdir(parents=True, exist_ok=True)
    off = [random.randint(-_BENCH_PPM, _BENCH_PPM) for _ in range(3)]
    try:
        with Stand(folder, metering=metering, off_ppm=(off[0], off[1], off[2])) as stand:
            phases = stand.rig.bench.phases
            mains = phases[min(max(phase, 1), len(phases)) - 1]
            stand.rig.set_load(load_mw, 500 if step == "phase" else 1000)
            if mains is not phases[0]:
                mains.set_load(phases[0].load_mw, phases[0].pf_milli)
                stand.rig.set_load(0)
            stand.switch_mains_on()
            _switch_supply_on(stand)
            true = mains.voltage_mv, mains.current_ma, mains.power_mw
            parts = zip(QUANTITIES, true, strict=True)
            tell(
                "the reference shows "
                + ", ".join(f"{_format_milli(value)} {unit}" for (_, unit), value in parts)
            )
            yield make_bench_ask(stand), true
            stand.wait(_WARM_US)
    except RigError as error:
        raise FlashError(str(error)) from None


def make_bench_ask(stand: Any) -> Ask:
    """Return what asks the virtual meter of this stand on rung 1, as a PC does through its port."""
    runner = stand.rig.runner

    def ask(step: str, *words: Any) -> Any:
        def work() -> Any:
            runner.modules["machine"].WDT(timeout=8000)
            return runner.import_module("answers").calibrate(runner.meter, step, *words)

        return _refuse_text(runner.ask(work, _WITHIN_US))

    return ask


def _switch_supply_on(stand: Any) -> None:
    """Give the meter test credit if its supply is off, so that the load runs."""
    from dianka.cardos import kinds
    from dianka.desk import service

    if not stand.relay_closed:
        data = service.TestCreditData(1_000, 1)
        stand.make(_CREDIT, kinds.TEST_CREDIT, service.make_test_credit, data)
        stand.serve(_CREDIT)
    stand.wait(_WARM_US)


def _refuse_text(answer: Any) -> Any:
    if isinstance(answer, str):
        raise FlashError(answer)
    return answer


# ****** Words ******


def _format_row(row: tuple) -> str:
    number, _, kind, *values, at_s, who = row
    if not kind:
        what = "back to the board's constants"
    elif len(values) == 2:  # of an ATT7022 (firmware/calibration_att.py)
        step, phase = divmod(values[0], 4)
        what = f"{NAMES[step - 1]} of phase {phase}" if step else "a step back"
    else:
        what = f"gains {' '.join(str(gain) for gain in values)} millionths"
    return f"calibration {number}: {format_utc(at_s)} by {who.decode().strip()}, {what}"


def _format_milli(milli: int) -> str:
    sign, milli = "-" if milli < 0 else "", abs(milli)
    return f"{sign}{milli // 1000}.{milli % 1000:03d}"


def _format_off(shown: int, true: int) -> str:
    """Return the difference in percent with two decimals, rounded to the nearest."""
    parts = (2 * abs(shown - true) * 10_000 + true) // (2 * true)
    return f"{'-' if shown < true else '+'}{parts // 100}.{parts % 100:02d} %"
