"""The HLW8032 model: captured reports, registers worked by hand, the exact pulse count, timing."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dianka.bench.models.clock import Clock
from dianka.bench.models.hlw8032 import Hlw8032Model
from dianka.bench.models.hlw8032_frame import Params, build, compute_checksum
from dianka.bench.models.mains import Mains
from dianka.bench.models.wires import SerialPort, Wire
from hlw_rig import HlwRig, number, sound

NO_LOAD = bytes.fromhex("F25A02DA78071AE0003D3B03ECF54CC4589C2A3961000079")
NO_LOAD_LATER = bytes.fromhex("F25A02DA78071AE0003D3B03ECF54CC4589DC29F61000078")
ISOLATED = bytes.fromhex("FA5A02EEC8FEFF01003F66000000512188FADB2901000054")


@pytest.mark.parametrize("frame", [NO_LOAD, NO_LOAD_LATER, ISOLATED])
def test_captured_reports_have_the_sum_that_the_model_makes(frame: bytes) -> None:
    assert compute_checksum(frame) == frame[23]
    params = Params(number(frame, 2), number(frame, 8), number(frame, 14))
    registers = number(frame, 5), number(frame, 11), number(frame, 17)
    assert build(frame[0], params, registers, frame[20], frame[21] << 8 | frame[22]) == frame


def test_registers_worked_by_hand() -> None:
    rig = HlwRig()
    rig.mains.set_load(2_200_000)
    frame = rig.chip.build_frame_now()
    assert (frame[0], frame[20]) == (0x55, 0x71)
    assert (number(frame, 2), number(frame, 8), number(frame, 14)) == (187_000, 15_675, 5_031_000)
    assert number(frame, 5) == 1598  # 187000 * 1.88 / 220 V
    assert number(frame, 11) == 1567  # 15675 / 10 A
    assert number(frame, 17) == 4299  # 5031000 * 1.88 / 2200 W: the pulse period in microseconds


def test_current_register_is_as_fine_as_the_power_register() -> None:
    rig = HlwRig()
    rig.mains.set_load(1000, 500)
    # 15675 * 220 V * 0.5 / 1 W, though the current is 9.09 mA.
    assert number(rig.chip.build_frame_now(), 11) == 1_724_250


def test_no_load_and_no_voltage_are_overflows_with_running_counts() -> None:
    rig = HlwRig()
    rig.clock.advance(3_000_000)
    frame = rig.chip.build_frame_now()
    assert (frame[0], frame[20]) == (0xF6, 0x41)
    assert number(frame, 11) == number(frame, 17) == 3_000_000
    rig.mains.switch(False)
    assert (rig.chip.build_frame_now()[0], rig.chip.build_frame_now()[20]) == (0xFE, 0x01)
    rig.mains.switch(True)
    # 5031000 * 1.88 / 0.3 W is more than the register holds; 1.4 mA is not too little.
    rig.mains.set_load(300)
    assert (rig.chip.build_frame_now()[0], rig.chip.build_frame_now()[20]) == (0xF2, 0x61)


def test_reports_come_every_105_ms_and_their_bytes_at_their_time() -> None:
    rig = HlwRig()
    assert rig.after(154_999) == b""
    first = rig.after(1)
    assert sound(first)
    assert rig.after(104_999) == b""
    assert sound(rig.after(1))
    assert rig.after(50_000) == b""  # the next has just begun
    rig.clock.advance(rig.clock.now_us + 2291)
    rig.chip.settle()
    assert not rig.port.received  # a byte takes 2291.67 us
    rig.clock.advance(rig.clock.now_us + 1)
    rig.chip.settle()
    assert len(rig.port.received) == 1
    rig.clock.advance(rig.clock.now_us + 22_000)
    rig.chip.settle()
    assert len(rig.port.received) == 10
    assert sound(rig.after(55_000 - 24_292))
    assert rig.chip.frames_sent == 3


def test_the_count_is_the_one_at_the_report_s_beginning() -> None:
    rig = HlwRig()
    rig.mains.set_load(9_458_280)  # one pulse a millisecond
    frame = rig.after(155_000)
    assert frame[21] << 8 | frame[22] == 100
    assert rig.chip.pulses == 155


def test_one_kilowatt_hour_is_380618_pulses_and_a_bit() -> None:
    rig = HlwRig()
    rig.mains.set_load(1_000_000)
    rig.port.format = None
    rig.clock.advance(3_600_000_000)
    assert rig.chip.pulses == 380_618  # 3.6e12 / (5031000 * 1.88) = 380618.89


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 13_200_000), st.integers(0, 50_000_000)), min_size=1, max_size=8
    )
)
def test_count_and_its_wrap_follow_the_energy(steps: list[tuple[int, int]]) -> None:
    clock = Clock(5)
    mains = Mains(clock)
    mains.set_load(700_000)
    clock.advance(1_000_000)  # energy before the chip's power-up does not count
    chip = Hlw8032Model(clock, mains, SerialPort(clock))
    energy_nj = 0
    for power_mw, duration_us in steps:
        mains.set_load(power_mw)
        clock.advance(clock.now_us + duration_us)
        energy_nj += power_mw * duration_us
        wraps, count = divmod(energy_nj * 1000 // (5_031_000 * 1880 * 1000), 65_536)
        frame = chip.build_frame_now()
        assert (frame[20] >> 7, frame[21] << 8 | frame[22]) == (wraps & 1, count)


def test_bit_7_turns_over_at_each_wrap() -> None:
    rig = HlwRig()
    rig.mains.set_load(9_458_280)
    seen = []
    for _ in range(3):
        rig.after(65_535_000)
        seen.append((rig.chip.build_frame_now()[20] >> 7, rig.chip.build_frame_now()[21:23].hex()))
        rig.after(1000)
        seen.append((rig.chip.build_frame_now()[20] >> 7, rig.chip.build_frame_now()[21:23].hex()))
    assert seen == [(0, "ffff"), (1, "0000"), (1, "ffff"), (0, "0000"), (0, "ffff"), (1, "0000")]


def test_power_off_cuts_the_report_and_the_count() -> None:
    rig = HlwRig()
    rig.mains.set_load(9_458_280)
    rig.after(100_000)
    rig.clock.advance(110_000)
    rig.chip.power_off()
    assert rig.after(1_000_000) == bytes((0x55, 0x5A, 0x02, 0xDA))  # four bytes in 10 ms
    rig.chip.power_on()
    assert rig.chip.pulses == 0
    assert rig.after(154_999) == b""
    assert rig.after(1)[21:23] == bytes((0, 100))


def test_a_restart_is_silent_for_100_ms_and_counts_from_0() -> None:
    rig = HlwRig()
    rig.mains.set_load(9_458_280)
    assert len(rig.after(10_000_000)) == 24 * 94
    rig.chip.restart()
    assert len(rig.after(0)) == 13  # the report of 9.97 s ends after 30 ms
    assert rig.after(154_999) == b""
    assert rig.after(1)[20:23] == bytes((0x71, 0, 100))


def test_pulse_pin_turns_twice_a_pulse_whatever_the_load_does() -> None:
    wire = Wire("PF")
    rig = HlwRig(wire=wire)
    edges: list[tuple[int, int]] = []
    wire.listeners.append(lambda level: edges.append((rig.clock.now_us, level)))
    rig.mains.set_load(9_458_280)
    rig.after(1_600)
    assert edges == [(500, 1), (1000, 0), (1500, 1)]
    rig.mains.set_load(4_729_140)  # half: 0.6 of a pulse is done, 0.4 takes 800 us
    rig.after(800)
    assert edges[-1] == (2400, 0)
    rig.mains.set_load(0)
    rig.after(1_000_000)
    assert len(edges) == 4
    rig.mains.set_load(123_457)
    rig.after(100_000_000)
    assert len(edges) // 2 == rig.chip.pulses


def test_an_idle_hour_costs_well_under_a_second() -> None:
    rig = HlwRig()
    rig.mains.set_load(100_000)
    begin = time.perf_counter()
    for _ in range(34_286):
        rig.clock.advance(rig.clock.now_us + 105_000)
        rig.port.received.clear()
    # 1000 times real time: generous, since the computer may be busy.
    assert time.perf_counter() - begin < 3.6
