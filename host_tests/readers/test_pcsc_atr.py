"""The meter's ATR reader against pyscard's, on real cards' ATRs.

real_atrs.txt: answers to reset of cards in the field, as the public list of the pcsc-tools names
them - chosen so that nearly every combination of interface bytes, protocols, Fi/Di and extra guard
time in it is there once, and with some that cards give against the rules.
"""

import functools
import importlib
import operator
from pathlib import Path
from typing import Any

import pytest

from dianka.firmware import load_shared

iso7816 = load_shared("iso7816")
REAL = [
    bytes.fromhex(line) for line in Path(__file__).with_name("real_atrs.txt").read_text().split()
]


@pytest.fixture
def theirs() -> Any:
    from pcsc_kit import need

    need(pyscard=True)
    return importlib.import_module("smartcard.ATR").ATR


def test_the_list_is_wide() -> None:
    assert len(set(REAL)) == len(REAL) >= 200


@pytest.mark.parametrize("atr", REAL, ids=lambda atr: atr.hex())
def test_agrees_with_pyscard(theirs: Any, atr: bytes) -> None:
    ours, other = iso7816.AtrReader(), theirs(list(atr))
    ours.receive(atr)
    if atr[0] == 0x3F:  # the meter's cards use the direct convention
        assert ours.error == "inverse convention"
        return
    protocols = other.getSupportedProtocols()
    assert {f"T={number}" for number in ours.protocols} == set(protocols)
    missing = other.K - len(other.historicalBytes)
    if missing:
        assert ours.want == missing + (set(protocols) != {"T=0"})
        return
    if set(protocols) != {"T=0"} and not other.hasChecksum:
        # pyscard looks for a TCK at the very end of the list's entry, the reader behind the
        # historical bytes.
        check = functools.reduce(operator.xor, ours.raw[1:])
        assert ours.want == 1 or ours.error == ("ATR with a wrong TCK" if check else "")
        return
    if other.checksumOK is False and set(protocols) != {"T=0"}:
        assert ours.error == "ATR with a wrong TCK"
        return
    reserved = "RFU" in (fi_of(other), di_of(other)) or 0 in other.TC[1:2]
    assert ours.error == ("ATR with reserved values" if reserved else "")
    if not reserved:
        compare(ours, other)


def compare(ours: Any, other: Any) -> None:
    assert (ours.fi, ours.di) == (fi_of(other), di_of(other))
    assert ours.historical == bytes(other.getHistoricalBytes())
    assert ours.extra_guard_etu == {None: 0, 255: 0}.get(other.TC[0], other.TC[0])
    assert ours.want == 0
    # Characters behind a whole ATR are left alone: a TCK that T=0 does not have, or another card's
    # list entry.
    assert other.atr[: len(ours.raw)] == list(ours.raw)


def fi_of(other: Any) -> int | str:
    return other.clockrateconversion[other.FI] if other.FI is not None else 372


def di_of(other: Any) -> int | str:
    return other.bitratefactor[other.DI] if other.DI is not None else 1
