"""Says in words what the eight digits show: the key of a text (words.py) and its fields.

The digits' texts and their meanings are those of docs/operations.md.
"""

import re

from dianka.bench.panel.apdu_words import Said

_EXACT = {
    "rEAd": "show.reading",
    "donE": "show.done",
    "tUrn 1t": "show.turn-it",
    "oFF1CE": "show.office",
    "CALL": "show.call",
    "LAtEr": "show.later",
    "not HErE": "show.not-here",
    "U5E nEU": "show.use-new",
    "oPEn 15t": "show.open-first",
    "rEtry": "show.retry",
    "LEAUE 1n": "show.leave-in",
    "U5E 15t": "show.use-first",
    "FrEndLy": "show.friendly",
    "FActory": "show.factory",
    "no dAtA": "show.no-data",
    "not oPEn": "show.not-open",
    "EndEd": "show.ended",
    "PAy dEbt": "show.pay-debt",
    "PAy": "show.pay",
    "PUt CArd": "show.put-card",
    "Lo CArd": "show.low-card",
    "UoLt UP": "show.volts-high",
    "UoLt Lo": "show.volts-low",
    "LoAdCArd": "show.overload",
    "HEAt dAy": "show.heating",
    "no CoUnt": "show.no-count",
}
# Pattern of a text, the key, and the name of the field for its group.
_PATTERNS = tuple(
    (re.compile(pattern), key, name)
    for pattern, key, name in (
        (r"(-?\d+\.\d\d)", "show.balance", "value"),
        (r"E +(\d+\.\d\d)", "show.energy", "value"),
        (r"P[\dH]? *(\d+\.\d{4})", "show.price", "value"),
        (r"dAy +(\d+|--)", "show.days", "value"),
        (r"n0 *([\d.]+|--)", "show.month", "value"),
        (r"n1 *([\d.]+|--)", "show.last-month", "value"),
        (r"b +([\d.]+|--)", "show.last-purchase", "value"),
        (r"bn +(\d+)", "show.purchases", "value"),
        (r"bt *([\d.]+)", "show.bought", "value"),
        (r"r[12]? ([\d]{5}| +--)", "show.receipt", "value"),
        (r"od +([\d.]+)", "show.debt", "value"),
        (r"oL +([\d.]+)", "show.overdraft", "value"),
        (r"U\d? *([\d.]+)", "show.volts", "value"),
        (r"A\d? *([\d.]+)", "show.amperes", "value"),
        (r"L +(\d+)", "show.watts", "value"),
        (r"C +([\d.]+)", "show.cost", "value"),
        (r"no(\d{6})", "show.meter-no", "value"),
        (r"(\d\d-\d\d-\d\d)", "show.date", "value"),
        (r"F([-\d]{7})", "show.faults", "value"),
        (r"Err-0(\d)", "show.fault", "code"),
        (r"Err-(3\d)", "show.refused", "code"),
        (r"CodE +(\d+)", "show.code", "code"),
        (r"oFF-(\d\d)", "show.off", "code"),
        (r"LoAd +(\d*)", "show.overload-wait", "value"),
        (r"HEAt +(\d*)", "show.heating-wait", "value"),
        (r"turn +(\d*)", "show.turn", "value"),
        (r"r +([\d.]+)", "show.version", "value"),
        (r"CAL +(\w+)", "show.calibration", "value"),
        (r"([0-9AbCdEF]{8})", "show.self-check", "value"),
    )
)


def explain(text: str) -> Said:
    """Return what this text of the display means to who stands before the meter."""
    shown = text.strip()
    if not shown:
        return "show.dark", {}
    if shown in _EXACT:
        return _EXACT[shown], {}
    for pattern, key, name in _PATTERNS:
        found = pattern.fullmatch(shown)
        if found:
            value = found[1].strip()
            if key == "show.balance" and value.startswith("-"):
                return "show.owing", {name: value.removeprefix("-")}
            return key, {name: value}
    return "show.other", {}
