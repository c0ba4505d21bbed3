"""A meter with an ATT7022, and one with pulses alone, on rung 2; the virtual board's Counter."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dianka.bench.stage.stand import USER, S, Stand
from dianka.cli import app
from vm_bench import VmBench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VmBench]:
    with VmBench(tmp_path) as made:
        yield made


@pytest.mark.parametrize("metering", ["att7022", "pulse_meter"])
def test_a_meter_is_set_up_sells_and_charges(tmp_path: Path, metering: str) -> None:
    with Stand(tmp_path, "vm", metering=metering) as stand:
        stand.set_up()
        stand.sell(1_000)
        stand.serve(USER)
        stand.wait(15 * S)
        assert stand.relay_closed
        stand.rig.set_load(2_200_000)
        stand.wait(120 * S)
        stand.rig.set_load(0)
        stand.wait(2 * S)
        assert stand.rig.take_view().display.strip() == "9.97"  # 73.3 Wh at 0.50 yuan, from 10.00
        assert stand.list_violations() == []


def test_the_story_takes_the_chip_as_an_option(tmp_path: Path) -> None:
    story = tmp_path / "pulses.story"
    story.write_text('mains on\nwait 5 s\nexpect display "0.00" within 10 s\n', encoding="utf-8")
    runner = CliRunner()
    done = runner.invoke(app, ["bench", "play", str(story), "--metering", "pulse_meter"])
    assert done.exit_code == 0, done.stderr
    done = runner.invoke(app, ["bench", "play", str(story), "--metering", "hlw"])
    assert done.exit_code == 1
    assert done.stderr.startswith("no metering chip is called hlw: there are hlw8032, att7022,")


def test_a_counter_counts_rising_edges_that_last(bench: VmBench) -> None:
    wire = bench.mcu.get_pin(3)
    for number in range(10):
        bench.clock.call_at(1_000_000 + 100_000 * number, lambda: wire.set(1))
        bench.clock.call_at(1_000_020 + 100_000 * number, lambda: wire.set(0))
        bench.clock.call_at(1_050_000 + 100_000 * number, lambda: wire.set(1))
        bench.clock.call_at(1_050_005 + 100_000 * number, lambda: wire.set(0))
    lines = bench.run(
        """
        import time
        from machine import Counter, Pin
        every, long = Counter(0, Pin(3, Pin.IN)), Counter(1, Pin(3), filter_ns=12_700)
        time.sleep_ms(3000)
        print(every.value(), long.value())
        for wrong in ({"id": 8}, {"filter_ns": 13_000}, {"edge": 2}):
            try:
                Counter(wrong.pop("id", 0), Pin(3), **wrong)
            except ValueError as error:
                print(error)
        """
    )
    assert lines == [
        "20 10", "Counter(8) doesn't exist", "filter_ns",
        "the virtual board counts rising edges, upwards",
    ]  # fmt: skip
