"""Prints how fast the virtual board runs: a task that wakes every 100 ms and reads 24 characters from a UART.

Run it with `PYTHONPATH=tools:host_tests python host_tests/probes/vm_speed.py`.
"""

import tempfile
import time
from pathlib import Path

from dianka.bench.models.wires import Format
from vm_bench import VmBench

SIMULATED_S = 600
FIRMWARE = """
import asyncio, machine
async def main():
    uart = machine.UART(0, 4800, parity=0)
    frames = 0
    while True:
        await asyncio.sleep_ms(100)
        if uart.any() >= 24:
            uart.read(24)
            frames += 1
asyncio.run(main())
"""


def measure() -> None:
    with tempfile.TemporaryDirectory() as folder, VmBench(Path(folder)) as bench:
        clock, port, form = bench.clock, bench.mcu.uart(0), Format(4800, 8, 0, 1)

        def frame() -> None:
            clock.after(100_000, frame)
            for value in range(24):
                port.deliver(value, form)

        clock.after(50_000, frame)
        bench.boot(FIRMWARE)
        bench.runner.run_until(1)
        began_s = time.perf_counter()
        bench.runner.run_until(SIMULATED_S * 1_000_000)
        wall_s = time.perf_counter() - began_s
        print(f"{SIMULATED_S / wall_s:.0f} simulated seconds per second, {wall_s * 1e6 / SIMULATED_S / 10:.1f} us per round")


if __name__ == "__main__":
    measure()
