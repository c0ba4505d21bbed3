"""A reader that others have written, `python-dlt645`, reads the meter."""

from pathlib import Path

import pytest

import dlt645
from meter_kit import MeterKit, S, in_use
from port_kit import Master


class Wire:
    """A file-like object, as that reader wants one, whose other end is the meter's data port."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._heard = b""

    def write(self, data: bytes) -> None:
        self._heard, _ = self._master.exchange(data)

    def read(self, count: int) -> bytes:
        data, self._heard = self._heard[:count], self._heard[count:]
        return data


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    kit = MeterKit.new(tmp_path)
    in_use(kit, 2_000)
    kit.rig.set_load(6_600_000)
    kit.wait(60 * S)
    kit.rig.set_load(0)
    kit.wait(2 * S)
    return Wire(Master(kit))


def test_it_finds_the_address_and_reads_energy_balance_and_an_error(wire: Wire) -> None:
    kit = wire._master.stand
    address = dlt645.get_addr(wire)
    assert address == "000000000012"
    assert dlt645.get_active_energy(address, wire) == pytest.approx(
        kit.state.energy_pj / 3.6e18, abs=0.01
    )
    for identifier, value in (
        ("00900200", f"{kit.state.balance_fen:08}"),
        ("04001001", "00000100"),
    ):
        frame = dlt645.Frame(address)
        frame.data = identifier
        dlt645.write_frame(wire, frame)
        answer = dlt645.read_frame(dlt645.iogen(wire))
        assert answer.addr == address
        assert answer.data == value + identifier
    frame = dlt645.Frame(address)
    frame.data = "02800002"  # frequency, which this meter does not measure
    dlt645.write_frame(wire, frame)
    answer = dlt645.read_frame(dlt645.iogen(wire))
    assert answer.data == "02", "the error word"
