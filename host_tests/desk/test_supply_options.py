"""The rules of the supply at the desk: words to fields and back, and what is refused and how."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cards_kit as kit
from dianka.card_port import CardError
from dianka.cardos import kinds
from dianka.cardos.files import card_files
from dianka.desk import issue, supply
from dianka.desk.reading import read_kind
from dianka.desk.show import show
from dianka.desk.verify import verify
from dianka.firmware import load_shared

rules_of, friendly_time = load_shared("supply_rules"), load_shared("friendly")
WORDS = ("3000W,30s,3x60s", "300-2000W,0.95,2x90s", "180-250V,5V,10s")
FRIENDLY = "22-06h,sat,sun,month12-02,date10-01,date05-01"


def parse(
    overload: str = "", heating: str = "", voltage: str = "", friendly: str = ""
) -> dict[str, int]:
    return supply.parse_supply(overload, heating, voltage, friendly, 1000)


def test_words_become_fields_and_words_again() -> None:
    rules = parse(*WORDS, FRIENDLY)
    assert rules["step_pf_milli"] == 950 and rules["friendly_days"] == 0x60
    assert [rules[f"friendly_date_{n}"] for n in (1, 2)] == [1001, 501]
    lines = dict(supply.describe_supply(supply.fill_rules(rules)))
    assert lines["friendly time"] == "22-06h, sat, sun, month12-02, date10-01, date05-01"
    assert lines["overload"] == "3000 W for 30 s, returns 3 x after 60 s, then locked until a card"
    assert "0.950" in lines["heating load"] and lines["mains voltage"].startswith("180 to 250 V")
    assert supply.describe_supply(supply.fill_rules({})) == [] and parse() == {}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"overload": "3kW"}, "is no --overload: write it as 3000W"),
        ({"overload": "0W,30s"}, "is no --overload"),
        ({"overload": "3000W,4s"}, "after 5 to 255 s"),
        ({"overload": "3000W,256s"}, "after 5 to 255 s"),
        ({"overload": "3000W,30s,3x9s"}, "returns after 10 to 9999 s"),
        ({"overload": "3000W,30s,251x60s"}, "returns 0 to 250 times"),
        ({"heating": "300-299W,0.9"}, "end below where they begin"),
        ({"heating": "49-300W,0.9"}, "50 W or more"),
        ({"heating": "300-400W,1.001"}, "power factor is 0.001 to 1"),
        ({"heating": "300-400W,0.000"}, "power factor is 0.001 to 1"),
        ({"voltage": "250-180V,5V,10s"}, "the lower voltage is 160 to 210"),
        ({"voltage": "159-V,5V,10s"}, "the lower voltage is 160 to 210"),
        ({"voltage": "-229V,5V,10s"}, "the upper voltage is 230 to 300"),
        ({"voltage": "210-230V,10V,10s"}, "nothing between them"),
        ({"voltage": "180-250V,0V,10s"}, "hysteresis is 1 to 20 V"),
        ({"voltage": "180-250V,5V,0s"}, "after 1 to 255 s"),
        ({"voltage": "-V,5V,10s"}, "without a voltage"),
        ({"friendly": "24-06h"}, "hours are 0 to 23"),
        ({"friendly": "06-06h"}, "no time at all"),
        ({"friendly": "month00-02"}, "months are 1 to 12"),
        ({"friendly": "date02-30"}, "a month and a day"),
        ({"friendly": "date01-01,date01-02,date01-03,date01-04,date01-05"}, "takes 4 dates"),
        ({"friendly": "22-06h,01-02h"}, "names two spans"),
        ({"friendly": "night"}, "is no --friendly time"),
    ],
)
def test_what_can_t_be_kept_is_refused_in_one_line(given: Mapping[str, str], why: str) -> None:
    with pytest.raises(CardError, match=why) as refused:
        parse(**given)
    assert "\n" not in str(refused.value)


def test_friendly_time_without_an_overdraft_is_refused() -> None:
    with pytest.raises(CardError, match="give --overdraft as well"):
        supply.parse_supply("", "", "", FRIENDLY, 0)


def test_an_initialisation_card_carries_shows_and_proves_them() -> None:
    control = kit.control_card()
    data = issue.InitData(12, 100, 50, 1000, 0, 0, [5000], supply=parse(*WORDS, FRIENDLY))
    card = kit.blank(kinds.INIT, control, 3)
    issue.make_init(control, card, data)
    packed = card_files.unframe(card.state.files[card_files.CARD_SUPPLY])[1]
    assert card_files.unpack(card_files.SUPPLY, packed) == supply.fill_rules(data.supply)
    assert ("mains voltage", "180 to 250 V, hysteresis 5 V, after 10 s") in show(card)
    assert all(finding.good for finding in verify(card, control))
    with pytest.raises(CardError, match="the card can't hold this: the hysteresis"):
        issue.pack_init_files(
            issue.InitData(12, 100, 50, 0, 0, 0, [5000], supply={"under_v": 180, "over_v": 250})
        )


@pytest.mark.parametrize(
    ("kind", "sfi"),
    [
        (kinds.INIT, card_files.CARD_SUPPLY),
        (kinds.ESAM, card_files.ESAM_SUPPLY),
        (kinds.ESAM, card_files.ESAM_MIRROR),
    ],
)
def test_chips_of_an_earlier_make_go_on_without_the_file(kind: str, sfi: int) -> None:
    control = kit.control_card()
    chip = kit.init_card(control) if kind == kinds.INIT else kit.factory_esam()
    former = kit.make_former(chip, sfi)
    assert read_kind(former)[0] == kind
    assert former.process(bytes((0x00, 0xB0, 0x80 | sfi, 0, 1)))[1] == 0x6A82
    assert all(finding.good for finding in verify(former, None))
    assert not any(label == "overload" for label, _ in show(former))


@given(
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.integers(0, 23),
    st.integers(0, 59),
    st.data(),
)
def test_friendly_time_as_a_calendar_has_it(
    day: date, hour: int, minute: int, data: st.DataObject
) -> None:
    def draw(*values: int) -> int:
        return data.draw(st.sampled_from(values))

    rules: dict[str, Any] = supply.fill_rules({})
    rules["friendly_from_h"], rules["friendly_to_h"] = draw(0, 6, 22, 23), draw(0, 6, 22, 23)
    rules["friendly_days"] = draw(0, 0, 1, 0x60, 0x7F)
    rules["friendly_from_month"] = draw(0, 0, 1, 2, 12)
    rules["friendly_to_month"] = rules["friendly_from_month"] and draw(1, 2, 12)
    rules["friendly_date_3"] = draw(0, 229, 1001)
    rules_of.check(rules)
    hours, at = set(), rules["friendly_from_h"]
    while at != rules["friendly_to_h"]:
        hours.add(at)
        at = (at + 1) % 24
    months, month = set(), rules["friendly_from_month"]
    while month and month not in months:
        months.add(month)
        month = 0 if month == rules["friendly_to_month"] else month % 12 + 1
    expected = (
        hour in hours
        or bool(rules["friendly_days"] >> day.weekday() & 1)
        or day.month in months
        or day.month * 100 + day.day == rules["friendly_date_3"]
    )
    stamp = int(day.strftime("%y%m%d")) * 10_000 + hour * 100 + minute
    days = (day - date(2000, 1, 1)).days
    assert friendly_time.is_friendly(rules, stamp, days) == expected
    assert friendly_time.is_friendly(rules, 0, 0) == friendly_time.has_friendly_time(rules)
    assert bool(friendly_time.compose_pages(rules)) == friendly_time.has_friendly_time(rules)
    if not friendly_time.has_friendly_time(rules):
        assert not expected
