"""Whatever is said to a chip: it answers, and money comes from a right MAC alone."""

from hypothesis import given, settings
from hypothesis import strategies as st

import cards_kit as kit
import quota_kit
from dianka.cardos import kinds
from dianka.cardos.chip import COMMANDS, Chip
from dianka.cardos.files import card_files
from dianka.cardos.t0 import Behaviour, T0Card
from dianka.desk.sell import sell

_SYSTEM = quota_kit.founded()
_CONTROL = _SYSTEM.control
_LIMITED = quota_kit.founded(seed=2)
_LIMITED.refill(5_000, 2)
_CHIPS = {
    kinds.USER: kit.user_card(_CONTROL),
    kinds.INIT: kit.init_card(_CONTROL),
    kinds.KEYS: kit.keys_card(_CONTROL),
    kinds.RESTORE: kit.restore_card(_CONTROL),
    kinds.INSPECTION: kit.inspection_card(_CONTROL),
    kinds.TEST_CREDIT: kit.test_credit_card(_CONTROL),
    kinds.TEST: kit.production_card(_CONTROL),
    kinds.PART: _SYSTEM.parts[0],
    kinds.ESAM: kit.private_esam(_CONTROL),
    kinds.CONTROL: _CONTROL,
    "control with a quota": _LIMITED.control,
}
sell(_CONTROL, _CHIPS[kinds.USER], 5000)

# Near the truth, so that most get past the first check.
near = st.builds(
    lambda head, p1, p2, data: bytes((*head, p1, p2, len(data))) + data,
    st.sampled_from(sorted(COMMANDS)),
    st.sampled_from([0, 1, 3, 5, 6, 7, 8, 0x0A, 0x0B, 0x0C, 0x81, 0x82, 0x85, 0x87])
    | st.integers(0, 255),
    st.sampled_from([0, 1, 2, 4, 5, 7, 0x0C, 0x14, 0x2C, 0x54]) | st.integers(0, 255),
    st.binary(max_size=40)
    | st.sampled_from([bytes(n) for n in (8, 9, 12, 17, 20, 30, 36, 44)])
    | st.sampled_from([b"13579024", b"135790\xff\xff"]),
)
challenges = st.sampled_from(
    [bytes.fromhex("0084000004"), bytes.fromhex("0084000008"), bytes.fromhex("00A4000002DF01")]
)
apdus = st.lists(near | challenges | st.binary(max_size=48), max_size=25)


def copy_of(kind: str) -> Chip:
    chip = Chip(_CHIPS[kind].state.copy(), kit.seeded(3))
    chip.power_on()
    return chip


def money(chip: Chip) -> bytes:
    return chip.state.files.get(
        card_files.ESAM_WALLET if chip.kind == kinds.ESAM else card_files.CARD_WALLET, b""
    )


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(_CHIPS)), apdus)
def test_any_command_is_answered_and_none_makes_money(kind: str, said: list[bytes]) -> None:
    chip = copy_of(kind)
    before, keys_before, files = money(chip), dict(chip.state.keys), dict(chip.state.files)
    limits = quota_kit.fields(chip) if chip.kind == kinds.CONTROL else {}
    for apdu in said:
        data, sw = chip.process(apdu)
        assert 0x6000 < sw < 0xA000 and len(data) <= 256
        if sw != 0x9000:
            assert not data
    assert chip.state.keys == keys_before
    if kind == kinds.ESAM:
        now = card_files.unpack(card_files.WALLET, money(chip))
        was = card_files.unpack(card_files.WALLET, before)
        assert now["count"] == was["count"] and now["money_fen"] <= was["money_fen"]
    elif kind in (kinds.KEYS, kinds.RESTORE):
        assert money(chip) <= before  # sealing costs uses
    elif chip.kind == kinds.CONTROL:
        now = quota_kit.fields(chip)  # a PIN may be set where there is none
        assert all(now[name] <= limits[name] for name in ("quota_fen", "issues", "orders"))
        assert now["limited"] == limits["limited"]
    else:
        assert {sfi: chip.state.files[sfi] for sfi in files} == files
    chip.state.check()


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(_CHIPS)),
    st.lists(st.binary(max_size=20) | near, max_size=12),
    st.booleans(),
    st.integers(0, 2),
)
def test_any_characters_leave_a_t0_card_that_works_after_a_reset(
    kind: str, said: list[bytes], one_by_one: bool, nulls: int
) -> None:
    chip = copy_of(kind)
    card = T0Card(chip, Behaviour(one_by_one=one_by_one, nulls=nulls))
    atr = card.reset()
    for value in b"".join(said):
        assert len(card.receive(value)) <= 256 * 4 + 5
    assert card.reset() == atr
    answer = b"".join(card.receive(value) for value in bytes.fromhex("0084000004"))
    assert answer[-2:] == b"\x90\x00"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 3)), min_size=1, max_size=6))
def test_what_is_sold_is_what_is_credited(sales: list[tuple[int, int]]) -> None:
    user, esam = copy_of(kinds.USER), copy_of(kinds.ESAM)
    kit.use_in_meter(esam, user)
    bought = 5000
    for amount_fen, visits in sales:
        sell(_CONTROL, user, amount_fen)
        for _ in range(visits + 1):
            kit.use_in_meter(esam, user)
        bought += amount_fen
        assert kit.wallet(esam)[0] == bought
