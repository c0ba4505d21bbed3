"""The system control card at work: sealing keys into other chips.

`load_keys` takes a chip from the public master key it was born with to the keys of a plan. The
blocks go from the control card to the chip as they are; nothing here could open them.
"""

from dataclasses import dataclass

from dianka.card_port import CardError, CardPort, command, read_file, send
from dianka.cardos import desk_files, keys, kinds
from dianka.cardos.chip import Chip
from dianka.cardos.crypto import SM4, Profile, by_code
from dianka.cardos.files import card_files
from dianka.cardos.state import SERIAL_BYTES, new_state


@dataclass(frozen=True)
class Load:
    """One key to load: into which kid, from which set; no factor means the root itself."""

    kid: int
    key_set: int = keys.PRIVATE_SET
    factor: bytes | None = None


_BORN_WITH = Load(keys.MASTER, keys.PUBLIC_SET)


def load_keys(
    control: CardPort, chip: CardPort, plan: list[Load], master: Load = _BORN_WITH
) -> None:
    """Load the plan in order.

    `master` is the master key that the chip has now; one in the plan takes over from there.
    """
    for load in plan:
        r4 = send(chip, bytes.fromhex("0084000004"), "give a challenge")
        block = send(control, seal_command(load, master, r4), "seal a key")
        send(chip, command(f"84D401{load.kid:02X}", block), f"take key {load.kid:02X}")
        if load.kid == keys.MASTER:
            master = load


def seal_command(load: Load, master: Load, r4: bytes) -> bytes:
    """SEAL KEY: `load` for a chip whose master key is `master`, under its challenge."""
    data = bytes((load.key_set,)) + _kind(master) + _kind(load) + r4 + bytes((master.key_set,))
    return command(f"80FA06{load.kid:02X}", data.ljust(30, b"\0"))


def _kind(load: Load) -> bytes:
    if load.factor is None:
        return bytes((keys.ROOT,)) + keys.NO_FACTOR
    return bytes((keys.DIVERSIFIED,)) + load.factor


def profile_of(control: CardPort) -> Profile:
    """The system's cipher profile, as the control card's file 01 says it."""
    size = card_files.size_of(desk_files.CONTROL_INFO) + card_files.FRAME_OVERHEAD
    try:
        kind, data = card_files.unframe(read_file(control, card_files.CARD_INFO, size))
        if kind == card_files.CMD_CONTROL:
            return by_code(card_files.unpack(desk_files.CONTROL_INFO, data)["profile"])
    except ValueError:
        pass
    raise CardError(
        "the control card does not say which cipher its system uses: choose another control card"
    )


def public_control(profile: str = SM4.name) -> Chip:
    """A control card with the public set alone: all that making an ESAM needs, and no secret."""
    chip = Chip(
        new_state(
            kinds.CONTROL, bytes(SERIAL_BYTES), _no_random, private_roots=False, profile=profile
        )
    )
    chip.power_on()
    return chip


def _no_random(count: int) -> bytes:
    raise RuntimeError("a control card of the public set makes no keys")


def user_plan(serial: bytes, meter: bytes) -> list[Load]:
    by_serial = (keys.IDENTITY, keys.EXTERNAL, keys.WRITE_BACK, keys.DESK)
    plan = [Load(kid, factor=serial) for kid in by_serial]
    plan += [Load(kid, factor=meter) for kid in (keys.PARAMETERS, keys.PURCHASE)]
    return [*plan, Load(keys.MASTER, factor=serial)]


def init_plan(serial: bytes) -> list[Load]:
    by_serial = (keys.IDENTITY, keys.EXTERNAL, keys.WRITE_BACK, keys.DESK)
    plan = [Load(kid, keys.PUBLIC_SET, serial) for kid in by_serial]
    plan += [Load(kid, keys.PUBLIC_SET) for kid in (keys.PARAMETERS, keys.PURCHASE)]
    return [*plan, Load(keys.MASTER, keys.PUBLIC_SET, serial)]


def keys_plan(serial: bytes) -> list[Load]:
    """The roots to hand on come after the card's own private master.

    They are never under a key that everybody knows.
    """
    master = Load(keys.MASTER, factor=serial)
    own = [Load(keys.IDENTITY, keys.PUBLIC_SET, serial), Load(keys.DESK, factor=serial), master]
    return [*own, *(Load(keys.BESIDE + kid) for kid in kinds.HANDED_ON), master]


def restore_plan(serial: bytes) -> list[Load]:
    """The private master root alone, to open a meter; what it closes it with is public."""
    master = Load(keys.MASTER, factor=serial)
    own = [Load(keys.IDENTITY, factor=serial), Load(keys.DESK, factor=serial), master]
    return [*own, Load(keys.BESIDE + keys.MASTER), master]


def inspection_plan(serial: bytes) -> list[Load]:
    """Two sets of keys, for meters of either key state."""
    private = [Load(kid, factor=serial) for kid in (*keys.FOR_ESAM, keys.DESK)]
    public = [Load(keys.BESIDE + kid, keys.PUBLIC_SET, serial) for kid in keys.FOR_ESAM]
    return [*private, *public, Load(keys.MASTER, factor=serial)]


def production_plan(serial: bytes, purchase: bool) -> list[Load]:
    """Public keys: it works in a meter of the factory alone."""
    plan = [Load(kid, keys.PUBLIC_SET, serial) for kid in (keys.IDENTITY, keys.EXTERNAL, keys.DESK)]
    if purchase:
        plan.append(Load(keys.PURCHASE, keys.PUBLIC_SET))
    return [*plan, Load(keys.MASTER, keys.PUBLIC_SET, serial)]


def part_plan(serial: bytes) -> list[Load]:
    private = [Load(kid, factor=serial) for kid in (keys.IDENTITY, keys.DESK)]
    return [
        *private,
        Load(keys.BESIDE + keys.DESK, keys.PUBLIC_SET, serial),
        Load(keys.MASTER, factor=serial),
    ]


def esam_plan() -> list[Load]:
    """The factory's: public, and meter number zero."""
    plan = [Load(kid, keys.PUBLIC_SET) for kid in (keys.IDENTITY, keys.EXTERNAL, keys.WRITE_BACK)]
    by_meter = (keys.PARAMETERS, keys.PURCHASE, keys.MASTER)
    return plan + [Load(kid, keys.PUBLIC_SET, keys.NO_FACTOR) for kid in by_meter]


def meter_plan(meter: bytes) -> list[Load]:
    """What a master-key change card loads into an ESAM; a restore card loads `esam_plan`."""
    first = [Load(kid, factor=meter) for kid in (keys.PARAMETERS, keys.PURCHASE)]
    return [*first, *(Load(kid) for kid in keys.FOR_ESAM), Load(keys.MASTER, factor=meter)]
