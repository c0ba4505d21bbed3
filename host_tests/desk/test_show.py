"""`dianka card show` says in words what meters wrote to cards, and no content at all breaks it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_verify import MAKE

import cards_kit as kit
from dianka.card_port import CardError
from dianka.cardos import access, desk_files, kinds
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files, service_files
from dianka.cardos.image import CardFile
from dianka.desk import issue, service
from dianka.desk.content import CONTENTS
from dianka.desk.service import InspectionData
from dianka.desk.show import show
from dianka.desk.words import format_decimal, name_bits
from meter_kit import MeterKit, S, in_use

INSPECTION = Path("inspection.card")


@pytest.fixture
def meter(tmp_path: Path) -> Iterator[MeterKit]:
    meter = MeterKit.new(tmp_path)
    yield meter
    meter.close()


def told(meter: MeterKit, card: Path) -> dict[str, str]:
    with CardFile.open(meter.folder / card) as file:
        return dict(show(file.chip))


def test_an_inspection_tells_what_the_meter_holds(meter: MeterKit) -> None:
    with CardFile.create(meter.folder / INSPECTION, kinds.INSPECTION) as file:
        service.make_inspection(meter.control.chip, file.chip, InspectionData())
    assert told(meter, INSPECTION)["state"] == "has not been in a meter"
    in_use(meter, 1000)
    meter.rig.set_load(2_000_000, 1000)
    meter.wait(600 * S)
    assert meter.run_session(INSPECTION).code == 0
    lines = told(meter, INSPECTION)
    mwh = meter.state.energy_pj // 3_600_000_000_000
    told_mwh = int(lines["energy"].removesuffix(" kWh").replace(".", ""))
    # 2 kW for 10 min; the meter went on metering since then.
    assert told_mwh > 300_000 and 0 < mwh - told_mwh < 20_000
    assert (lines["bought in all"], lines["meter"], lines["customer"]) == (
        "10.00 yuan",
        "000000000012",
        "000000000034",
    )
    assert (
        lines["keys"] == "private"
        and lines["overdraft limit"] == "0.50 yuan"
        and lines["price now"] == "0.5000 yuan/kWh"
    )
    assert lines["balance"].endswith("yuan after purchase 1")
    with CardFile.open(
        meter.folder / INSPECTION
    ) as file:  # pulled in the next session, before all was copied
        block = file.chip.state.files[service_files.INSPECTION_TOTALS]
        file.chip.state.files[service_files.INSPECTION_TOTALS] = b"\0" + block[1:]
        assert "not all was copied" in dict(show(file.chip))["state"]


BITS = st.integers(0, 63)


@given(BITS, BITS, st.integers(0, 65535), st.integers(0, 10_000), st.integers(0, 999_999_999_999))
def test_test_results_are_told(
    done: int, passed: int, pulses: int, money_fen: int, meter_no: int
) -> None:
    card = kit.production_card(kit.control_card())
    fields = {
        "meter_no": meter_no,
        "esam": bytes(range(8)),
        "done": done,
        "passed": passed & done,
        "pulses": pulses,
    }
    fields |= {
        "money_fen": money_fen,
        "selfcheck": b"00000180",
        "version": b"1.2".ljust(8, b"\0"),
        "time": 2601050800,
    }
    size = card_files.size_of(service_files.TEST_RESULT)
    log = card_files.pack(service_files.TEST_RESULT, fields) + bytes(
        size * (desk_files.RESULTS - 1)
    )
    card.state.files[desk_files.TEST_RESULTS] = log
    words = dict(show(card))[f"meter {meter_no:012d}, ESAM 0001020304050607"]
    names = ("relay", "segments", "pulses", "memory", "clock", "ESAM")
    failed = done & ~passed
    assert ("FAILED: " + name_bits(failed, names) in words) == bool(failed)
    assert ("passed: " in words) == bool(done)
    assert (f"{money_fen // 100}.{money_fen % 100:02d} yuan given" in words) == bool(money_fen)
    assert (f"{pulses} pulses" in words) == bool(done & 4)
    assert (
        "self-check 00000180" in words
        and "version 1.2" in words
        and words.endswith("2026-01-05 08:00")
    )


def readable(kind: str) -> list[int]:
    return [sfi for sfi, spec in kinds.ALL[kind].files.items() if spec.shape != access.COUNTER]


CARDS = {kind: make(kit.control_card()) for kind, make in MAKE.items()}


@settings(max_examples=300)
@given(st.data())
def test_whatever_is_on_a_card_it_is_told_or_refused_in_one_line(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(CARDS)))
    card = Chip(CARDS[kind].state.copy())
    sfi = data.draw(st.sampled_from(readable(kind)))
    content, old = CONTENTS[kind][sfi], card.state.files[sfi]
    if content.frames and data.draw(st.booleans(), "with a good frame"):
        size = len(old) - card_files.FRAME_OVERHEAD
        new = card_files.frame(
            data.draw(st.sampled_from(content.frames)),
            data.draw(st.binary(min_size=size, max_size=size)),
        )
    else:
        new = data.draw(st.binary(min_size=len(old), max_size=len(old)))
    card.state.files[sfi] = new
    try:
        lines = show(card)
    except CardError as error:
        assert "\n" not in str(error)
        return
    assert all(label and text and "\n" not in text for label, text in lines)
    assert dict(lines)["serial"] == card.state.serial.hex()


@given(st.integers(0, 10**18), st.integers(1, 9))
def test_decimals_lose_nothing(value: int, places: int) -> None:
    text = format_decimal(value, places)
    assert int(text.replace(".", "")) == value and len(text.split(".")[1]) == places


def test_tariffs_and_names(tmp_path: Path) -> None:
    control = kit.control_card()
    data = issue.InitData(5, 100, 50, 10, 20, 30, [4883, 5383, 4883])
    issue.issue_init(control, tmp_path / "init.card", data)
    with CardFile.open(tmp_path / "init.card") as card:
        assert dict(show(card.chip))["price"] == "0.4883 yuan/kWh, 0.5383 yuan/kWh, 0.4883 yuan/kWh"
    assert name_bits(0, ("a", "b")) == "nothing" and name_bits(7, ("a", "b")) == "a, b, unknown 04"


@pytest.mark.parametrize(
    ("field", "says"),
    [
        (b"unflashe", "unflashed"),
        (b"1.2\0\0\0\0\0", "1.2"),
        (b"2026.11.", "2026.11...."),
        (b"1.0.0-rc", "1.0.0-rc..."),
    ],
)
def test_a_version_that_fills_its_field_is_told_as_cut_off(field: bytes, says: str) -> None:
    card = kit.production_card(kit.control_card())
    fields = {"meter_no": 1, "esam": bytes(8), "done": 0, "passed": 0, "pulses": 0, "money_fen": 0}
    fields |= {"selfcheck": b"00000180", "version": field, "time": 2601050800}
    size = card_files.size_of(service_files.TEST_RESULT)
    result = card_files.pack(service_files.TEST_RESULT, fields)
    card.state.files[desk_files.TEST_RESULTS] = result + bytes(size * (desk_files.RESULTS - 1))
    assert f"version {says}, 2026" in dict(show(card))["meter 000000000001, ESAM 0000000000000000"]
