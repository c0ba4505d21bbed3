"""Nobody writes where others do: the areas of the FRAM, and what a meter's life touches of them."""

from pathlib import Path

from meter_kit import USER, MeterKit, in_use
from parts import Parts

MAP = Parts().module("fram_map")


def areas() -> list[tuple[str, int, int]]:
    """(owner, first byte, byte after the last) of every area."""
    ring = MAP.JOURNAL_SLOTS * MAP.JOURNAL_SLOT_BYTES
    found = [("illegal cards", MAP.ILLEGAL_AT, MAP.ILLEGAL_AT + MAP.ILLEGAL_BYTES)]
    for half in MAP.HALVES:
        found.append(
            (
                "former journal",
                half + MAP.FORMER_JOURNAL_AT,
                half + MAP.FORMER_JOURNAL_AT + MAP.FORMER_JOURNAL_BYTES,
            )
        )
        found.append(("journal", half + MAP.JOURNAL_AT, half + MAP.JOURNAL_AT + ring))
        sets = half + MAP.TARIFF_AT
        found.append(("rules", half + MAP.RULES_AT, half + MAP.RULES_AT + MAP.RULES_BYTES))
        events = half + MAP.EVENTS_AT
        size = sum(MAP.EVENT_SLOTS) * MAP.EVENT_SLOT_BYTES
        found.append(("events", events, events + size))
        calibrations = MAP.CALIBRATION_SLOTS * MAP.CALIBRATION_SLOT_BYTES
        first = half + MAP.CALIBRATION_AT
        found.append(("calibration", first, first + calibrations))
        second = half + MAP.ATT_CALIBRATION_AT
        size = MAP.CALIBRATION_SLOTS * MAP.ATT_CALIBRATION_SLOT_BYTES
        found.append(("calibration of an ATT7022", second, second + size))
        uses = half + MAP.HISTORY_AT
        found.append(("use history", uses, uses + MAP.HISTORY_BYTES))
        reverse = half + MAP.REVERSE_AT
        found.append(("energy backwards", reverse, reverse + MAP.REVERSE_BYTES))
        found.append(("tariffs", sets, sets + MAP.TARIFF_SLOTS * MAP.TARIFF_SLOT_BYTES))
    return sorted(found, key=lambda area: area[1])


def test_no_two_areas_overlap() -> None:
    end = 0
    for owner, first, after in areas():
        assert first >= end, owner
        end = after
    assert end <= MAP.SIZE


def test_everybody_has_room_in_his_area() -> None:
    names = ("illegal_cards", "journal", "state")
    illegal, journal, state = (Parts().module(name) for name in names)
    assert illegal.RECORDS * illegal._SLOT <= MAP.ILLEGAL_BYTES
    assert journal._SEQUENCE + journal._LENGTH + state.SIZE + journal._CRC <= MAP.JOURNAL_SLOT_BYTES
    calibration = Parts().module("calibration")
    size = sum(size for _, size, _ in calibration.FIELDS)
    assert size == calibration.AREA[3] <= MAP.CALIBRATION_SLOT_BYTES - 4
    calibration = Parts().module("calibration_att")
    size = sum(size for _, size, _ in calibration.FIELDS)
    assert size == calibration.SIZE <= MAP.ATT_CALIBRATION_SLOT_BYTES - 4
    assert Parts().module("use_history").SIZE <= MAP.HISTORY_BYTES
    former = max(size for form, size in state.SIZES.items() if form < 3)
    assert (
        MAP.JOURNAL_SLOTS * (journal._SEQUENCE + former + journal._CRC) <= MAP.FORMER_JOURNAL_BYTES
    )


def test_a_meter_in_use_writes_in_its_areas_alone(tmp_path: Path) -> None:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 1000)
    assert kit.run_session(None).code
    assert kit.run_session(USER).code == 0
    content = bytearray(kit.rig.bench.fram.content)
    kit.close()
    blank = content[MAP.JOURNAL_AT + MAP.JOURNAL_SLOTS * MAP.JOURNAL_SLOT_BYTES]
    for _, first, after in areas():
        content[first:after] = bytes([blank]) * (after - first)
    assert set(content) == {blank}
