"""Rules of the supply at their edges: what can just be kept, and the reason for what can't."""

import pytest

from parts import Parts

PARTS = Parts()
RULES, FILES = PARTS.module("supply_rules"), PARTS.module("card_files")
NONE = {name: 0 for name, _, _ in FILES.SUPPLY}
GOOD = NONE | {
    "overload_w": 3000, "overload_delay_s": 30, "overload_returns": 3, "overload_return_s": 60,
    "step_from_w": 300, "step_to_w": 2000, "step_pf_milli": 950, "step_returns": 2,
    "step_return_s": 90, "under_v": 180, "over_v": 250, "hysteresis_v": 5, "voltage_delay_s": 10,
    "friendly_from_h": 22, "friendly_to_h": 6, "friendly_days": 96, "friendly_from_month": 12,
    "friendly_to_month": 2, "friendly_date_1": 1001,
}  # fmt: skip
DELAY, PAUSE = "an overload is cut after 5 to 255 s", "the supply returns after 10 to 9999 s"
RETURNS, FACTOR = "the supply returns 0 to 250 times", "a power factor is 0.001 to 1"
LOWER, UPPER = (
    "the lower voltage is 160 to 210 V, or 0 for none",
    "the upper voltage is 230 to 300 V, or 0 for none",
)
BAND, WAIT = "the hysteresis is 1 to 20 V", "a voltage is cut after 1 to 255 s"
NOTHING_BETWEEN = "the voltages leave nothing between them at which the supply returns"
HOURS, DAYS = "friendly hours are 0 to 23", "there are seven days in a week"
MONTHS = "friendly months are 1 to 12, both the first and the last"
DATE = "a friendly date is a month and a day"
EDGES = [
    # (field, values that just pass, values that just don't, the reason)
    ("overload_delay_s", (5, 255), (4, 256), DELAY),
    ("overload_returns", (0, 1, 250), (251,), RETURNS),
    ("overload_return_s", (10, 9999), (9, 10_000), PAUSE),
    ("step_from_w", (50, 2000), (49,), "a heating load is a step of 50 W or more"),
    ("step_to_w", (300,), (299,), "the steps of a heating load end below where they begin"),
    ("step_pf_milli", (1, 1000), (0, 1001), FACTOR),
    ("step_returns", (0, 1, 250), (251,), RETURNS),
    ("step_return_s", (10, 9999), (9, 10_000), PAUSE),
    ("under_v", (0, 160, 210), (159, 211), LOWER),
    ("over_v", (0, 230, 300), (229, 301), UPPER),
    ("hysteresis_v", (1, 20), (0, 21), BAND),
    ("voltage_delay_s", (1, 255), (0, 256), WAIT),
    ("friendly_from_h", (0, 23), (24,), HOURS),
    ("friendly_to_h", (0, 23), (24,), HOURS),
    ("friendly_days", (0, 127), (128,), DAYS),
    ("friendly_from_month", (1, 12), (0, 13), MONTHS),
    ("friendly_to_month", (1, 12), (0, 13), MONTHS),
]
DATES = [
    (f"friendly_date_{number}", (0, 101, 131, 229, 430, 1231), (1, 31, 100, 132, 230, 431, 1301),
     DATE)
    for number in (1, 2, 3, 4)
]  # fmt: skip


@pytest.mark.parametrize(("name", "good", "bad", "why"), EDGES + DATES)
def test_the_edges_of_a_rule(name: str, good: tuple, bad: tuple, why: str) -> None:
    for value in good:
        RULES.check(GOOD | {name: value})
    for value in bad:
        with pytest.raises(ValueError, match=f"^{why}$"):
            RULES.check(GOOD | {name: value})


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (
            ("overload_delay_s", "overload_returns", "overload_return_s"),
            "overload without a limit in W",
        ),
        (
            ("step_to_w", "step_pf_milli", "step_return_s", "step_returns"),
            "heating load without a step in W",
        ),
        (("hysteresis_v", "voltage_delay_s"), "hysteresis and delay without a voltage"),
    ],
)
def test_what_belongs_to_a_rule_is_refused_without_it(names: tuple, why: str) -> None:
    RULES.check(NONE)
    for name in names:
        with pytest.raises(ValueError, match=f"^{why}$"):
            RULES.check(NONE | {name: 1})


def test_between_two_voltages_both_returns_find_room() -> None:
    between = {"under_v": 210, "over_v": 230, "voltage_delay_s": 4}
    RULES.check(NONE | between | {"hysteresis_v": 9})
    with pytest.raises(ValueError, match=f"^{NOTHING_BETWEEN}$"):
        RULES.check(NONE | between | {"hysteresis_v": 10})
    for one in ({"under_v": 0}, {"over_v": 0}):  # one alone has no other to leave room to
        RULES.check(NONE | between | one | {"hysteresis_v": 20})


def test_friendly_months_may_be_left_away_both() -> None:
    RULES.check(GOOD | {"friendly_from_month": 0, "friendly_to_month": 0})
