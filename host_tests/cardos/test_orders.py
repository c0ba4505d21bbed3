"""Orders to a control card: two people's part cards, one card, one number, these very amounts."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cards_kit as kit
import quota_kit
from dianka.card_port import CardError, make_command
from dianka.cardos import desk_files, keys, kinds
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.core import Faults
from dianka.cardos.crypto import PROFILES
from dianka.cardos.orders import LIFT, NEW_PIN, REFILL, compute_approval
from dianka.desk import orders
from dianka.desk.orders import Order, approve, carry_out, parse_order, write_order
from dianka.desk.parts import read_part
from dianka.desk.pin import encode_pin
from quota_kit import System, fields


@pytest.fixture(params=sorted(PROFILES))
def system(request: pytest.FixtureRequest) -> System:
    return quota_kit.founded(request.param)


def bring(control: Chip, order: Order, more: bytes = b"") -> int:
    """Send the order as it is, without the desk's own look at it."""
    block = order.pack() + b"".join(order.approvals) + more
    return kit.sw_of(control, make_command("80FA0C00", block))


def test_two_part_cards_refill_it(system: System) -> None:
    system.refill(1_000_000, 50)
    found = fields(system.control)
    assert (found["limited"], found["quota_fen"], found["issues"], found["orders"]) == (
        1,
        1_000_000,
        50,
        1,
    )
    system.refill(5, 6)  # set, not added
    found = fields(system.control)
    assert (found["quota_fen"], found["issues"], found["orders"]) == (5, 6, 2)
    carry_out(system.control, system.order(LIFT))
    assert fields(system.control)["limited"] == 0 and quota_kit.diversify(
        system.control, b"resident"
    )
    assert quota_kit.charge(system.control, 4_000_000_000) == 0x9000


def test_it_can_be_written_approved_and_brought_at_three_places(system: System) -> None:
    order = write_order(system.control, REFILL, 123_456, 7)
    at_first = approve(parse_order(order.format()), system.parts[2])
    at_second = approve(parse_order(at_first.format().lower()), system.parts[0])
    carry_out(system.control, parse_order(at_second.format()))
    assert fields(system.control)["quota_fen"] == 123_456


def test_one_part_card_is_not_two_people(system: System) -> None:
    order = approve(write_order(system.control, REFILL, 100), system.parts[0])
    with pytest.raises(CardError, match="has approved this order already: take another"):
        approve(order, system.parts[0])
    with pytest.raises(CardError, match="1 of 2 part cards have approved"):
        carry_out(system.control, order)
    twice = replace(order, approvals=order.approvals * 2)
    assert bring(system.control, twice) == 0x6982
    assert bring(system.control, order) == 0x6700
    assert not fields(system.control)["orders"]
    third = approve(approve(write_order(system.control, REFILL), system.parts[0]), system.parts[1])
    with pytest.raises(CardError, match="have approved this order already: bring it"):
        approve(third, system.parts[2])


def test_an_order_is_carried_out_once_and_in_turn(system: System) -> None:
    first = system.order(REFILL, 100)
    carry_out(system.control, first)
    second = system.order(REFILL, 200)
    for old in (first, second):
        if old is second:
            carry_out(system.control, second)
        with pytest.raises(CardError, match="an order is carried out once"):
            carry_out(system.control, old)
        assert bring(system.control, old) == 0x6985
    skipped = replace(system.order(REFILL, 300), number=9)
    assert bring(system.control, skipped) == 0x6988  # and approved so:
    approvals = tuple(
        part.state.serial
        + compute_approval(
            PROFILES[part.state.profile],
            part.state.keys[keys.DESK],
            system.control.state.serial,
            skipped.pack(),
        )
        for part in system.parts[:2]
    )
    assert bring(system.control, replace(skipped, approvals=approvals)) == 0x6985
    assert fields(system.control)["quota_fen"] == 200


@pytest.mark.parametrize("profile", sorted(PROFILES))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_other_bit_of_an_order_is_approved(profile: str, data: st.DataObject) -> None:
    """Purpose, number, cards, amount, whose approvals: an approved order with one bit changed."""
    made = _MADE[profile]
    control = Chip(made.control.state.copy(), kit.seeded(3))
    control.power_on()
    order = made.order(REFILL, 100_00, 3)
    block = order.pack() + b"".join(order.approvals)
    at = data.draw(st.integers(0, 8 * len(block) - 1), "bit")
    bad = bytearray(block)
    bad[at // 8] ^= 0x80 >> at % 8
    assert kit.sw_of(control, make_command("80FA0C00", bytes(bad))) in (0x6982, 0x6988, 0x6700)
    assert control.state == made.control.state
    assert kit.sw_of(control, make_command("80FA0C00", block)) == 0x9000


_MADE = {profile: quota_kit.founded(profile) for profile in PROFILES}


def test_an_approval_says_this_very_amount_for_this_very_card(system: System) -> None:
    """A desk that shows a small amount and brings a large one; another desk's control card."""
    order = system.order(REFILL, 1_00)
    for changed in ({"quota_fen": 1_000_000_00}, {"issues": 1}, {"purpose": LIFT}, {"number": 2}):
        assert bring(system.control, replace(order, **changed)) == 0x6988
    other = quota_kit.restored(system).control
    with pytest.raises(CardError, match="this order is for control card"):
        carry_out(other, order)
    assert bring(other, order) == 0x6988


def test_foreign_parts_and_other_cards_approve_nothing(system: System) -> None:
    control = system.control
    foreign = quota_kit.founded(control.state.profile, seed=9)
    order = write_order(control, REFILL, 100)
    by_foreign = approve(approve(order, foreign.parts[0]), system.parts[0])
    with pytest.raises(CardError, match="does not know part card"):
        carry_out(control, by_foreign)
    assert bring(control, by_foreign) == 0x6982
    with pytest.raises(CardError, match="no part of a backup"):
        approve(order, kit.user_card(control))
    # A resident's card, with or without the command of a part card.
    user = kit.user_card(control)
    kit.open_card(user)
    assert kit.sw_of(user, make_command("80FA0B00", control.state.serial + order.pack())) == 0x6D00
    own = user.state.serial + compute_approval(
        PROFILES[control.state.profile],
        user.state.keys[keys.DESK],
        control.state.serial,
        order.pack(),
    )
    good = approve(order, system.parts[0]).approvals[0]
    assert bring(control, replace(order, approvals=(good, own))) == 0x6982
    # A part card of this system that the control card did not make.
    stray = kit.part_card(control)
    stray_own = (
        stray.state.serial
        + stray.process(make_command("80FA0B00", control.state.serial + order.pack()))[0]
    )
    assert bring(control, replace(order, approvals=(good, stray_own))) == 0x6982
    # The serial of one with the cipher of another.
    mixed = system.parts[1].state.serial + good[8:]
    assert bring(control, replace(order, approvals=(good, mixed))) == 0x6988
    assert not fields(control)["orders"]


def test_neither_a_meter_nor_a_control_card_can_approve(system: System) -> None:
    """INTERNAL AUTH would not do: an ESAM derives identity keys for whoever has its wires."""
    control, part = system.control, system.parts[0]
    order = system.order(REFILL, 100)
    esam = kit.private_esam(control)
    control.power_on()
    system.refill(100, 5)
    key, approval = part.state.keys[keys.DESK], order.approvals[0][8:]
    cipher = PROFILES[control.state.profile]
    serial = part.state.serial
    for data8 in (keys.APPROVAL, keys.APPROVAL_HALVES[1], order.pack()[:8], control.state.serial):
        for chip in (esam, control):
            for kid in (keys.IDENTITY, keys.EXTERNAL, keys.DESK):
                if quota_kit.diversify(chip, serial, kid) == 0x9000:
                    made, _ = chip.process(make_command("80FA0000", data8))
                    halves = cipher.derive_key(key, keys.APPROVAL)
                    assert not made or made not in (halves[:8], halves[8:], approval)
    assert bring(control, replace(order, number=2)) == 0x6988


@pytest.mark.parametrize("quota", [False, True])
def test_no_approval_can_be_made_from_what_a_control_card_enciphers(quota: bool) -> None:
    """With 3DES a derived key is two ciphers of ENCIPHER; a card without a quota gives it away."""
    system, cipher = quota_kit.founded("3des"), PROFILES["3des"]
    control, serial = system.control, system.parts[0].state.serial
    if quota:
        system.refill(0)
    order = system.order(REFILL, 100)
    steps = (keys.APPROVAL, control.state.serial, order.pack()[:8])
    made = set()
    quota_kit.diversify(control, serial)
    for at, factor in enumerate(steps):
        halves = (factor, bytes(value ^ 0xFF for value in factor))
        key = b"".join(control.process(make_command("80FA0000", half))[0] for half in halves)
        if len(key) != cipher.key_bytes:
            continue
        for rest in (steps[at + 1 :], steps[at + 2 :], ()):
            end = key
            for step in rest:
                end = cipher.derive_key(end, step)
            made.add(cipher.encipher8(end, order.pack()[8:] + bytes(4)))
    assert made and (order.approvals[0][8:] in made) is not quota


@pytest.mark.parametrize("fault", ["torn_before", "torn_after", "memory_fails_at"])
@pytest.mark.parametrize("purpose", [REFILL, LIFT, NEW_PIN])
def test_a_cut_leaves_the_card_before_the_order_or_after_it(
    system: System, purpose: int, fault: str
) -> None:
    control = system.control
    system.refill(7, 8)
    order = system.order(purpose, 100, 9)
    new_pin = encode_pin(quota_kit.PIN) if purpose == NEW_PIN else b""
    before = kit.snapshot(control)
    whole = Chip(before.copy())
    whole.power_on()
    assert bring(whole, order, new_pin) == 0x9000
    control.faults = replace(Faults(), **{fault: 1})
    if fault == "memory_fails_at":
        assert bring(control, order, new_pin) == 0x6581
    else:
        with pytest.raises(CardTorn):
            bring(control, order, new_pin)
    assert control.state == (whole.state if fault == "torn_after" else before)
    control.faults = Faults()
    control.power_on()
    assert bring(control, order, new_pin) == (0x6985 if fault == "torn_after" else 0x9000)
    assert control.state == whole.state


def test_lengths_and_purposes(system: System) -> None:
    order = system.order(REFILL, 100)
    pin = encode_pin(quota_kit.PIN)
    assert bring(system.control, order, b"\0") == 0x6700
    assert bring(system.control, order, pin) == 0x6700
    assert bring(system.control, system.order(NEW_PIN)) == 0x6700
    assert bring(system.control, system.order(NEW_PIN), bytes(8)) == 0x6A80
    assert kit.sw_of(system.control, make_command("80FA0C00", bytes(3))) == 0x6700
    assert bring(system.control, system.order(4)) == 0x6A80
    assert bring(system.control, system.order(0)) == 0x6A80
    assert kit.sw_of(system.parts[0], make_command("80FA0B00", bytes(19))) == 0x6700
    assert kit.sw_of(system.parts[0], make_command("80FA0B01", bytes(20))) == 0x6A86
    assert not fields(system.control)["orders"]


def test_a_restored_card_begins_with_nothing_and_knows_its_parts(system: System) -> None:
    system.refill(500, 5)
    again = quota_kit.restored(system)
    found = fields(again.control)
    assert found == dict.fromkeys(found, 0) | {"limited": 1}
    quota_kit.diversify(again.control, b"resident")
    assert quota_kit.charge(again.control, 1) == 0x9401
    order = write_order(again.control, REFILL, 100)
    by_unknown = approve(approve(order, system.parts[2]), system.parts[0])
    with pytest.raises(CardError, match="does not know part card"):
        carry_out(again.control, by_unknown)  # the third part was not there
    again.refill(100, 1)
    quota_kit.diversify(again.control, b"resident")
    assert quota_kit.charge(again.control, 100) == 0x9000


def test_a_part_given_twice_at_a_restore_is_one_part_card() -> None:
    """Who puts his part in under two serial numbers would be two people from then on."""
    system = quota_kit.founded()
    control = quota_kit.system.make_blank_control("sm4", kit.seeded(5))
    first = system.parts[0]
    twin = Chip(first.state.copy())
    twin.state.serial = b"twinpart"
    public = PROFILES["sm4"].derive_key(keys.PUBLIC_ROOTS[keys.DESK], twin.state.serial)
    twin.state.keys[keys.BESIDE + keys.DESK] = public
    for chip in (first, twin, system.parts[1]):
        quota_kit.system._carry(control, chip, read_part(chip))
    serials = control.state.files[desk_files.CONTROL_PARTS]
    assert serials[:16] == first.state.serial + system.parts[1].state.serial
    assert not any(serials[16:])


def test_a_control_card_without_part_cards_takes_no_order() -> None:
    trial = kit.control_card()
    with pytest.raises(CardError, match="knows no part cards"):
        write_order(trial, REFILL, 100)
    blank = quota_kit.system.make_blank_control("sm4", kit.seeded(5))
    assert kit.sw_of(blank, make_command("80FA0C00", bytes(44))) == 0x6982


def test_parts_that_are_handed_out_later_are_known(system: System) -> None:
    trial = kit.control_card(seed=8, profile=system.control.state.profile)
    parts = [kit.blank(kinds.PART, trial, 60 + number) for number in range(2)]
    quota_kit.system.back_up(trial, parts, 2)
    made = System(trial, parts)
    made.refill(100)
    assert fields(trial)["quota_fen"] == 100


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "not whole"),
        ("zz", "is no order"),
        ("00" * 22, "not whole"),
        ("00" * 500, "not whole"),
    ],
)
def test_texts_that_are_no_order(text: str, line: str) -> None:
    with pytest.raises(CardError, match=line):
        parse_order(text)


def test_a_slip_of_the_pen_is_seen(system: System) -> None:
    text = system.order(REFILL, 4_000).format()
    for at in range(len(text)):
        wrong = text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]
        with pytest.raises(CardError, match="not whole"):
            parse_order(wrong)
        with pytest.raises(CardError, match=r"not whole|is no order"):
            parse_order(text[:at])
    assert parse_order(f" {text} ").quota_fen == 4_000


def test_an_order_of_a_newer_version_and_numbers_that_do_not_fit(system: System) -> None:
    with pytest.raises(CardError, match="newer version of dianka"):
        parse_order(system.order(9).format())
    for fen, issues in ((-1, 0), (1 << 32, 0), (0, -1), (0, 1 << 24)):
        with pytest.raises(CardError, match="give other numbers"):
            write_order(system.control, REFILL, fen, issues)


def test_an_order_in_words(system: System) -> None:
    words = dict(system.order(REFILL, 1_234_56, 7).describe())
    assert words["control card"] == system.control.state.serial.hex()
    assert words["the card"] == "may seal 1234.56 yuan and make 7 cards from now"
    assert words["approved by"].count(",") == 1
    assert dict(write_order(system.control, orders.LIFT).describe())["approved by"] == "nobody"
