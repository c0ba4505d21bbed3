"""Former formats of the state live on: meters of former versions, through an update cut anywhere.

images/ holds them: the FRAM's content as the real firmware of that time wrote it on rung 1, with
its ESAM, its cards and the state that this firmware read from it. What those versions find after a
trial is judged by a reader of their rules.
"""

import base64
import binascii
import json
import types
import zlib
from pathlib import Path
from typing import Any

import pytest
from test_versions import Littlefs

from dianka.bench.models.fram import ADDRESS, SIZE, Cut, Mb85rc256v
from meter_kit import MS, USER, MeterKit, S, exact
from parts import Parts

IMAGES = Path(__file__).parents[1] / "images"
FORMER = {1: 97, 2: 106, 3: 126}  # sizes of their records
# Where such a version has its ring in each half, the size of a slot, and what a slot has before and
# after the record.
RINGS = {1: (0, 107, 6, 4), 2: (0, 116, 6, 4), 3: (1024, 256, 8, 4)}
ELSEWHERE = (1, 2)  # a commit of the present format leaves the ring of these as it was
HALVES = (0, SIZE // 2)
OLD = {"next_price_e4": 0, "switch_time": 0}  # of format 2
SINCE_3 = ("pulse_pj", "uncharged_starts", "silence_limit_s", "difference_fen", "earliest_s")
SINCE_4 = ("set_crc", "next_set_crc", "dearest_e4", "step_pj", "step_since_s")
SINCE_4 += ("supply_crc", "tripped", "overload_trips", "step_trips", "step_day", "calibration_crc")
# What each start notes anew.
NOTED = {"pulse_pj", "uncharged_starts", "silence_limit_s", "difference_fen", "earliest_s"}
CUTS = tuple(Cut)
PARTS = Parts()
I2C = PARTS.machine().I2C(0)
records, journal = PARTS.module("state"), PARTS.module("journal")


def image(form: int) -> dict[str, Any]:
    read = json.loads((IMAGES / f"format{form}.json").read_text())
    read["fram"] = unzip(read["fram"])
    return read


def unzip(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def by_former_rules(content: bytes, form: int) -> bytes | None:
    """The newest record as versions of that format find it: in 8 slots of each half."""
    base, slot_size, head, tail = RINGS[form]
    found = []
    for half in HALVES:
        for slot in range(8):
            at = half + base + slot * slot_size
            length = FORMER[form]
            if head == 8:
                length = min(
                    int.from_bytes(content[at + 6 : at + 8], "big"), slot_size - head - tail
                )
            record = content[at : at + head + length + tail]
            if binascii.crc32(record[:-4]) == int.from_bytes(record[-4:], "big"):
                found.append((int.from_bytes(record[:6], "big"), record[head:-4]))
    newest = max(found)[1] if found else b""
    return newest if len(newest) == FORMER[form] else None


def money(state: Any) -> dict[str, int]:
    """Return all that an update has to carry over, without what each start counts or notes anew."""
    return {name: value for name, value in vars(state).items() if name not in NOTED}


def carried(form: int) -> dict[str, int]:
    """The former state's fields as the present version has to have them."""
    whole = OLD | dict.fromkeys(SINCE_4, 0) | image(form)["state"]
    return {name: value for name, value in whole.items() if name not in NOTED}


def slot_bytes(form: int) -> int:
    """The bytes that a commit of this format writes to a half."""
    return RINGS[form][2] + FORMER[form] + RINGS[form][3]


def lacking(form: int) -> tuple[str, ...]:
    """The fields that a record of this format does not have."""
    return (SINCE_3 if form < 3 else ()) + SINCE_4


def store_on(chip: Mb85rc256v, on_trial: bool = False) -> Any:
    """The store that a start makes of this memory."""
    PARTS.module("versions").on_trial = on_trial
    PARTS.mcu.get_i2c_bus(0).devices[ADDRESS] = chip
    chip.power_on()
    return PARTS.module("state_store").StateStore(
        PARTS.module("fram").Fram(I2C), PARTS.lines.append
    )


def test_every_former_format_has_its_image() -> None:
    """A new format of the state needs an image of the one before it, and its row in FORMER."""
    assert {form: size for form, size in records.SIZES.items() if form < records.FORMAT} == FORMER
    assert {path.name for path in IMAGES.glob("format*.json")} == {
        f"format{form}.json" for form in FORMER
    }


@pytest.mark.parametrize("form", FORMER)
def test_a_former_format_is_read_and_written_to_the_last_fraction(form: int) -> None:
    payload = by_former_rules(image(form)["fram"], form)
    assert payload and len(payload) == FORMER[form]
    state = records.unpack(payload)
    assert money(state) == carried(form) and not any(getattr(state, n) for n in lacking(form))
    assert form < 3 or vars(state) == dict.fromkeys(SINCE_4, 0) | image(form)["state"]
    assert records.pack(state, form) == payload
    assert records.unpack(records.pack(state)).__dict__ == state.__dict__


@pytest.mark.parametrize("form", FORMER)
def test_a_store_takes_a_former_state_over_once(form: int) -> None:
    chip = Mb85rc256v(image(form)["fram"])
    for notes in ([f"journal: state of format {form} taken over"], []):
        store = store_on(chip)
        assert (money(store.state), store.notes, store.anew) == (carried(form), notes, False)
        store.commit(True)
        assert store._journal.written == 2
    if form in ELSEWHERE:
        assert by_former_rules(chip.content, form) == by_former_rules(image(form)["fram"], form)
    for half in HALVES:
        half_gone = Mb85rc256v(chip.content)
        half_gone.destroy(half, SIZE // 2)
        assert money(store_on(half_gone).state) == carried(form)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMER)
@pytest.mark.parametrize("on_trial", [False, True])
def test_a_cut_at_every_byte_of_the_first_commits(form: int, on_trial: bool) -> None:
    """Old or new, by the present version's rules and by the former one's."""
    before = image(form)
    new = carried(form) | {"energy_pj": carried(form)["energy_pj"] + 7, "balance_fen": -5}
    chip = Mb85rc256v(before["fram"])
    _commit(chip, on_trial, new)
    most = chip.writes
    assert most == 2 * (slot_bytes(form) if on_trial else records.SIZE + 12)
    for at in range(1, most + 1):
        for cut in CUTS:
            chip = Mb85rc256v(before["fram"], seed=at)
            chip.cut_after(at, lambda: None, cut)
            _commit(chip, on_trial, new)
            store = store_on(chip)
            assert money(store.state) in (carried(form), new) and not store.anew
            assert at <= most // 2 or money(store.state) == new
            former = by_former_rules(chip.content, form)
            if not on_trial and form not in ELSEWHERE and money(store.state) == new:
                assert former is None  # no longer a former version's memory, and whole
                continue
            assert former and money(records.unpack(former)) == (
                money(store.state) if on_trial else carried(form)
            )


def _commit(chip: Mb85rc256v, on_trial: bool, values: dict[str, int]) -> None:
    store = store_on(chip, on_trial)
    vars(store.state).update(values)
    try:
        store.commit()
    except journal.JournalError:
        assert not chip.powered


@pytest.mark.parametrize("form", FORMER)
def test_many_commits_of_a_trial_leave_the_former_version_its_memory(form: int) -> None:
    chip = Mb85rc256v(image(form)["fram"])
    store = store_on(chip, True)
    for number in range(30):
        store.state.energy_pj += 1
        store.state.uncharged_starts = number
        store.commit(number % 2 == 0)
        former = by_former_rules(chip.content, form)
        assert former and money(records.unpack(former)) == money(store.state)
    base, slot_size = RINGS[form][:2]
    for half in HALVES:
        for first, after in ((0, base), (base + 8 * slot_size, SIZE // 2)):
            rest = slice(half + first, half + after)
            assert chip.content[rest] == image(form)["fram"][rest]


class Updating:
    """A former version's meter that starts with the present version on trial.

    Its file system can lose its power too.
    """

    def __init__(self, folder: Path, form: int) -> None:
        self.form = form
        read = image(form)
        folder.mkdir()
        for name, text in read["files"].items():
            (folder / name).write_bytes(unzip(text))
        kept = {
            "fram": read["fram"].hex(),
            "relay_closed": read["relay_closed"],
            "seconds": read["seconds"],
        }
        (folder / "meter.json").write_text(json.dumps(kept))
        self.kit = MeterKit(folder)
        self.fram = self.kit.rig.bench.fram
        self.files = Littlefs(slot="a b", code="00000")
        runner: Any = self.kit.rig.runner
        prepare = runner.prepare

        def with_files(cause: int = 1) -> None:
            prepare(cause)
            runner.modules["os"] = types.SimpleNamespace(rename=self.files.rename)
            versions = runner.import_module("versions")
            vars(versions)["__builtins__"]["open"] = self.files.open
            runner.modules["sys"].path = []

        runner.prepare = with_files

    def start(self) -> None:
        self.kit.rig.switch_mains_on()
        self.kit.wait(8 * S)

    @property
    def good(self) -> str:
        """The version that the next start runs."""
        words = self.files.files["slot"].split()
        return words[1] if len(words) == 2 else words[0]


@pytest.mark.parametrize("form", FORMER)
def test_an_update_carries_a_whole_meter_over(tmp_path: Path, form: int) -> None:
    meter = Updating(tmp_path / "meter", form)
    kit = meter.kit
    meter.start()
    assert (meter.good, kit.meter.self_check.code[:5]) == ("b", "00000"), kit.lines
    assert money(kit.state) == carried(form)
    assert any(f"state of format {form} taken over" in line for line in kit.lines)
    kit.sell(500)
    assert kit.run_session(USER).code == 0
    kit.rig.cut_power()
    kit.restart()
    assert (kit.state.bought_fen, kit.state.count) == (
        carried(form)["bought_fen"] + 500,
        carried(form)["count"] + 1,
    )
    assert kit.state.balance_fen == carried(form)["balance_fen"] + 500
    kit.ledger.bought_fen, kit.ledger.price_e4 = kit.state.bought_fen, kit.state.price_e4
    exact(kit)
    kit.close()


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMER)
def test_a_cut_anywhere_in_the_first_start_costs_nothing(tmp_path: Path, form: int) -> None:
    """Whichever version runs afterwards finds everything, and the update can be repeated."""
    kept = given_up = at = 0
    for at in range(1, 10_000, 13):
        meter = Updating(tmp_path / str(at), form)
        meter.fram.cut_after(at, meter.kit.cut_now, CUTS[at % 3])
        meter.start()
        meter.fram.cut_after_bytes = None
        if meter.kit.rig.take_view().powered:
            break
        former = by_former_rules(meter.fram.content, form)
        if former is None:
            assert form not in ELSEWHERE and meter.good == "b"
            former = records.pack(store_on(Mb85rc256v(meter.fram.content)).state)
        assert money(records.unpack(former)) == carried(form)
        kept, given_up = kept + (meter.good == "b"), given_up + (meter.good == "a")
        meter.files.files["slot"] = meter.good if meter.good == "b" else "a b"  # flashed once more
        meter.start()
        assert meter.good == "b" and money(meter.kit.state) == carried(form)
        meter.kit.close()
    assert kept > 10 and given_up > 10 and at > 2 * (slot_bytes(form) + records.SIZE + 12)


@pytest.mark.parametrize("form", FORMER)
def test_what_is_counted_in_a_trial_that_fails_stays_counted(tmp_path: Path, form: int) -> None:
    meter = Updating(tmp_path / "meter", form)
    meter.kit.rig.set_load(6_600_000)
    meter.kit.rig.bench.esam.put(None)  # worse than the former version was
    meter.kit.rig.switch_mains_on()
    for _ in range(200):
        meter.kit.wait(50 * MS)
        if any("update refused" in line for line in meter.kit.lines):
            break
    assert meter.good == "a" and any("self-check 00100" in line for line in meter.kit.lines)
    former = by_former_rules(meter.fram.content, form)
    assert former
    state = records.unpack(former)
    counted = state.energy_pj - carried(form)["energy_pj"]
    assert 0 < counted <= meter.kit.ledger.energy_pj
    assert meter.kit.ledger.energy_pj - counted < 3_600_000_000_000_000 * 3 // 2
    meter.kit.close()
