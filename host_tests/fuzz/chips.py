"""Target for chips: any commands to any card, ESAM or control card, as APDUs and as characters.

First byte: which chip, and which way. Then commands, each behind a byte with its length. No command
may make money, change a key or leave a state that no chip could be in, whatever its CLA, INS, P1,
P2, Lc, Le and length; each has an answer.
"""

import cards_kit as kit
import quota_kit
from dianka.cardos import kinds
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files
from dianka.cardos.t0 import T0Card
from dianka.desk.pin import change_pin
from dianka.desk.sell import sell

MOST_COMMANDS = 40
_SYSTEM = quota_kit.founded()
_CONTROL = _SYSTEM.control
_USER = kit.user_card(_CONTROL)
sell(_CONTROL, _USER, 5000)


def _make_limited() -> Chip:
    """Return a control card with a PIN that was never given, and with a quota."""
    made = quota_kit.founded()
    made.refill(5_000, 2)
    change_pin(made.control, None, quota_kit.PIN)
    return made.control


CHIPS = [
    _USER,
    kit.init_card(_CONTROL),
    kit.keys_card(_CONTROL),
    kit.restore_card(_CONTROL),
    kit.inspection_card(_CONTROL),
    kit.test_credit_card(_CONTROL),
    kit.production_card(_CONTROL),
    kit.private_esam(_CONTROL),
    _CONTROL,
    _SYSTEM.parts[0],
    _make_limited(),
]
AS_CHARACTERS = 0x80


def apdus(text: bytes) -> list[bytes]:
    """The commands in a text."""
    found, at = [], 1
    while at < len(text) and len(found) < MOST_COMMANDS:
        found.append(text[at + 1 : at + 1 + text[at]])
        at += 1 + text[at]
    return found


def commands(text: bytes) -> None:
    if not text:
        return
    made = CHIPS[(text[0] & ~AS_CHARACTERS) % len(CHIPS)]
    chip = Chip(made.state.copy(), kit.seeded(3))
    (_characters if text[0] & AS_CHARACTERS else _commands)(chip, apdus(text))
    _unharmed(chip, made)


def _commands(chip: Chip, said: list[bytes]) -> None:
    chip.power_on()
    for apdu in said:
        data, sw = chip.process(apdu)
        assert 0x6000 < sw < 0xA000 and len(data) <= 256, f"{sw:04X} with {len(data)} bytes"
        assert not data or sw == 0x9000, f"data with {sw:04X}"


def _characters(chip: Chip, said: list[bytes]) -> None:
    card = T0Card(chip)
    atr = card.reset()
    for value in b"".join(said):
        assert len(card.receive(value)) <= 256 + 3
    assert card.reset() == atr
    answer = b"".join(card.receive(value) for value in bytes.fromhex("0084000004"))
    assert len(answer) == 7 and answer[-2:] == b"\x90\x00", "no challenge after a reset"


def _unharmed(chip: Chip, made: Chip) -> None:
    chip.state.check()
    assert chip.state.keys == made.state.keys, "a key was changed"
    if chip.kind == kinds.ESAM:
        now, was = (
            card_files.unpack(card_files.WALLET, one.state.files[card_files.ESAM_WALLET])
            for one in (chip, made)
        )
        assert now["count"] == was["count"] and now["money_fen"] <= was["money_fen"], (
            "money out of nothing"
        )
    elif chip.kind in (kinds.USER, kinds.INIT):
        assert (
            chip.state.files[card_files.CARD_WALLET] == made.state.files[card_files.CARD_WALLET]
        ), "money out of nothing"
    elif chip.kind == kinds.CONTROL and quota_kit.fields(made)["limited"]:
        assert quota_kit.fields(chip) | {"pin_failures": 0} == quota_kit.fields(made), (
            "something was sealed without the PIN, or the quota was changed"
        )
