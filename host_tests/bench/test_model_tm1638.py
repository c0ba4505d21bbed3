"""The TM1638 model: the order of bits, digits as people read them, violations of the datasheet."""

from dianka.bench.models.tm1638 import Tm1638
from dianka.bench.models.wires import SpiBus, Wire


def mirrored(value: int) -> int:
    return sum((value >> bit & 1) << (7 - bit) for bit in range(8))


class Tm1638Rig:
    def __init__(self) -> None:
        self.stb = Wire("STB", 1)
        self.bus = SpiBus()
        self.bus.baud, self.bus.polarity, self.bus.phase = 500_000, 1, 1
        self.chip = Tm1638(self.stb)
        self.bus.devices.append(self.chip)

    def send(self, *values: int) -> bytes:
        self.stb.set(0)
        answer = self.bus.exchange(bytes(mirrored(value) for value in values))
        self.stb.set(1)
        return answer

    def show(self, digits: bytes, lamps: bytes = bytes(8)) -> None:
        self.send(0x40)
        self.send(0xC0, *(value for pair in zip(digits, lamps, strict=True) for value in pair))
        self.send(0x8C)


def test_a_balance_reads_as_people_read_it() -> None:
    rig = Tm1638Rig()
    rig.show(bytes.fromhex("00000000 6D BF 3F 3F"), bytes((1, 0, 0, 0, 0, 0, 0, 3)))
    assert rig.chip.text == "    50.00"  # eight digits and the dot
    assert rig.chip.lamps == (True, False, False, False, False, False, False, True)
    assert (rig.chip.on, rig.chip.brightness, rig.chip.violations) == (True, 4, [])


def test_an_error_code_and_shapes_that_mean_nothing() -> None:
    rig = Tm1638Rig()
    rig.show(bytes.fromhex("79 50 50 40 4F 06 49 80"))
    assert rig.chip.text == "Err-31? ."
    rig.show(bytes.fromhex("3F 06 5B 4F 66 6D 7D 07"))
    assert rig.chip.text == "01234567"
    rig.show(bytes.fromhex("7F 6F 77 7C 39 5E 79 71"))
    assert rig.chip.text == "89AbCdEF"


def test_fixed_address_and_wrap() -> None:
    rig = Tm1638Rig()
    rig.show(bytes(8))
    rig.send(0x44)
    rig.send(0xC4, 0x06, 0x5B)
    assert rig.chip.text == "  2     "
    rig.send(0x40)
    rig.send(0xCE, 0x07, 0x00, 0x66)
    assert rig.chip.text == "4 2    7"


def test_dark_until_switched_on_and_after_power_loss() -> None:
    rig = Tm1638Rig()
    assert (rig.chip.on, rig.chip.text, any(rig.chip.lamps)) == (False, " " * 8, False)
    assert any(rig.chip.ram)  # anything, not zeros
    rig.show(bytes([0x7F] * 8), bytes([1] * 8))
    assert rig.chip.text == "88888888"
    before = bytes(rig.chip.ram)
    rig.chip.power_off()
    assert rig.send(0x8F) == b"\xff"
    rig.chip.power_on()
    assert (rig.chip.on, bytes(rig.chip.ram) != before) == (False, True)
    rig.send(0x88)
    rig.send(0x80)
    assert not rig.chip.on


def test_keys_are_read_in_their_bit_order() -> None:
    rig = Tm1638Rig()
    rig.chip.keys[:] = bytes((0x01, 0x10, 0x00, 0x80))
    answer = rig.send(0x42, 0xFF, 0xFF, 0xFF, 0xFF)
    assert [mirrored(value) for value in answer[1:]] == [0x01, 0x10, 0x00, 0x80]
    assert rig.chip.violations == []


def test_others_on_the_bus_do_not_disturb() -> None:
    rig = Tm1638Rig()
    rig.show(bytes([0x3F] * 8))
    rig.bus.polarity, rig.bus.baud = 0, 10_000_000
    assert rig.bus.exchange(b"\xc0\x12\x34") == b"\xff\xff\xff"
    assert (rig.chip.text, rig.chip.violations) == ("0" * 8, [])


def test_misuse_is_kept() -> None:
    rig = Tm1638Rig()
    rig.bus.polarity, rig.bus.baud = 0, 2_000_000
    rig.send(0x40, 0x00)
    rig.send(0x20)
    assert rig.chip.violations == [
        "SPI mode 1 instead of 3",
        "clock of 2000000 Hz is faster than 1 MHz",
        "data without an address command in the same transfer",
        "unknown command 0x20",
    ]


def test_bytes_in_the_wrong_bit_order_show_nothing_sensible() -> None:
    rig = Tm1638Rig()
    rig.stb.set(0)
    rig.bus.exchange(b"\x8c")
    rig.stb.set(1)
    assert not rig.chip.on
