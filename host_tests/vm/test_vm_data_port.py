"""Rung 2: the meter is read over its data port while it meters; floods and rubbish cost nothing."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

from dianka.bench.stage.stand import METER_NO, MS, S, Stand
from dianka.firmware import BOARDS
from dianka.reading.frames import WAKE, Frame
from dianka.reading.items import BY_NAME
from port_kit import EARLIEST_US, LATEST_US, Master, Pty
from shared_line_kit import LineMeter, set_up_fast

OWN = f"{METER_NO:012}"
# As many different ones as requests in a second, so each answer tells which request it is of.
NAMES = ("energy", "balance", "volts", "amperes", "power", "power-factor", "clock", "status",
         "purchase-amount", "alarm1")  # fmt: skip
FLOOD_S = 10


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


def read_through_terminal(master: Master, *words: str) -> dict:
    """Return what `dianka read` finds, a process of its own at the other end of the line."""
    terminal = Pty(master)
    command = [sys.executable, "-m", "dianka", "read", "--json", "--port", terminal.name, *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as client:
        terminal.serve(lambda: client.poll() is None)
        out, err = client.communicate(timeout=20)
    terminal.close()
    assert client.returncode == 0, err
    return json.loads(out)


def test_requests_rubbish_and_dianka_read_cost_no_pulse(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    set_up_fast(tmp_path, "rp2_pico")
    with LineMeter(tmp_path, "rp2_pico", in_use=True) as meter:
        master = Master(meter)
        count, latest_us = flood(meter, master)
        assert count >= 3 * FLOOD_S, "the line has room for three requests and answers a second"
        record_property(
            "figure",
            f"data port: 10 requests a second for {FLOOD_S} s, {count} answered after "
            f"{latest_us // MS} ms at most, 0 pulses lost",
        )
        meter.wait(master.send(Random(4).randbytes(1_000)) - meter.now_us)
        meter.wait(master.send(b"\x68" * 1_000) - meter.now_us)
        meter.wait(1 * S)
        found = read_through_terminal(master, "energy", "balance", "purchases", "volts:2")
        assert found.pop("meter") == OWN
        assert found["purchases"] == {"value": "1", "unit": ""}
        assert found["volts:2"] == {"refused": "the meter has no such data"}
        assert found["balance"]["value"] in {text.strip() for text in meter.watch_display(1 * S)}
        pulses_pj = meter.rig.bench.chip.pulses * meter.rig.bench.chip.params.pulse_pj
        assert 0 <= pulses_pj / 3.6e18 - float(found["energy"]["value"]) < 0.02
        assert not [line for line in meter.lines if "Traceback" in line or "Error" in line]
        meter.check_energy()


def test_an_esp32_with_pulses_alone_has_the_port_and_with_a_chip_none(tmp_path: Path) -> None:
    board = BOARDS / "esp32_devkit"
    set_up_fast(tmp_path / "pulses", "esp32_devkit", "pulse_meter")
    with Stand(tmp_path / "pulses", "vm", board, metering="pulse_meter") as stand:
        stand.switch_mains_on()
        master = Master(stand)
        assert master.read(0x00900200) == bytes.fromhex("00100000")
        assert master.read(0x02010100) == 2
    (tmp_path / "chip").mkdir()
    with Stand(tmp_path / "chip", "vm", board) as stand:
        stand.switch_mains_on()
        port = stand.rig.bench.mcu.get_uart(1)
        assert port.format and port.format.baud == 4800, "the HLW8032 has it"
