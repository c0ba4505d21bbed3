"""Which reader is whose: by what its name keeps, else by the cards; never by a guess."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dianka.card_port import CardError
from dianka.readers.roles import Place, Roles, choose_control, choose_resident, strip_numbers

ALIKE = "ACS ACR39U 00 00", "ACS ACR39U 01 00"
SERIALS = "Gemalto Token (5504) 00 00", "Gemalto Token (9876) 01 00"
NAMES = (*ALIKE, *SERIALS)
WORDS = ("", "ACS", ALIKE[0], strip_numbers(ALIKE[1]), "(5504)", "(9876)", "Omnikey")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (ALIKE[1], "ACS ACR39U"),
        (SERIALS[0], "Gemalto Token (5504)"),
        ("ACS CCID USB Reader 0", "ACS CCID USB Reader"),
        ("Alcor Micro AU9540 1F 00", "Alcor Micro AU9540"),
        ("Reader", "Reader"),
    ],
)
def test_what_a_name_keeps(name: str, kept: str) -> None:
    assert strip_numbers(name) == kept


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("roles", [Roles(), Roles(control="ACS"), Roles("acs", "ACS ACR39U")])
def test_two_alike_readers_may_swap_their_numbers(swapped: bool, roles: Roles) -> None:
    control, resident = ALIKE[::-1] if swapped else ALIKE
    places = [Place(name, True, name == control) for name in ALIKE]
    assert (choose_control(places, roles), choose_resident(places, roles)) == (control, resident)


def test_serial_numbers_bind_whatever_the_order() -> None:
    roles = Roles("(9876)", "(5504)")
    for names in itertools.permutations(NAMES):
        places = [Place(name, True, name == SERIALS[0]) for name in names]
        assert choose_control(places, roles) == SERIALS[0]
        assert choose_resident(places, roles) == SERIALS[1]


FULL = [Place(name, True) for name in ALIKE]
TWO_CONTROLS = [Place(name, True, True) for name in ALIKE]
# Each card in the other one's reader.
SWAPPED = [Place(SERIALS[0], True), Place(SERIALS[1], True, True)]


@pytest.mark.parametrize(
    ("choose", "places", "roles", "line"),
    [
        (choose_resident, FULL, Roles(), "two cards, in ACS"),
        (choose_control, TWO_CONTROLS, Roles(), "two control cards, in ACS"),
        (
            choose_resident,
            [Place(ALIKE[0], True, True)],
            Roles(),
            "no resident's card: put it into",
        ),
        (choose_resident, [Place(name) for name in ALIKE], Roles(), "put it into a reader"),
        (choose_control, [Place(ALIKE[0])], Roles(), f"no control card in {ALIKE[0]}: put it in"),
        (choose_control, FULL, Roles(), "no control card in any reader: put it in"),
        (choose_resident, FULL, Roles("Omnikey"), "'Omnikey', is not there: plug it in"),
        (choose_resident, FULL, Roles("00 00", "00 00"), "is bound to both cards"),
        (choose_control, FULL, Roles(control="01 00"), f"no control card in {ALIKE[1]}: put it in"),
        (
            choose_resident,
            SWAPPED,
            Roles(control="5504"),
            f"resident's card: put it into {SERIALS[1]}",
        ),
        (choose_control, SWAPPED, Roles("9876"), f"no control card in {SERIALS[0]}: put it in"),
    ],
)
def test_refused_in_one_line(
    choose: Callable[[list[Place], Roles], str], places: list[Place], roles: Roles, line: str
) -> None:
    with pytest.raises(CardError) as caught:
        choose(places, roles)
    assert line in str(caught.value) and "\n" not in str(caught.value)


@given(
    st.lists(st.sampled_from(NAMES), unique=True),
    st.lists(st.sampled_from(["empty", "resident", "control"]), min_size=4, max_size=4),
    st.sampled_from(WORDS),
    st.sampled_from(WORDS),
)
def test_what_is_chosen_is_the_only_one_that_fits(
    names: list[str], contents: list[str], resident: str, control: str
) -> None:
    places = [
        Place(name, content != "empty", content == "control")
        for name, content in zip(names, contents, strict=False)
    ]
    roles = Roles(resident, control)
    for choose, word, kind in (
        (choose_resident, resident, "resident"),
        (choose_control, control, "control"),
    ):
        try:
            chosen = choose(places, roles)
        except CardError:
            continue
        fits = [
            name
            for name, content in zip(names, contents, strict=False)
            if content == kind and word.lower() in name.lower()
        ]
        assert chosen in fits
        others = [name for name in fits if name != chosen]
        # Another one that fits is the other role's own reader.
        other = control if kind == "resident" else resident
        assert all(other and other.lower() in name.lower() for name in others)
