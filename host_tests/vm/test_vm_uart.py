"""Rung 2: the virtual board's UARTs: pace, rings, waiting, waking."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.bench.models.wires import Format
from vm_bench import VmBench

EIGHT_E_1 = Format(4800, 8, 0, 1)
CHAR_US = 2292  # 11 bits at 4800 baud, rounded up


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VmBench]:
    with VmBench(tmp_path) as made:
        yield made


def test_uart_sends_at_its_pace_and_its_ring_overflows(bench: VmBench) -> None:
    port = bench.mcu.get_uart(0)
    sent: list[tuple[int, int]] = []
    port.sink = lambda value, start_us, form: sent.append((value, start_us))
    bench.boot(
        """
        import time
        from machine import UART, Pin
        uart = UART(0, baudrate=4800, bits=8, parity=0, stop=1, tx=Pin(0), rx=Pin(1), rxbuf=32)
        print(uart.any(), uart.txdone(), uart.write(b"abc"), uart.txdone())
        uart.flush()
        print(time.ticks_us() - 2**30 + 30_000_000, uart.txdone())
        time.sleep_ms(100)
        print(uart.any(), uart.read(10), uart.any())
        time.sleep_ms(100)
        print(uart.any(), uart.read(), time.ticks_us() - 2**30 + 30_000_000, uart.read(1), \
uart.read(0))
        time.sleep_ms(10)
        buffer = bytearray(4)
        print(uart.readinto(buffer, 2), buffer, uart.readline(), uart.readline())
        """
    )

    def arrive(data: bytes) -> None:
        for value in data:
            port.deliver(value, EIGHT_E_1)

    bench.clock.call_at(50_000, lambda: arrive(bytes(range(20))))
    bench.clock.call_at(
        150_000, lambda: (arrive(bytes(range(100, 115))), arrive(bytes(range(115, 130))))
    )
    bench.clock.call_at(214_000, lambda: arrive(b"xyhello\nworld"))
    bench.runner.run_until(1_000_000)
    assert bench.lines == [
        "0 True 3 False",
        "6875 True",
        f"20 {bytes(range(10))} 10",
        f"32 {bytes([*range(10, 20), *range(100, 122)])} 211000 None b''",
        "2 bytearray(b'xy\\x00\\x00') b'hello\\n' b'world'",
    ]
    assert sent == [(97, 0), (98, 2291), (99, 4583)]
    assert port.lost == 8


def test_a_byte_wakes_a_reader_at_once_and_blocking_reads_wait(bench: VmBench) -> None:
    port = bench.mcu.get_uart(1)
    for n in range(6):
        bench.clock.call_at(10_500 + n * CHAR_US, lambda n=n: port.deliver(65 + n, Format(4800)))
    bench.clock.call_at(90_000, lambda: port.deliver(33, Format(4800)))
    lines = bench.run(
        """
        import asyncio, time
        from machine import UART
        now = lambda: time.ticks_us() - 2**30 + 30_000_000
        uart = UART(1, 4800, timeout=30)
        async def main():
            reader = asyncio.StreamReader(uart)
            print(await reader.read(1), now())
            print(await reader.readexactly(5), now())
            print(uart.read(3), now())
            print(uart.read(1), now())
            writer = asyncio.StreamWriter(uart, {})
            writer.write(bytes(400))
            await writer.drain()
            print(now(), uart.txdone())
        asyncio.run(main())
        """
    )
    assert lines[:4] == ["b'A' 10500", "b'BCDEF' 21960", "None 52000", "None 83000"]
    # 400 characters, less the 288 that ring and FIFO hold, have begun to leave.
    left_us = 83_000 + 112 * 2083
    assert lines[4] == f"{lines[4].split()[0]} False"
    assert abs(int(lines[4].split()[0]) - left_us) < 2 * CHAR_US


def test_two_formats_that_do_not_fit_give_rubbish(bench: VmBench) -> None:
    bench.clock.call_at(1000, lambda: bench.mcu.get_uart(0).deliver(0x55, EIGHT_E_1))
    lines = bench.run(
        "import machine, time\nu = machine.UART(0, 9600)\ntime.sleep_ms(2)\n"
        "print(u.read(1) == b'U', u.any())"
    )
    assert lines == ["False 0"]
