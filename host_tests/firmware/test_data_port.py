"""The data port of a running meter: functions, errors, addresses, the clock by broadcast."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dianka.bench.stage.rig import EPOCH
from dianka.reading.frames import ANY, WAKE, Frame, decode
from dianka.reading.items import BY_NAME
from meter_kit import INIT_DATA, USER_DATA, MeterKit, S, in_use
from port_frames import ASK_ADDRESS, CAPTURED, METER_NO
from port_kit import FORM, Master

OWN = f"{METER_NO:012}"
ENERGY = bytes.fromhex("00000100")
EVERYBODY = "999999999999"


def new(folder: Path) -> MeterKit:
    kit = MeterKit.new(
        folder, replace(INIT_DATA, meter_no=METER_NO), replace(USER_DATA, meter_no=METER_NO)
    )
    in_use(kit, 2_000)
    kit.pull()
    return kit


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeterKit]:
    with new(tmp_path_factory.mktemp("port")) as made:
        yield made


@pytest.fixture
def master(kit: MeterKit) -> Master:
    return Master(kit)


def test_nothing_is_imported_before_the_first_byte(tmp_path: Path) -> None:
    with new(tmp_path) as kit:
        kit.wait(5 * S)
        late = {"data_port", "dlt645", "readings", "reading_records"}
        assert not late & set(kit.modules)
        master = Master(kit)
        assert master.read(0x03330301) == bytes.fromhex("00200000"), "late, but in time"
        assert late <= set(kit.modules)
        kit.rig.cut_power()
        kit.restart()
        assert master.ask(0x13, address="000000000007") is None
        assert late & set(kit.modules) == {"data_port", "dlt645"}
        assert master.read(0x00010000) == bytes(4)
        assert late & set(kit.modules) == late - {"reading_records"}
        assert master.read(0x03330201) == b"\x01\0"
        assert late <= set(kit.modules)


def test_it_answers_captured_requests_byte_for_byte(kit: MeterKit, master: Master) -> None:
    """The meter is given the number and the readings of the one whose frames were published."""
    state, chip, pj_per_kwh = kit.state, kit.meter.chip, kit.modules["account"].PJ_PER_KWH
    kept = state.energy_pj
    for request, answer, name, _ in CAPTURED[:5]:
        raw = WAKE + bytes.fromhex(request)
        over_us = master.send(raw)
        kit.wait(over_us - kit.now_us)
        state.energy_pj = pj_per_kwh * 26 // 100
        poll, chip.poll = chip.poll, lambda: False
        if name == "power-factor":  # of the same meter, some minutes later
            chip.voltage_mv, chip.current_ma, chip.power_mw = 100_100, 5_008, 251_200
        else:
            chip.voltage_mv, chip.current_ma, chip.power_mw = 100_100, 4_999, 251_200
        master.heard.clear()
        kit.wait(1 * S)
        chip.poll = poll
        assert bytes(value for _, value in master.heard) == WAKE + bytes.fromhex(answer), name
    state.energy_pj = kept
    kit.wait(1 * S)
    raw, _ = master.exchange(bytes.fromhex(ASK_ADDRESS))
    assert decode(raw) == Frame(OWN, 0x93, bytes.fromhex("610100000000"))
    assert master.formats == {FORM}


@pytest.mark.parametrize(
    ("control", "data", "error"),
    [
        (0x11, "", 2),
        (0x11, "000001", 2),
        (0x11, "00000100" + "01", 2),
        (0x11, "FF000100", 2),
        (0x11, "FFFFFFFF", 2),
        (0x12, "0000010001", 2),
        (0x14, "01100004" + "02000000" + "00000000" + "00000000", 4),
        (0x16, "99999999", 4),
        (0x17, "08", 8),
        (0x18, "040C0000" * 3, 4),
        (0x19, "0200000000000000", 4),
        (0x1A, "0200000000000000", 4),
        (0x1B, "0200000000000000FFFFFFFF", 4),
        (0x1C, "0200000000000000" + "1A00" + "595923310126", 4),
    ],
)
def test_what_is_not_there_and_what_would_change_something_is_refused(
    master: Master, control: int, data: str, error: int
) -> None:
    before = vars(master.stand.state).copy()
    answer = master.ask(control, bytes.fromhex(data), OWN)
    assert answer == Frame(OWN, control | 0xC0, bytes((error,)))
    after = vars(master.stand.state)
    assert {name for name in before if before[name] != after[name]} <= {"register"}


@pytest.mark.parametrize(
    ("address", "control", "data"),
    [
        (ANY, 0x15, "120000000000"),  # a new address: the standard has no error for it
        (ANY, 0x13, "00"),
        (ANY, 0x00, ""),
        (ANY, 0x01, "1090"),  # DL/T 645-1997
        (ANY, 0x03, "FF000007"),
        (ANY, 0x1D, ""),
        (OWN, 0x08, "000000050126"),  # not to everybody
        (OWN, 0x91, "00000100"),  # another meter's answers
        (OWN, 0xD1, "02"),
        (OWN, 0x31, "00000100"),
        ("000000000162", 0x11, "00000100"),
        ("100000000161", 0x11, "00000100"),
        ("AAAAAAAAAA62", 0x11, "00000100"),
        ("AA00000001AA", 0x11, "00000100"),
        (EVERYBODY, 0x11, "00000100"),
        (EVERYBODY, 0x13, ""),
        (EVERYBODY, 0x16, "99999999"),
        (EVERYBODY, 0x14, "00000000"),
    ],
)
def test_silence(master: Master, address: str, control: int, data: str) -> None:
    assert master.ask(control, bytes.fromhex(data), address) is None


@pytest.mark.parametrize("address", [OWN, ANY, "AAAAAAAAAA61", "AAAA00000161", "AAAAAAAA0161"])
def test_aa_in_place_of_the_highest_digits_stands_for_any(master: Master, address: str) -> None:
    answer = master.ask(0x11, ENERGY, address)
    assert answer and answer.address == OWN and answer.control == 0x91


def test_one_request_after_the_other_is_answered_and_none_in_between(
    kit: MeterKit, master: Master
) -> None:
    """Half duplex: what comes while an answer is due or on its way is dropped."""
    raw = WAKE + Frame(OWN, 0x11, ENERGY).encode()
    master.heard.clear()
    for _ in range(3):
        kit.wait(master.send(raw) - kit.now_us)
    kit.wait(1 * S)
    assert len(master.take_answers()) == 1
    for _ in range(5):
        answer = master.ask(0x11, ENERGY)
        assert answer and answer.control == 0x91


def test_a_frame_whose_bytes_are_far_apart_is_dropped(kit: MeterKit, master: Master) -> None:
    raw = Frame(OWN, 0x11, ENERGY).encode()
    for gap_us, answered in ((400_000, True), (800_000, False)):
        master.heard.clear()
        kit.wait(master.send(raw[:9]) - kit.now_us + gap_us)
        kit.wait(master.send(raw[9:]) - kit.now_us + 500_000)
        assert bool(master.heard) == answered
    assert master.ask(0x11, ENERGY)


def test_a_meter_that_has_not_read_its_state_is_silent(tmp_path: Path) -> None:
    with new(tmp_path) as kit:
        kit.rig.cut_power()
        kit.rig.bench.fram.mute = True
        kit.restart()
        assert kit.meter.store.unread
        master = Master(kit)
        assert master.ask(0x13) is None and master.ask(0x11, ENERGY) is None
        kit.rig.bench.fram.mute = False
        kit.wait(15 * S)
        assert not kit.meter.store.unread
        assert master.ask(0x13)


# ****** The clock ******


def tell_time(master: Master, at: datetime) -> None:
    """Broadcast this time, local, as from the end of the frame on."""
    pairs = at.strftime("%S%M%H%d%m%y")
    assert master.ask(0x08, bytes.fromhex(pairs), EVERYBODY) is None


def local_time(kit: MeterKit) -> datetime:
    return EPOCH + timedelta(hours=8, seconds=kit.rig.bench.clock_chip.time_s)


def set_chip(kit: MeterKit, at: datetime) -> None:
    kit.rig.bench.clock_chip.set(int((at - EPOCH - timedelta(hours=8)).total_seconds()))


DAY = datetime(2026, 1, 7, 12, 0, 0)


@pytest.fixture
def noon(kit: MeterKit, master: Master) -> Iterator[Master]:
    """A meter whose clock was not set on this day yet: each test has a day of its own."""
    global DAY
    DAY += timedelta(days=1)
    set_chip(kit, DAY)
    yield master


@pytest.mark.parametrize("off_s", [-290, -1, 30, 290])
def test_the_clock_is_set_once_a_day_and_that_is_logged(
    kit: MeterKit, noon: Master, off_s: int
) -> None:
    before = local_time(kit)
    tell_time(noon, before + timedelta(seconds=off_s))
    passed = timedelta(seconds=2)
    assert abs(local_time(kit) - before - timedelta(seconds=off_s)) <= passed
    data = noon.read(0x03300401)
    assert isinstance(data, bytes)
    was, _, now = BY_NAME["clock-set"].decode(data).partition(" -> ")
    assert datetime.fromisoformat(now) == before + timedelta(seconds=off_s)
    assert timedelta(0) <= datetime.fromisoformat(was) - before <= passed
    after = local_time(kit)
    tell_time(noon, after + timedelta(seconds=60))
    assert abs(local_time(kit) - after) <= passed, "set twice in a day"
    kit.cut_now()
    kit.restart()
    kit.pull()
    after = local_time(kit)
    tell_time(Master(kit), after + timedelta(seconds=60))
    assert abs(local_time(kit) - after) <= passed, "a power cut has it set again"


@pytest.mark.parametrize("off_s", [-304, 304, 3600, -86_400, 86_400])
def test_a_time_that_is_far_off_is_not_followed(kit: MeterKit, noon: Master, off_s: int) -> None:
    before = local_time(kit)
    tell_time(noon, before + timedelta(seconds=off_s))
    assert abs(local_time(kit) - before) <= timedelta(seconds=2)


@pytest.mark.parametrize(
    ("clock", "told"),
    [("23:58:00", "00:01:00"), ("00:02:00", "23:59:00"), ("23:54:00", "23:56:00"),
     ("23:57:00", "23:53:00"), ("00:03:00", "00:07:00"), ("00:06:00", "00:04:00")],
)  # fmt: skip
def test_nothing_is_set_within_5_minutes_of_midnight(
    kit: MeterKit, noon: Master, clock: str, told: str
) -> None:
    hour, minute, second = map(int, clock.split(":"))
    at = DAY.replace(hour=hour, minute=minute, second=second)
    set_chip(kit, at)
    hour, minute, second = map(int, told.split(":"))
    other = at.replace(hour=hour, minute=minute, second=second)
    other += timedelta(days=round((at - other) / timedelta(days=1)))
    assert abs(other - at) < timedelta(minutes=5)
    tell_time(noon, other)
    assert abs(local_time(kit) - at) <= timedelta(seconds=2)


@pytest.mark.parametrize(
    "data", ["", "0000120126", "60001207012600", "AA0012070126", "00601207AB26", "000012300226"]
)
def test_what_is_no_time_is_not_followed(kit: MeterKit, noon: Master, data: str) -> None:
    before = local_time(kit)
    assert noon.ask(0x08, bytes.fromhex(data), EVERYBODY) is None
    assert abs(local_time(kit) - before) <= timedelta(seconds=2)
    assert noon.ask(0x13)


def test_a_clock_that_tells_no_time_is_not_set(tmp_path: Path) -> None:
    with new(tmp_path) as kit:
        kit.rig.bench.clock_chip.battery = False
        kit.rig.cut_power()
        kit.restart()
        assert kit.rig.bench.clock_chip.osf
        master = Master(kit)
        tell_time(master, local_time(kit))
        assert kit.rig.bench.clock_chip.osf
        assert master.read(0x04000101) == 1 and master.ask(0x13)
