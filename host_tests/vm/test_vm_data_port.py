"""Rung 2: the meter is read over its data port while it meters; floods and rubbish cost nothing."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from dianka.bench.stage.stand import METER_NO, MS, USER, S, Stand
from dianka.firmware import BOARDS
from dianka.reading.frames import WAKE, Frame
from dianka.reading.items import BY_NAME
from port_kit import EARLIEST_US, LATEST_US, Master, Pty
from shared_line_kit import LineMeter

OWN = f"{METER_NO:012}"
# As many different ones as requests in a second, so each answer tells which request it is of.
NAMES = ("energy", "balance", "volts", "amperes", "power", "power-factor", "clock", "status",
         "purchase-amount", "alarm1")  # fmt: skip
FLOOD_S = 20


def flood(meter: Stand, master: Master) -> tuple[int, int]:
    """Ask ten times a second; return how many answers came, and the latest, in us."""
    master.heard.clear()
    asked: list[tuple[int, bytes]] = []
    for number in range(10 * FLOOD_S):
        name = BY_NAME[NAMES[number % len(NAMES)]].identifier.to_bytes(4, "little")
        began_us = meter.now_us
        asked.append((master.send(WAKE + Frame(OWN, 0x11, name).encode()), name))
        meter.wait(began_us + 100 * MS - meter.now_us)
    meter.wait(1 * S)
    delays = []
    for began_us, answer in master.take_answers():
        assert answer.control == 0x91 and answer.address == OWN
        ended_us = max(at for at, name in asked if name == answer.data[:4] and at < began_us)
        delays.append(began_us - ended_us)
        assert EARLIEST_US <= delays[-1] <= LATEST_US
    return len(delays), max(delays)


@pytest.mark.parametrize("board", ["rp2_pico", "rp2_pico2"])
def test_ten_requests_a_second_and_rubbish_cost_no_pulse(
    tmp_path: Path, board: str, record_property: Callable[[str, object], None]
) -> None:
    with LineMeter(tmp_path, board) as meter:
        master = Master(meter)
        count, latest_us = flood(meter, master)
        assert count >= 3 * FLOOD_S, "the line has room for three requests and answers a second"
        figure = f"{board}: {count} answers in {FLOOD_S} s, after {latest_us // MS} ms at most"
        record_property("figure", figure)
        rubbish = Random(4).randbytes(2_400 // 11 * 5)
        meter.wait(master.send(rubbish) - meter.now_us)
        meter.wait(master.send(b"\x68" * 1_000) - meter.now_us)
        meter.wait(1 * S)
        assert isinstance(master.read(0x00010000), bytes)
        assert not [line for line in meter.lines if "Traceback" in line or "Error" in line]
        meter.check_energy()


def test_dianka_read_reads_it_through_a_terminal(tmp_path: Path) -> None:
    with LineMeter(tmp_path, "rp2_pico") as meter:
        terminal = Pty(Master(meter))
        words = ("--port", terminal.name, "--json", "energy", "balance", "purchases", "volts:2")
        with subprocess.Popen(
            [sys.executable, "-m", "dianka", "read", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as client:  # fmt: skip
            terminal.serve(lambda: client.poll() is None)
            out, err = client.communicate(timeout=20)
        terminal.close()
        assert client.returncode == 0, err
        found = json.loads(out)
        assert found.pop("meter") == OWN
        assert found["purchases"] == {"value": "1", "unit": ""}
        assert found["volts:2"] == {"refused": "the meter has no such data"}
        assert found["balance"]["value"] in {text.strip() for text in meter.watch_display(1 * S)}
        pulses = meter.rig.bench.chip.pulses * meter.rig.bench.chip.params.pulse_pj
        assert 0 <= pulses / 3.6e18 - float(found["energy"]["value"]) < 0.02


def test_an_esp32_with_pulses_alone_has_the_port_and_with_a_chip_none(tmp_path: Path) -> None:
    with Stand(tmp_path / "pulses", "vm", BOARDS / "esp32_devkit", metering="pulse_meter") as stand:
        stand.set_up()
        stand.sell(1_000)
        stand.serve(USER)
        master = Master(stand)
        assert master.read(0x00900200) == bytes.fromhex("00100000")
        assert master.read(0x02010100) == 2
    with Stand(tmp_path / "chip", "vm", BOARDS / "esp32_devkit") as stand:
        stand.switch_mains_on()
        port = stand.rig.bench.mcu.get_uart(1)
        assert port.format and port.format.baud == 4800, "the HLW8032 has it"
