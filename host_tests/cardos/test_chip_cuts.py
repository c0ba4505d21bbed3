"""Power lost at every write that a chip makes, in every session.

The old state or the new one, and the session ends well later.

A session is played once to its end while each stored state is noted; then again for each of these
writes, with the power cut just before it and just after it. The chip must hold the state before
that write or after it, nothing between and nothing else.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest

import cards_kit as kit
import quota_kit
from dianka.card_port import CardRefused, make_command, send
from dianka.cardos import keys, kinds
from dianka.cardos.chip import CardTorn, Chip
from dianka.cardos.core import Faults
from dianka.cardos.crypto import PROFILES
from dianka.cardos.files import card_files, service_files
from dianka.cardos.state import State
from dianka.desk import control as sealing
from dianka.desk import orders, service
from dianka.desk.sell import SaleError, sell
from dianka.desk.session import Desk
from meter_kit import tell

Chips = dict[str, Chip]
REFUND_FEN = 700


def _initialise(chips: Chips) -> None:
    kit.initialise(chips["esam"], chips["init"])


def _change_keys(chips: Chips) -> None:
    kit.change_keys(chips["esam"], chips["keys"])


def _restore_keys(chips: Chips) -> None:
    esam, card = chips["esam"], chips["restore"]
    assert kit.identify(esam, card, kit.open_card(card))
    master = sealing.Load(keys.MASTER, keys.PRIVATE_SET, kit.METER)
    sealing.load_keys(card, esam, sealing.plan_esam(), master)


def _sell(chips: Chips) -> None:
    sell(chips["control"], chips["user"], 5000, kit.seeded(31))


def _purchase(chips: Chips) -> None:
    kit.use_in_meter(chips["esam"], chips["user"])


def _refund(chips: Chips) -> None:
    user, esam = chips["user"], chips["esam"]
    serial = kit.open_card(user)
    kit.prove_meter(esam, user, serial)
    count = int.from_bytes(user.state.files[card_files.CARD_ORDER][4:], "big")
    if count == kit.wallet(esam)[1] + 1:
        kit.carry(esam, user, "04B08600", "8430020C0C")
    kit.write_back(esam, user, serial)


def _test_card(chips: Chips) -> None:
    card = chips["test"]
    kit.prove_meter(chips["esam"], card, kit.open_card(card))
    send(card, bytes.fromhex("803000140800000001FFFFFFFE"), "count its use")
    for number in range(2):
        result = card_files.pack(service_files.TEST_RESULT, {"done": 1, "passed": number})
        send(card, make_command("00E2002C", result), "take a result")


def _inspect(chips: Chips) -> None:
    esam, card = chips["esam"], chips["inspection"]
    serial = kit.open_card(card)
    kit.prove_meter(esam, card, serial)
    for where, target in (
        ("04B2010C", "04D6820008"),
        ("04B2030C", "04D6820408"),
        ("04B08200", "04D683002B"),
    ):
        header = bytes.fromhex(target)
        block = send(
            esam, make_command(where, kit.challenge(card) + header + serial), "seal a file"
        )
        send(card, header + block, "take a file")
    send(card, make_command("00E20054", bytes(24)), "take an event")


def _issue(chips: Chips) -> None:
    chip, control = chips["new"], chips["control"]
    chip.power_on()
    sealing.load_keys(control, chip, sealing.plan_user_card(chip.state.serial, kit.METER))


def _refill(chips: Chips) -> None:
    control = chips["control"]
    number = quota_kit.fields(control)["orders"] + 1
    order = orders.write_order(control, orders.REFILL, 7_000, number)
    for name in ("part", "other part"):
        order = orders.approve(order, chips[name])
    orders.carry_out(control, order)


def _make_inspection(chips: Chips) -> None:
    chip = chips["new"]
    service.make_inspection(chips["control"], chip, service.InspectionData())


def _limited(control: Chip) -> Chips:
    """Return a control card with a quota, its part cards, a resident's card and a new one."""
    system = quota_kit.founded(control.state.profile)
    user = kit.user_card(system.control)
    system.refill(9_000, 3)
    chips = {"control": system.control, "user": user}
    return chips | {"new": kit.blank(kinds.INSPECTION, system.control, 41)}


def _with_parts(control: Chip) -> Chips:
    system = quota_kit.founded(control.state.profile)
    return {"control": system.control, "part": system.parts[0], "other part": system.parts[2]}


def _private(chips: Chips, control: Chip) -> Chips:
    return chips | {"esam": kit.private_esam(control)}


def _bought(control: Chip) -> Chips:
    chips = {"control": control, "user": kit.user_card(control), "esam": kit.private_esam(control)}
    _sell(chips)
    return chips


def _to_refund(control: Chip) -> Chips:
    chips = _bought(control)
    _purchase(chips)
    user = chips["user"]
    desk = Desk(control, user, kit.open_card(user))
    desk.authenticate()
    desk.update(
        card_files.CARD_ORDER,
        card_files.pack(card_files.WALLET, {"money_fen": REFUND_FEN, "count": 2}),
    )
    return chips


def _factory(control: Chip, name: str, card: Callable[[Chip], Chip]) -> Chips:
    esam = kit.factory_esam(profile=control.state.profile)
    esam.power_on()
    if name != "init":
        kit.initialise(esam, kit.init_card(control))
    return {"esam": esam, name: card(control)}


Story = tuple[Callable[[Chip], Chips], Callable[[Chips], None]]
STORIES: dict[str, Story] = {
    "initialisation": (lambda control: _factory(control, "init", kit.init_card), _initialise),
    "key change": (lambda control: _factory(control, "keys", kit.keys_card), _change_keys),
    "key restore": (
        lambda control: _private({"restore": kit.restore_card(control)}, control),
        _restore_keys,
    ),
    "sale": (lambda control: {"control": control, "user": kit.user_card(control)}, _sell),
    "sale from a quota": (_limited, _sell),
    "issue from a quota": (_limited, _make_inspection),
    "refill": (_with_parts, _refill),
    "purchase": (_bought, _purchase),
    "refund": (_to_refund, _refund),
    "production test": (lambda control: _factory(control, "test", kit.production_card), _test_card),
    "inspection": (
        lambda control: _private({"inspection": kit.inspection_card(control)}, control),
        _inspect,
    ),
    "issue": (
        lambda control: {"control": control, "new": kit.blank(kinds.USER, control, 40)},
        _issue,
    ),
}


def play(
    name: str, states: dict[str, State], cut: tuple[str, str, int] | None = None
) -> tuple[Chips, dict[str, list[State]]]:
    """Play the story on chips in these states; return the chips and all states each stored."""
    chips: Chips = {}
    stored: dict[str, list[State]] = {who: [state] for who, state in states.items()}
    for number, (who, state) in enumerate(states.items()):
        chips[who] = Chip(state.copy(), kit.seeded(50 + number))
        chips[who].on_commit = stored[who].append
        chips[who].power_on()
    if cut is None:
        STORIES[name][1](chips)
        return chips, stored
    who, fault, at = cut
    chips[who].faults = replace(Faults(), **{fault: at})
    with pytest.raises((CardTorn, SaleError)):
        STORIES[name][1](chips)
    return chips, stored


def finish(name: str, chips: Chips) -> None:
    """As people do: put it in again. A chip that is done already may say so."""
    for chip in chips.values():
        chip.power_on()
    try:
        STORIES[name][1](chips)
    except CardRefused as refused:
        assert refused.sw in (0x6985, 0x6988), refused
    except AssertionError:
        # The ESAM has the new identity key: the card of the old set isn't known to it any more.
        assert name in ("key change", "key restore")


@pytest.mark.parametrize("profile", list(PROFILES))
@pytest.mark.parametrize("name", list(STORIES))
def test_power_lost_at_every_write_leaves_old_or_new(name: str, profile: str) -> None:
    states = {
        who: chip.state for who, chip in STORIES[name][0](kit.control_card(profile=profile)).items()
    }
    ended, history = play(name, states)
    points = 0
    for who, stored in history.items():
        for at in range(1, len(stored)):
            for fault, holds in (("torn_before", stored[at - 1]), ("torn_after", stored[at])):
                chips, _ = play(name, states, (who, fault, at))
                points += 1
                assert chips[who].state == holds, (who, fault, at)
                for other, chip in chips.items():
                    assert chip.state in history[other], (who, fault, at, other)
                if "esam" not in chips or name in ("production test", "inspection"):
                    continue  # the desk and the tester begin again with other counts
                finish(name, chips)
                esam = chips["esam"].state
                assert (esam.keys, esam.pending) == (ended["esam"].state.keys, {}), (who, fault, at)
                assert esam.files == ended["esam"].state.files, (who, fault, at)
    assert points
    tell(f"{name}, {profile}: {points} cuts")


@pytest.mark.parametrize("profile", list(PROFILES))
@pytest.mark.parametrize("name", ["sale from a quota", "issue from a quota", "refill"])
def test_what_a_quota_pays_for_is_paid_once_after_a_cut_anywhere(name: str, profile: str) -> None:
    """Done again as people do, sale, card and order cost what they cost without a cut."""
    states = {
        who: chip.state for who, chip in STORIES[name][0](kit.control_card(profile=profile)).items()
    }
    ended, history = play(name, states)
    points = 0
    for who, stored in history.items():
        for at in range(1, len(stored)):
            for fault in ("torn_before", "torn_after"):
                chips, _ = play(name, states, (who, fault, at))
                points += 1
                for chip in chips.values():
                    chip.faults = Faults()
                    chip.power_on()
                carried_out = name == "refill" and fault == "torn_after"
                # SaleError: the purchase is on the card already.
                with contextlib.suppress(SaleError):
                    if not carried_out:
                        STORIES[name][1](chips)
                found = quota_kit.fields(chips["control"])
                assert found == quota_kit.fields(ended["control"]), (who, fault, at)
    assert points >= 2


def test_a_command_stores_at_most_once() -> None:
    """What makes all this true: no command has a middle."""
    _, history = play(
        "purchase", {who: chip.state for who, chip in _bought(kit.control_card()).items()}
    )
    assert {who: len(stored) - 1 for who, stored in history.items()} == {
        "control": 0,
        "user": 1,
        "esam": 2,
    }


def test_a_refund_takes_money_out_once_and_never_more_than_there_is() -> None:
    control = kit.control_card()
    chips = _to_refund(control)
    esam, user = chips["esam"], chips["user"]
    assert kit.wallet(esam) == (5000, 1)
    send(esam, make_command("8030000C", card_files.with_inverse((4500).to_bytes(4, "big"))), "use")
    order = make_command("04B08600", kit.challenge(esam) + bytes.fromhex("8430020C0C"))
    short = bytes.fromhex("8430020C0C") + send(user, order, "read sealed")
    assert kit.sw_of(esam, short) == 0x9401
    assert kit.wallet(esam) == (500, 1)
    chips = _to_refund(control)
    esam, user = chips["esam"], chips["user"]
    _refund(chips)
    assert kit.wallet(esam) == (5000 - REFUND_FEN, 2)
    again = send(
        user,
        make_command("04B08600", kit.challenge(esam) + bytes.fromhex("8430020C0C")),
        "read sealed",
    )
    assert kit.sw_of(esam, bytes.fromhex("8430020C0C") + again) == 0x6985
    # A purchase is no refund, and a refund no purchase, whatever the card is asked for.
    assert (
        kit.sw_of(user, make_command("04B08600", kit.challenge(esam) + bytes.fromhex("8432010C0C")))
        == 0x6982
    )
    assert (
        kit.sw_of(user, make_command("04B08200", kit.challenge(esam) + bytes.fromhex("8430020C0C")))
        == 0x6982
    )
    assert kit.sw_of(esam, bytes.fromhex("8432010C0C") + again) in (0x6987, 0x6988)


@pytest.mark.parametrize(
    ("fault", "counted"), [("torn_before", 0), ("torn_after", 1), ("memory_fails_at", 0)]
)
def test_nobody_hears_that_a_guess_was_wrong_before_it_is_counted(fault: str, counted: int) -> None:
    user = kit.user_card(kit.control_card())
    for guess, kid, tries in (
        ("0082000208" + "00" * 8, keys.EXTERNAL, "tries"),
        ("84D4010124" + "00" * 36, 0, "mac_tries"),
    ):
        kit.open_card(user)
        kit.challenge(user, 8)
        before = getattr(user.state, tries).get(kid)
        user.faults = replace(Faults(), **{fault: 1})
        if fault == "memory_fails_at":
            assert kit.sw_of(user, guess) == 0x6581
        else:
            with pytest.raises(CardTorn):
                kit.sw_of(user, guess)
        most = keys.TRIES if tries == "tries" else keys.MAC_TRIES
        assert getattr(user.state, tries).get(kid) == (most - 1 if counted else before)
        user.faults = Faults()
