"""The display's driver on a real SPI path to the chip's model, and its pages' order and time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.bench.models.tm1638 import _SHAPES, Tm1638
from parts import Parts

STROBE = 20
SIGNS = "".join(Parts().module("tm1638")._CHARACTERS)
NEEDED = set(" 0123456789.-rEAdErr-31donEPLno")  # balances, faults, messages, labels


class DisplayRig:
    def __init__(self) -> None:
        self.parts = Parts()
        machine = self.parts.machine()
        self.parts.mcu.get_pin(STROBE).set(1)
        self.chip = Tm1638(self.parts.mcu.get_pin(STROBE))
        self.bus = self.parts.mcu.get_spi_bus(0)
        self.bus.devices.append(self.chip)
        spi = machine.SPI(
            0, baudrate=500_000, polarity=1, phase=1, sck=machine.Pin(18), mosi=machine.Pin(19)
        )
        self.strobe = machine.Pin(STROBE, machine.Pin.OUT, value=1)
        self.segments = self.parts.module("tm1638").Tm1638(spi, self.strobe)
        self.sent = 0
        exchange = self.bus.exchange
        self.bus.exchange = lambda data: (
            setattr(self, "sent", self.sent + len(data)),
            exchange(data),
        )[1]

    def after(self, ms: int) -> None:
        self.parts.clock.advance(self.parts.clock.now_us + ms * 1000)


RIG = DisplayRig()


@pytest.mark.parametrize("sign", SIGNS)
def test_every_sign_is_read_as_itself(sign: str) -> None:
    RIG.segments.show(sign * 8, 0)
    assert RIG.chip.text == sign * 8
    assert sign in _SHAPES


def test_there_are_signs_for_all_that_the_meter_says() -> None:
    assert set(SIGNS) >= NEEDED - {"."}


@given(st.lists(st.tuples(st.sampled_from(SIGNS), st.booleans()), max_size=8), st.integers(0, 255))
def test_text_stands_at_the_right_with_dots_and_lamps(
    digits: list[tuple[str, bool]], lamps: int
) -> None:
    text = "".join(sign + "." * dot for sign, dot in digits)
    RIG.segments.show(text, lamps)
    assert RIG.chip.text == " " * (8 - len(digits)) + text
    assert RIG.chip.lamps == tuple(bool(lamps >> bit & 1) for bit in range(8))
    assert RIG.chip.violations == []
    assert RIG.chip.on


@given(st.text(max_size=20), st.integers(-5, 70_000))
def test_any_text_is_shown_without_error(text: str, lamps: int) -> None:
    RIG.segments.show(text, lamps)
    assert RIG.chip.violations == []


def test_too_much_text_loses_its_left_end() -> None:
    RIG.segments.show("-12345.67", 0)
    assert RIG.chip.text == "-12345.67"
    RIG.segments.show("E123456.78", 0)
    assert RIG.chip.text == "123456.78"


def test_only_what_has_changed_is_sent_and_refresh_sends_all() -> None:
    rig = DisplayRig()
    rig.segments.show("", 0)
    assert rig.chip.on and rig.chip.text == " " * 8
    sent = rig.sent
    rig.segments.show("", 0)
    assert rig.sent == sent
    rig.segments.show("1", 0)
    rig.segments.show("1", 1)
    assert rig.sent == 3 * sent
    rig.chip.power_off()
    rig.chip.power_on()
    rig.segments.show("1", 1)
    assert not rig.chip.on
    rig.segments.refresh()
    assert (rig.chip.text, rig.chip.lamps[0], rig.chip.brightness) == ("       1", True, 4)


# ****** Pages, messages, faults ******


class Face(DisplayRig):
    def __init__(self) -> None:
        super().__init__()
        self.module = self.parts.module("display")
        self.display = self.module.Display(self.segments)
        self.faults: list[str] = []
        self.shows()

    def shows(self, after_ms: int = 0) -> str:
        """What stands there after this time, with an update each 100 ms as in the meter."""
        for _ in range(max(1, after_ms // 100)):
            self.after(100 if after_ms else 0)
            self.display.update((lambda: "1.00", lambda: "E2", lambda: "P3"), 0, self.faults)
        return self.chip.text.strip()


def test_the_key_turns_pages_and_30_s_turn_them_back() -> None:
    face = Face()
    seen = [face.shows()]
    for _ in range(4):
        face.display.press_key()
        seen.append(face.shows(1000))
    assert seen == ["1.00", "E2", "P3", "1.00", "E2"]
    assert face.shows(29_000) == "E2"
    assert face.shows(200) == "1.00"


def test_messages_follow_each_other_and_the_key_ends_them() -> None:
    face = Face()
    face.display.show_messages(("rEAd", 4000))
    assert (face.shows(100), face.shows(3800), face.shows(200)) == ("rEAd", "rEAd", "1.00")
    face.display.show_messages(("1", 2000), ("2", 5000))
    assert (face.shows(1900), face.shows(100), face.shows(4900), face.shows(100)) == (
        "1",
        "2",
        "2",
        "1.00",
    )
    face.display.show_messages(("1", 2000), ("2", 5000))
    face.display.show_messages(("3", 1000))
    assert (face.shows(900), face.shows(100)) == ("3", "1.00")
    face.display.show_messages(("4", 60_000))
    face.shows(100)
    face.display.press_key()
    assert face.shows(100) == "1.00"  # the page is not turned by the key that ends a message
    face.display.press_key()
    assert face.shows(100) == "E2"


def test_standing_faults_take_turns_with_the_page() -> None:
    face = Face()
    face.faults = ["Err-01", "Err-05"]
    shown = [face.shows(500) for _ in range(48)]
    assert {text: shown.count(text) for text in set(shown)} == {
        "1.00": 32,
        "Err-01": 8,
        "Err-05": 8,
    }
    face.display.show_messages(("donE", 10_000))
    assert {face.shows(500) for _ in range(19)} == {"donE"}


def test_a_list_takes_the_place_of_pages_and_notices() -> None:
    face = Face()
    face.faults = ["Err-01"]
    face.display.press_key()
    face.display.show_list((lambda: ("1", "2", "3"), lambda: ("4",)))
    assert [face.shows(1000) for _ in range(8)] == ["1", "2", "2", "3", "3", "1", "1", "2"]
    face.display.press_key()
    assert {face.shows(500) for _ in range(50)} == {"4"}
    face.display.press_key()
    assert {face.shows(500) for _ in range(14)} == {"1.00", "Err-01"} and not face.display.has_list
    face.display.show_list((lambda: ("1",),))
    assert face.shows(29_900) == "1" and face.shows(200) in ("1.00", "Err-01")


def test_a_card_ends_a_list_and_prevents_one() -> None:
    face = Face()
    face.display.show_list((lambda: ("1",), lambda: ("2",)))
    face.display.press_key()
    face.display.show_messages(("rEAd", 1000))
    face.display.show_reading(True)
    assert (face.shows(900), face.shows(200)) == ("rEAd", "1.00")
    face.display.show_list((lambda: ("1",),))
    assert face.shows(100) == "1.00"
    face.display.show_reading(False)
    face.display.show_list((lambda: ("1",),))
    assert face.shows(100) == "1"


def test_a_display_that_forgot_is_sent_everything_within_a_minute() -> None:
    face = Face()
    face.shows(1000)
    face.chip.power_off()
    face.chip.power_on()
    assert face.shows(60_200) == "1.00"


def test_weeks_pass_and_the_page_still_turns_back() -> None:
    face = Face()
    for _ in range(14):
        face.after(86_400_000)
        face.display.press_key()
        assert face.shows(1000) == "E2"
        assert face.shows(30_000) == "1.00"


DISPLAY, TEXTS = (Parts().module(name) for name in ("display", "page_texts"))


@given(st.integers(-99_999_999, 99_999_999), st.integers(1, 4))
def test_decimal(value: int, places: int) -> None:
    text = DISPLAY.decimal(value, places)
    assert int(text.replace(".", "")) == value
    assert len(text) - text.index(".") - 1 == places
    assert text.lstrip("-")[0] != "."


@given(st.sampled_from(("b", "n0", "bt")), st.integers(0, 10**10), st.integers(1, 2))
def test_what_does_not_fit_loses_its_decimals_first(label: str, value: int, places: int) -> None:
    text = TEXTS.fit(label, value, places)
    whole = DISPLAY.add_label(label, DISPLAY.decimal(value, places))
    room = len(label) + len(str(max(value, 10**places))) <= 8
    assert text == (whole if room else DISPLAY.add_label(label, str(value // 10**places)))


@given(
    st.sampled_from(("E", "P", "L", "no")),
    st.from_regex(r"[0-9]{1,5}(\.[0-9]{1,2})?", fullmatch=True),
)
def test_labels_stand_at_the_left(label: str, text: str) -> None:
    RIG.segments.show(DISPLAY.add_label(label, text), 0)
    digits = len(text.replace(".", ""))
    if digits + len(label) <= 8:
        assert RIG.chip.text == label + " " * (8 - len(label) - digits) + text
