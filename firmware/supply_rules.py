"""Check the rules of the supply (the file SUPPLY).

Rules are a dict with the fields of card_files.SUPPLY. Integers in, integers out: no hardware, no
clock. Nothing is imported here, so that the desk can load this module alone. Meter and desk judge a
set of rules by the same `check`; one that is refused leaves the former one whole. All zero: no
rules, and the meter cuts for its balance alone.
"""

from micropython import const

# The coil of the relay needs 154 V (supply_switch.py): a lower limit could not open it.
_LOWEST_UNDER_V = const(160)
_HIGHEST_UNDER_V = const(210)
_LOWEST_OVER_V = const(230)
_HIGHEST_OVER_V = const(300)
_MOST_HYSTERESIS_V = const(20)
# The relay may open 5 s after it has closed, no earlier: a shorter delay could not be kept.
_SHORTEST_DELAY_S = const(5)
_LONGEST_DELAY_S = const(255)
_SHORTEST_RETURN_S = const(10)
_LONGEST_RETURN_S = const(9_999)
_MOST_RETURNS = const(250)
_FEWEST_STEP_W = const(50)
_DATES = const(4)
_MONTH_DAYS = b"\x1f\x1d\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"  # 29 in February


def check(rules: dict) -> None:
    """Raise ValueError, which says what is wrong, unless the rules can all be kept."""
    _check_overload(rules)
    _check_step(rules)
    _check_voltage(rules)
    _check_friendly(rules)


def _check_overload(rules: dict) -> None:
    names = ("overload_delay_s", "overload_returns", "overload_return_s")
    if not rules["overload_w"]:
        _must_be_zero(rules, names, "overload without a limit in W")
        return
    if not _SHORTEST_DELAY_S <= rules["overload_delay_s"] <= _LONGEST_DELAY_S:
        raise ValueError("an overload is cut after 5 to 255 s")
    _check_returns(rules, "overload_returns", "overload_return_s")


def _check_step(rules: dict) -> None:
    names = ("step_to_w", "step_pf_milli", "step_return_s", "step_returns")
    if not rules["step_from_w"]:
        _must_be_zero(rules, names, "heating load without a step in W")
        return
    if rules["step_from_w"] < _FEWEST_STEP_W:
        raise ValueError("a heating load is a step of 50 W or more")
    if rules["step_to_w"] < rules["step_from_w"]:
        raise ValueError("the steps of a heating load end below where they begin")
    if not 1 <= rules["step_pf_milli"] <= 1000:
        raise ValueError("a power factor is 0.001 to 1")
    _check_returns(rules, "step_returns", "step_return_s")


def _check_returns(rules: dict, count: str, pause_s: str) -> None:
    if rules[count] > _MOST_RETURNS:
        raise ValueError("the supply returns 0 to 250 times")
    if rules[count] and not _SHORTEST_RETURN_S <= rules[pause_s] <= _LONGEST_RETURN_S:
        raise ValueError("the supply returns after 10 to 9999 s")


def _check_voltage(rules: dict) -> None:
    under_v, over_v, hysteresis_v = rules["under_v"], rules["over_v"], rules["hysteresis_v"]
    if not under_v and not over_v:
        names = ("hysteresis_v", "voltage_delay_s")
        _must_be_zero(rules, names, "hysteresis and delay without a voltage")
        return
    if under_v and not _LOWEST_UNDER_V <= under_v <= _HIGHEST_UNDER_V:
        raise ValueError("the lower voltage is 160 to 210 V, or 0 for none")
    if over_v and not _LOWEST_OVER_V <= over_v <= _HIGHEST_OVER_V:
        raise ValueError("the upper voltage is 230 to 300 V, or 0 for none")
    if not 1 <= hysteresis_v <= _MOST_HYSTERESIS_V:
        raise ValueError("the hysteresis is 1 to 20 V")
    if under_v and over_v and under_v + hysteresis_v >= over_v - hysteresis_v:
        raise ValueError("the voltages leave nothing between them at which the supply returns")
    if not 1 <= rules["voltage_delay_s"] <= _LONGEST_DELAY_S:
        raise ValueError("a voltage is cut after 1 to 255 s")


def _check_friendly(rules: dict) -> None:
    if rules["friendly_from_h"] > 23 or rules["friendly_to_h"] > 23:
        raise ValueError("friendly hours are 0 to 23")
    if rules["friendly_days"] > 127:
        raise ValueError("there are seven days in a week")
    first, last = rules["friendly_from_month"], rules["friendly_to_month"]
    if (first or last) and not (1 <= first <= 12 and 1 <= last <= 12):
        raise ValueError("friendly months are 1 to 12, both the first and the last")
    for number in range(1, _DATES + 1):
        date = rules["friendly_date_%d" % number]
        month, day = divmod(date, 100)
        if date and not (1 <= month <= 12 and 1 <= day <= _MONTH_DAYS[month - 1]):
            raise ValueError("a friendly date is a month and a day")


def _must_be_zero(rules: dict, names: tuple, what: str) -> None:
    if any(rules[name] for name in names):
        raise ValueError(what)
