"""The HLW8032 model's faults: each is really on the wire, and gone after the reports asked for."""

import pytest

from dianka.bench.models.hlw8032 import LINE
from dianka.bench.models.hlw8032_frame import PLANTED, Fault
from hlw_rig import HlwRig, number, sound


def one(fault: Fault) -> tuple[bytes, bytes, bytes]:
    """What a spoilt report looks like, the sound one in its place, and the one after it."""
    sane, rig = HlwRig(), HlwRig()
    for each in (sane, rig):
        each.mains.set_load(2_200_000)
        each.after(1_000_000)
    rig.chip.inject(fault)
    good = sane.after(210_000)
    bad = rig.after(210_000)
    return bad[: len(bad) - 24], good[:24], bad[-24:]


@pytest.mark.parametrize("fault", [f for f in Fault if f is not Fault.FROZEN])
def test_each_fault_is_on_the_wire_once(fault: Fault) -> None:
    bad, good, following = one(fault)
    assert bad != good
    assert sound(good)
    assert sound(following)


def test_faults_under_a_right_sum() -> None:
    expected = {Fault.STATE_AA: 0xAA, Fault.PARAMS_UNUSABLE: 0xF1}
    for fault in (
        Fault.STATE_AA,
        Fault.PARAMS_UNUSABLE,
        Fault.NOT_UPDATED,
        Fault.ABSURD_VOLTAGE,
        Fault.WRONG_PPARAM,
    ):
        bad, good, _ = one(fault)
        assert sound(bad), fault
        assert bad[0] == expected.get(fault, 0x55)
        assert bad[21:23] == good[21:23]
    assert one(Fault.NOT_UPDATED)[0][20] == 0x01
    assert 187_000 * 1.88 / number(one(Fault.ABSURD_VOLTAGE)[0], 5) > 100_000
    assert number(one(Fault.WRONG_PPARAM)[0], 14) == 0x5CC458
    assert number(one(Fault.ZERO_REGISTER)[0], 11) == 0


def test_faults_of_the_line() -> None:
    bad, good, _ = one(Fault.CHECKSUM)
    assert bad[:23] == good[:23]
    assert not sound(bad)
    assert len(one(Fault.BYTE_DROPPED)[0]) == 23
    assert len(one(Fault.BYTE_INSERTED)[0]) == 25
    bad, good, _ = one(Fault.PARITY)
    assert len(bad) == 24
    assert sum((a ^ b).bit_count() for a, b in zip(bad, good, strict=True)) == 3
    bad, good, _ = one(Fault.NOISE)
    assert bad[:24] == good
    assert 25 <= len(bad) <= 32


def test_a_frozen_chip_is_silent_and_goes_on_counting() -> None:
    rig = HlwRig()
    rig.mains.set_load(9_458_280)
    rig.chip.inject(Fault.FROZEN, 3)
    assert rig.after(100_000 + 3 * 105_000) == b""
    frame = rig.after(55_000)
    assert (sound(frame), frame[21] << 8 | frame[22]) == (True, 415)
    rig.chip.inject(Fault.FROZEN, 9)
    rig.chip.inject(Fault.FROZEN, 0)
    assert sound(rig.after(105_000))


def test_planted_headers_stand_inside_the_report() -> None:
    rig = HlwRig(PLANTED)
    frame = rig.after(155_000)
    assert sound(frame)
    assert [at for at in range(24) if frame[at : at + 2] == b"\x55\x5a"] == [3, 9, 15]


def test_a_closed_or_misread_port_gets_no_report() -> None:
    rig = HlwRig()
    rig.port.format = None
    assert rig.after(1_000_000) == b""
    rig.port.configure(type(LINE)(9600, 8, 0, 1))
    rig.clock.advance(1_150_000)
    assert bytes(rig.port.received)[1:2] != b"\x5a"
