"""Rung 2: I2C, SPI and PWM of the virtual board, with strict devices and with none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dianka.bench.models.wires import SpiBus
from vm_bench import VmBench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VmBench]:
    with VmBench(tmp_path) as made:
        yield made


class Memory:
    """256 bytes on I2C, strict: a read needs an address first, and data past the end is refused."""

    def __init__(self) -> None:
        self.content = bytearray(range(256))
        self.at: int | None = None
        self.log: list[str] = []

    def start(self, read: bool) -> bool:
        self.log.append("R" if read else "W")
        self.at = self.at if read else None
        return not read or self.at is not None

    def write(self, value: int) -> bool:
        if self.at is None:
            self.at = value
            return True
        if self.at > 255:
            return False
        self.content[self.at] = value
        self.at += 1
        return True

    def read(self) -> int:
        assert self.at is not None
        self.at += 1
        return self.content[(self.at - 1) & 255]

    def stop(self) -> None:
        self.log.append("P")


def test_i2c_with_a_device_and_with_none(bench: VmBench) -> None:
    memory = bench.mcu.get_i2c_bus(0).devices[0x50] = Memory()
    lines = bench.run(
        """
        from machine import I2C, SoftI2C, Pin
        i2c = I2C(0, scl=Pin(17), sda=Pin(16), freq=100_000)
        print(i2c.scan())
        i2c.writeto_mem(0x50, 0x10, b"abc")
        print(i2c.readfrom_mem(0x50, 0x0f, 5), i2c.readfrom(0x50, 2))
        buffer = bytearray(3)
        i2c.readfrom_mem_into(0x50, 0x11, buffer)
        print(buffer, i2c.writeto(0x50, b"\\xfe12345"), i2c.writevto(0x50, (b"\\x00", b"", b"xy")))
        for call in (lambda: i2c.writeto(0x51, b"1"), lambda: i2c.readfrom(0x51, 1), \
lambda: i2c.writeto(0x51, b"")):
            try:
                call()
            except OSError as error:
                print(error.errno)
        try:
            SoftI2C(scl=Pin(17), sda=Pin(16)).writeto(0x51, b"1")
        except OSError as error:
            print(error.errno)
        """
    )
    assert lines == [
        "[80]",
        "b'\\x0fabc\\x13' b'\\x14\\x15'",
        "bytearray(b'bc\\x13') 3 3",
        "5",
        "5",
        "19",
        "19",
    ]
    assert bench.mcu.get_i2c_bus(0).freq == 400_000
    assert bytes(memory.content[:2]) == b"xy"
    assert memory.log[:8] == ["W", "P", "W", "P", "W", "R", "P", "R"], (
        "a memory read is one transfer with a repeated start"
    )


class Adder:
    """On SPI, answers the byte before plus one while its select wire is low."""

    def __init__(self, bench: VmBench) -> None:
        self.select = bench.mcu.get_pin(17)
        self.heard = bytearray()
        self.last = 0

    def exchange(self, value: int, bus: SpiBus) -> int:
        if self.select.level:
            return 0xFF
        self.heard.append(value)
        self.last, answer = value, self.last + 1
        return answer


def test_spi_keeps_the_order_of_select_and_bytes(bench: VmBench) -> None:
    bus = bench.mcu.get_spi_bus(0)
    adder = Adder(bench)
    bench.mcu.get_pin(17).set(1)
    bus.devices.append(adder)
    lines = bench.run(
        """
        from machine import SPI, Pin
        select = Pin(17, Pin.OUT, value=1)
        spi = SPI(0, baudrate=500_000, polarity=1, phase=1, sck=Pin(18), mosi=Pin(19), miso=Pin(16))
        spi.write(b"lost")
        select.off()
        spi.write(b"AB")
        print(spi.read(2, 0x43))
        buffer = bytearray(3)
        spi.readinto(buffer)
        spi.write_readinto(b"xyz", buffer)
        print(buffer)
        select.on()
        print(spi.read(1))
        spi.write(bytes(40_000))
        select.off()
        spi.write(memoryview(b"12345")[1:3])
        """
    )
    assert lines == ["b'CD'", "bytearray(b'\\x01yz')", "b'\\xff'"]
    assert bytes(adder.heard) == b"ABCC\0\0\0xyz23"
    assert (bus.baud, bus.polarity, bus.phase) == (500_000, 1, 1)


def test_pwm_and_its_end(bench: VmBench) -> None:
    seen: list[tuple[int, int]] = []
    bench.mcu.on_pwm = lambda pin, hertz: seen.append((pin, hertz))
    lines = bench.run(
        """
        from machine import PWM, Pin
        clock = PWM(Pin(8), freq=3_571_200, duty_u16=0)
        clock.duty_u16(32768)
        print(clock.freq(), clock.duty_u16())
        neighbour = PWM(9, freq=1000, duty_u16=70_000)
        print(clock.freq(), neighbour.duty_u16())
        clock.deinit()
        """
    )
    # 125 MHz / 35; one slice has both pins, and stops with both.
    assert lines == ["3571429 32768", "1000 65535"]
    assert seen == [(8, 0), (8, 3_571_429), (8, 1000), (9, 1000), (8, 0), (9, 0)]
