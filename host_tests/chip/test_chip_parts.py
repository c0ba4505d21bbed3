"""Rung 3: the bench's models on emulated pins and buses, with the firmware's drivers as .mpy."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chip_bench import ChipBench
from dianka.bench.models.fram import ADDRESS, Mb85rc256v
from dianka.bench.models.hlw8032 import Hlw8032Model
from dianka.bench.models.mains import Mains
from dianka.bench.models.tm1638 import Tm1638
from dianka.bench.models.wires import Format


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ChipBench]:
    with ChipBench(tmp_path, "tm1638", "fram", "hlw8032") as made:
        yield made


def test_an_input_shows_what_an_output_caused(bench: ChipBench) -> None:
    clock_pin, answer = bench.mcu.get_pin(2), bench.mcu.get_pin(3)
    clock_pin.listeners.append(lambda level: answer.set(1 - level))
    lines = bench.run(
        """
        import time
        from machine import Pin
        time.sleep_ms(30)
        clock, answer, nobody = Pin(2, Pin.OUT, value=1), Pin(3, Pin.IN), \
Pin(4, Pin.IN, Pin.PULL_UP)
        print(clock.value(), answer.value(), nobody.value())
        clock.off()
        print(clock.value(), answer.value())
        clock.on()
        clock.init(Pin.IN, Pin.PULL_UP)
        print(clock.value())
        clock.init(Pin.OUT, value=1)
        clock.init(Pin.IN, Pin.PULL_DOWN)
        print(clock.value(), answer.value())
        """
    )
    assert lines == ["1 0 1", "0 1", "1", "0 1"]


@pytest.mark.parametrize(("hard", "limit_us"), [("False", 60), ("True", 30)])
def test_an_edge_calls_the_handler(bench: ChipBench, hard: str, limit_us: int) -> None:
    pin = bench.mcu.get_pin(2)
    edges_us = (100_000, 150_123, 200_001, 250_999)
    for at_us, level in zip(edges_us, (1, 0, 1, 0), strict=True):
        bench.clock.call_at(at_us, lambda level=level: pin.set(level))
    lines = bench.run(
        f"""
        import time
        from array import array
        from machine import Pin
        stamps, count = array("I", [0] * 8), 0
        def handler(pin):
            global count
            stamps[count] = time.ticks_us()
            count += 1
        Pin(2, Pin.IN).irq(handler, Pin.IRQ_RISING | Pin.IRQ_FALLING, hard={hard})
        time.sleep_ms(400)
        print(list(stamps[:count]))
        """
    )
    stamps = json.loads(lines[0])
    assert len(stamps) == 4
    assert all(0 < stamp - edge <= limit_us for stamp, edge in zip(stamps, edges_us, strict=True))


def test_reports_of_the_metering_chip_arrive_at_4800_8e1(bench: ChipBench) -> None:
    mains = Mains(bench.clock)
    mains.set_load(2_000_000)
    port = bench.mcu.get_uart(0)
    chip = Hlw8032Model(bench.clock, mains, port)
    port.settle = chip.settle
    lines = bench.run(
        """
        import time
        from machine import UART, Pin
        uart = UART(0, baudrate=4800, bits=8, parity=0, stop=1, tx=Pin(0), rx=Pin(1), rxbuf=256)
        first = 0
        while not uart.any():
            time.sleep_ms(1)
        print(time.ticks_us())
        time.sleep_ms(500)
        data = uart.read()
        print(len(data) // 24, [data[n + 1] for n in range(0, 96, 24)],
              all(sum(data[n + 2:n + 23]) & 0xFF == data[n + 23] for n in range(0, 96, 24)))
        """
    )
    assert 100_000 < int(lines[0]) < 130_000
    assert lines[1] == "5 [90, 90, 90, 90] True"
    assert port.lost == 0


def test_the_uart_sends_at_its_pace_and_keeps_its_format(bench: ChipBench) -> None:
    port = bench.mcu.get_uart(1)
    sent: list[tuple[int, int, Format]] = []
    port.sink = lambda value, start_us, form: sent.append((value, start_us, form))
    bench.run(
        """
        import time
        from machine import UART, Pin
        time.sleep_ms(20)
        uart = UART(1, baudrate=9600, bits=8, parity=0, stop=2, tx=Pin(4), rx=Pin(5))
        uart.write(bytes(range(60)))
        uart.flush()
        print(time.ticks_us())
        uart.init(baudrate=4800, bits=8, parity=1, stop=1)
        uart.write(b"z")
        time.sleep_ms(100)
        """
    )
    assert [value for value, _, _ in sent] == [*range(60), ord("z")]
    gaps = {sent[n + 1][1] - sent[n][1] for n in range(59)}
    assert gaps <= {1249, 1250, 1251}
    assert sent[0][2] == Format(9600, 8, 0, 2)
    assert sent[60][2] == Format(4800, 8, 1, 1)


def test_a_wrong_format_and_a_full_ring_lose_characters(bench: ChipBench) -> None:
    port = bench.mcu.get_uart(0)

    def arrive(data: bytes, form: Format) -> None:
        for value in data:
            port.deliver(value, form)

    bench.clock.call_at(100_000, lambda: arrive(b"ab", Format(4800, 8, 0, 1)))
    bench.clock.call_at(200_000, lambda: arrive(b"ab", Format(9600, 8, 0, 1)))
    for n in range(10):
        bench.clock.call_at(
            300_000 + n * 20_000,
            lambda n=n: arrive(bytes(range(8 * n, 8 * n + 8)), Format(4800, 8, 0, 1)),
        )
    lines = bench.run(
        """
        import time
        from machine import UART, Pin
        uart = UART(0, baudrate=4800, bits=8, parity=0, stop=1, tx=Pin(0), rx=Pin(1), rxbuf=32)
        time.sleep_ms(150)
        print(uart.read())
        time.sleep_ms(100)
        print(uart.read() == b"ab")
        time.sleep_ms(300)
        print(len(uart.read()))
        """
    )
    assert lines[:2] == ["b'ab'", "False"]
    assert 32 <= int(lines[2]) <= 64  # ring and FIFO


def test_the_memory_chip_keeps_what_the_driver_writes(bench: ChipBench) -> None:
    memory = Mb85rc256v()
    bench.mcu.get_i2c_bus(0).devices[ADDRESS] = memory
    lines = bench.run(
        """
        import time
        from machine import I2C, Pin
        from fram import Fram
        time.sleep_ms(30)
        i2c = I2C(0, sda=Pin(16), scl=Pin(17), freq=400_000)
        fram = Fram(i2c)
        data = bytes(range(100))
        t = time.ticks_us()
        fram.write(0x1234, data)
        us = time.ticks_diff(time.ticks_us(), t)
        print(fram.read(0x1234, 100) == data, fram.read(0x1297, 2), \
103 * 9 * 2.5 < us < 103 * 9 * 2.5 + 1500)
        for address in (0x51, 0x50):
            try:
                i2c.writeto(address, b"\\0\\0")
                print("there")
            except OSError as error:
                print("OSError", error.errno)
        """
    )
    assert lines == ["True b'c\\x00' True", "OSError 5", "there"]
    assert memory.content[0x1234 : 0x1234 + 100] == bytes(range(100))
    assert 390_000 < bench.mcu.get_i2c_bus(0).freq <= 400_000


def test_a_cut_at_a_byte_on_the_bus_ends_the_firmware_there(bench: ChipBench) -> None:
    memory = Mb85rc256v()
    bench.mcu.get_i2c_bus(0).devices[ADDRESS] = memory
    memory.cut_after(5, bench.mcu.die)
    lines = bench.run(
        """
        import time
        from machine import I2C, Pin
        from fram import Fram
        time.sleep_ms(30)
        lamp = Pin(3, Pin.OUT, value=1)
        Fram(I2C(0, sda=Pin(16), scl=Pin(17), freq=400_000)).write(0, b"abcdefgh")
        print("still here")
        """
    )
    assert lines == []
    assert bench.runner.ended == "power cut"
    assert memory.content[:8] == b"abcde\0\0\0"
    assert bench.mcu.get_pin(3).level == 0


def test_people_read_on_the_display_what_the_driver_shows(bench: ChipBench) -> None:
    strobe = bench.mcu.get_pin(20)
    display = Tm1638(strobe)
    strobe.set(1)
    bench.mcu.get_spi_bus(0).devices.append(display)
    bench.boot(
        """
        import time
        from machine import SPI, Pin
        from tm1638 import Tm1638
        spi = SPI(0, baudrate=500_000, polarity=1, phase=1, sck=Pin(18), mosi=Pin(19))
        segments = Tm1638(spi, Pin(20, Pin.OUT, value=1))
        segments.show("123.45", 0b101)
        time.sleep_ms(500)
        segments.show("Err-31", 0)
        while True:
            time.sleep_ms(1000)
        """
    )
    assert bench.runner.run_until(300_000)
    assert display.text == "   123.45"
    assert display.lamps[:3] == (True, False, True)
    assert bench.runner.run_until(1_000_000)
    assert display.text == "  Err-31"
    assert display.violations == []


def test_a_card_clock_is_known_by_its_frequency(bench: ChipBench) -> None:
    heard: list[tuple[int, int]] = []
    bench.mcu.on_pwm = lambda pin, frequency: heard.append((pin, frequency))
    bench.run(
        """
        import time
        from machine import PWM, Pin
        clock = PWM(Pin(8), freq=3_571_200, duty_u16=0)
        time.sleep_ms(1)
        clock.duty_u16(32768)
        time.sleep_ms(500)
        clock.duty_u16(0)
        """
    )
    running = [frequency for pin, frequency in heard if pin == 8 and frequency]
    assert running == [3_571_429]  # 125 MHz / 35
    assert heard[-1] == (8, 0)
