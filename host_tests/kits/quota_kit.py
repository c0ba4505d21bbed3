"""Systems founded with part cards, for the tests of PIN, quota and orders."""

from dataclasses import dataclass

import cards_kit as kit
from dianka.card_port import make_command
from dianka.cardos import desk_files, keys, kinds
from dianka.cardos.chip import Chip
from dianka.cardos.files import card_files
from dianka.desk import orders, system

PIN, OTHER_PIN = "135790", "24680246"
NEXT_WALLET = bytes.fromhex("04 D6 82 00 0C")


@dataclass
class System:
    """A control card with a backup of three parts, two of them needed."""

    control: Chip
    parts: list[Chip]

    def order(self, purpose: int = orders.REFILL, fen: int = 0, issues: int = 0) -> orders.Order:
        """Return the next order, approved by the first two part cards."""
        order = orders.write_order(self.control, purpose, fen, issues)
        for part in self.parts[:2]:
            order = orders.approve(order, part)
        return order

    def refill(self, fen: int, issues: int = 0) -> None:
        orders.carry_out(self.control, self.order(orders.REFILL, fen, issues))


def founded(profile: str = "sm4", seed: int = 1) -> System:
    rng = kit.seeded(seed)
    control = system.make_blank_control(profile, rng)
    parts = [Chip.new(kinds.PART, rng=rng, profile=profile) for _ in range(3)]
    system._hand_out_parts(control, system.begin_system(control, profile), parts, 2)
    system.keep_keys(control, profile)
    return System(control, parts)


def restored(founder: System, seed: int = 2) -> System:
    """Return a new control card with the keys of the first two parts."""
    control = system.make_blank_control(founder.control.state.profile, kit.seeded(seed))
    system.restore_on_chip(control, founder.parts[:2])
    return System(control, founder.parts)


def fields(control: Chip) -> dict[str, int]:
    """Return the content of the control card's file QUOTA."""
    return card_files.unpack(desk_files.QUOTA, control.state.files[desk_files.CONTROL_QUOTA])


def diversify(control: Chip, serial: bytes, kid: int = keys.DESK) -> int:
    return kit.sw_of(control, make_command(f"80FA00{kid:02X}", serial))


def wallet(money_fen: int, count: int) -> bytes:
    return card_files.pack(card_files.WALLET, {"money_fen": money_fen, "count": count})


def mac(control: Chip, message: bytes, r4: bytes = b"\1\2\3\4") -> tuple[bytes, int]:
    return control.process(make_command("80FA0500", r4 + message))


def charge(control: Chip, money_fen: int, count: int = 1) -> int:
    """Return the status word of a MAC over a wallet."""
    return mac(control, NEXT_WALLET + wallet(money_fen, count))[1]
