"""The rules for a T=0 sender and receiver on the contact, in etu (ISO 7816-3, 7.2 and 7.3).

Each function returns the breach as text, or "".
"""

_TURN_ETU = 15.5  # 16 between edges of opposite directions, less a sampling tolerance
_GAP_ETU = 11.8
_SIGNAL_ETU = (10.3, 10.7)  # 10.5, 0.2 more or less
_SIGNAL_LONG_ETU = (1.0, 2.0)


def judge_gap(last_by: str, gap_etu: float) -> str:
    """Judge the gap from the last leading edge to that of a character of the chip.

    `last_by`: who sent the last character, "chip", "card", or "" for nobody.
    """
    if last_by == "card" and gap_etu < _TURN_ETU:
        return f"turned round after {gap_etu:.1f} etu, 16 are needed"
    if last_by == "chip" and gap_etu < _GAP_ETU:
        return f"characters {gap_etu:.1f} etu apart, 12 are needed"
    return ""


def judge_signal(began_etu: float, took_etu: float) -> str:
    """Judge the chip's error signal, by its beginning after the character's edge."""
    began_well = _SIGNAL_ETU[0] <= began_etu <= _SIGNAL_ETU[1]
    if began_well and _SIGNAL_LONG_ETU[0] <= took_etu <= _SIGNAL_LONG_ETU[1]:
        return ""
    return (
        f"an error signal of {took_etu:.2f} etu after {began_etu:.2f}: "
        "it begins after 10.5 and lasts 1 to 2"
    )
