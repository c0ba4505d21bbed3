"""Rung 3: the real MicroPython boots on the emulated RP2040.

Its flash, its watchdog and its time.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chip_bench import ChipBench
from dianka.bench.rungs.rp2040 import ChipError
from dianka.bench.rungs.rp2040.emulator import Emulator
from dianka.bench.rungs.rp2040.files import build_files_image, read_files
from dianka.bench.rungs.rp2040.flash import FlashOperation
from dianka.bench.rungs.rp2040.image import FILES_AT, find_image, load_image

COUNT_BOOTS = """
    import time
    time.sleep_ms(30)
    try:
        boots = int(open("boots").read())
    except OSError:
        boots = 0
    with open("boots.new", "w") as file:
        file.write("%600d" % (boots + 1))
    import os
    os.rename("boots.new", "boots")
    print("boot", boots + 1)
    while True:
        time.sleep_ms(1000)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ChipBench]:
    with ChipBench(tmp_path, "tm1638", "account") as made:
        yield made


def test_it_boots_and_finds_the_compiled_firmware(bench: ChipBench) -> None:
    lines = bench.run(
        """
        import machine, os, sys, time
        time.sleep_ms(30)
        print(sys.implementation.version[:2] >= (1, 28), sys.platform, machine.freq(), \
machine.reset_cause())
        print(sorted(os.listdir()))
        import account
        print(account.__file__)
        """
    )
    assert lines == [
        "True rp2 125000000 1",
        "['account.mpy', 'main.py', 'tm1638.mpy']",
        "account.mpy",
    ]
    assert bench.runner.ended == "exit"  # it fell out into the REPL


def test_the_repl_runs_what_it_is_told_and_reports_what_went_wrong() -> None:
    image = load_image(find_image())
    emulator = Emulator(image.ljust(FILES_AT, b"\xff") + build_files_image({"hello.txt": b"hi"}))
    assert emulator.execute("print(open('hello.txt').read(), 6 * 7)") == "hi 42\n"
    with pytest.raises(ChipError, match="ZeroDivisionError"):
        emulator.execute("1 // 0")
    assert emulator.execute("print('alive')") == "alive\n"


def test_bench_and_chip_have_one_time(bench: ChipBench) -> None:
    bench.clock.advance(5_000_000)
    ticks: list[int] = []
    bench.mcu.get_pin(2).listeners.append(
        lambda level: ticks.append(bench.clock.now_us - 5_000_000)
    )
    bench.boot(
        """
        import time
        from machine import Pin
        pin = Pin(2, Pin.OUT, value=0)
        while True:
            time.sleep_us(10_000 - time.ticks_us() % 10_000)
            pin.toggle()
        """
    )
    assert bench.runner.run_until(5_203_000)
    assert bench.clock.now_us == 5_203_000
    assert len(ticks) >= 10
    assert all(at % 10_000 < 100 for at in ticks)


def test_a_kill_leaves_the_flash_and_a_start_boots_it(bench: ChipBench) -> None:
    bench.boot(COUNT_BOOTS)
    for boots in (1, 2, 3):
        assert bench.runner.run_until(bench.clock.now_us + 3_000_000), bench.runner.story
        assert bench.lines[-1] == f"boot {boots}"
        bench.runner.kill()
        assert bench.runner.ended == "killed"
        assert bench.runner.files["boots"] == b"%600d" % boots
        bench.runner.start()


def test_a_kept_flash_is_taken_up_again_unless_the_firmware_is_another(
    tmp_path: Path, bench: ChipBench
) -> None:
    kept = tmp_path / "chip.flash"
    bench.boot(COUNT_BOOTS)
    bench.runner.run_until(500_000)
    bench.runner.save_flash(kept)
    (tmp_path / "again").mkdir()
    with ChipBench(tmp_path / "again", "tm1638", "account") as again:
        main = again.folder / "main.py"
        main.write_bytes((bench.folder / "main.py").read_bytes())
        again.runner.load_flash(kept)
        assert again.runner.files["boots"] == b"%600d" % 1
    (tmp_path / "other").mkdir()
    with ChipBench(tmp_path / "other", "tm1638") as other:
        other.runner.load_flash(kept)
        assert "boots" not in other.runner.files


@pytest.mark.parametrize("landed", [10, 256])
def test_power_can_go_at_every_flash_operation_and_the_file_is_old_or_new(
    bench: ChipBench, landed: int
) -> None:
    bench.boot(COUNT_BOOTS)
    bench.runner.run_until(500_000)
    bench.runner.kill()
    before = bench.runner.flash
    operations: list[FlashOperation] = []
    bench.runner.on_flash = operations.append
    after(bench, before)
    assert {operation.kind for operation in operations} == {"erase", "program"}
    outcomes: list[int] = []
    for strike in range(len(operations)):
        countdown = iter(range(strike, -1, -1))
        bench.runner.on_flash = lambda operation, countdown=countdown: (
            None if next(countdown) else landed
        )
        after(bench, before)
        assert bench.runner.ended == "power cut"
        torn = bench.runner.flash
        outcomes.append(int(bench.runner.files["boots"]))
        bench.runner.on_flash = None
        after(bench, torn)
        assert int(bench.runner.files["boots"]) == outcomes[-1] + 1, bench.runner.story
    done = int(landed == 256)  # the last operation is the one that counts
    assert outcomes == [1] * (len(outcomes) - done) + [2] * done


def after(bench: ChipBench, flash: bytes) -> None:
    """Half a second of the firmware on this flash."""
    bench.runner.flash = flash
    bench.runner.start()
    bench.runner.run_until(bench.clock.now_us + 500_000)
    bench.runner.kill()


def test_a_cut_in_the_middle_of_an_erase_tears_it(bench: ChipBench) -> None:
    bench.boot(COUNT_BOOTS)
    bench.runner.run_until(500_000)
    seen: list[FlashOperation] = []

    def watch(operation: FlashOperation) -> None:
        if operation.kind == "erase" and operation.before != operation.after:
            seen.append(operation)
            bench.clock.call_after(20_000, bench.mcu.die)

    bench.runner.on_flash = watch
    for _ in range(5):
        bench.runner.start()
        if not bench.runner.run_until(bench.clock.now_us + 500_000):
            break
    assert bench.runner.ended == "power cut"
    (torn,) = seen
    now = bench.runner.flash[torn.address : torn.address + 4096]
    assert now[:1000] == b"\xff" * 1000
    assert now[2000:] == torn.before[2000:]


def test_erase_and_program_take_the_time_of_the_real_chip(bench: ChipBench) -> None:
    lines = bench.run(
        """
        import rp2, time
        time.sleep_ms(30)
        flash, page = rp2.Flash(), bytearray(b"x" * 4096)
        t = time.ticks_us()
        flash.ioctl(6, 300)
        print(time.ticks_diff(time.ticks_us(), t) // 1000)
        t = time.ticks_us()
        flash.writeblocks(300, page, 0)
        print(time.ticks_diff(time.ticks_us(), t) // 1000)
        """
    )
    assert int(lines[0]) in range(45, 48)
    assert int(lines[1]) in range(11, 14)  # 16 pages


def test_the_watchdog_and_reset_restart_the_chip_inside(bench: ChipBench) -> None:
    whys: list[str] = []
    bench.runner.on_reset = whys.append
    bench.boot(
        """
        import machine, time
        Pin = machine.Pin
        lamp = Pin(3, Pin.OUT, value=1)
        time.sleep_ms(30)
        print("cause", machine.reset_cause())
        if "reset" not in __import__("os").listdir():
            open("reset", "w").close()
            time.sleep_ms(2)
            machine.reset()
        machine.WDT(timeout=200)
        while True:
            time.sleep_ms(1000)
        """
    )
    levels: list[int] = []
    bench.mcu.get_pin(3).listeners.append(levels.append)
    assert bench.runner.run_until(800_000), bench.runner.story
    assert whys[:2] == ["reset", "watchdog"]
    assert levels[:5] == [1, 0, 1, 0, 1]
    assert bench.lines[:2] == ["cause 3", "cause 3"] or bench.lines[:2] == ["cause 1", "cause 3"]


def test_the_same_flash_lives_the_same_life_twice(tmp_path: Path) -> None:
    def life(folder: Path) -> tuple[int, list[str], bytes]:
        folder.mkdir()
        with ChipBench(folder, "tm1638") as bench:
            bench.clock.call_at(700_000, lambda: bench.mcu.get_pin(5).set(1))
            bench.mcu.get_pin(5)
            bench.boot(
                """
                import gc, time
                from machine import Pin
                stamps = []
                Pin(5, Pin.IN).irq(lambda pin: stamps.append(time.ticks_us()), Pin.IRQ_RISING)
                import tm1638
                for n in range(20):
                    time.sleep_ms(37)
                    gc.collect()
                print(stamps, time.ticks_us(), gc.mem_free())
                with open("x", "w") as file:
                    file.write("y" * 5000)
                time.sleep_ms(5000)
                """
            )
            assert bench.runner.run_until(1_400_000), bench.runner.story
            assert bench.runner.emulator
            return bench.runner.emulator.now_ns, bench.lines, bench.runner.flash

    first, second = life(tmp_path / "a"), life(tmp_path / "b")
    assert first[:2] == second[:2]
    assert first[2] == second[2]
    assert first[1][0].startswith("[7000")


def test_files_go_to_the_image_and_back() -> None:
    files = {"a.txt": b"", "b.mpy": bytes(range(256)) * 40}
    flash = b"\xff" * FILES_AT + build_files_image(files)
    assert read_files(flash) == files
    with pytest.raises(ChipError, match="can't be read"):
        read_files(b"\xff" * len(flash))
