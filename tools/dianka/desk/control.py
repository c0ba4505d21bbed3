"""Key loading: the system control card seals keys for other chips.

`load_keys` takes a chip from the public master key that its maker gave it to the keys of a plan.
The sealed blocks go from the control card to the chip unchanged; nothing here could open them.

The `plan_` functions return the keys of one kind of chip in the order in which they are loaded, as
docs/cards/protocol.md lists them under "Who holds which key". The master key comes last: with it
the others become valid.
"""

from dataclasses import dataclass

from dianka.card_port import CardError, CardPort, make_command, read_file, send
from dianka.cardos import desk_files, keys, kinds
from dianka.cardos.chip import Chip
from dianka.cardos.crypto import SM4, Profile, find_profile
from dianka.cardos.files import card_files
from dianka.cardos.state import SERIAL_BYTES, make_state


@dataclass(frozen=True)
class Load:
    """One key to load: the key number `kid`, the key set it comes from, and its factor.

    Without a factor the root itself is loaded.
    """

    kid: int
    key_set: int = keys.PRIVATE_SET
    factor: bytes | None = None


_BORN_WITH = Load(keys.MASTER, keys.PUBLIC_SET)


def load_keys(
    control: CardPort, chip: CardPort, plan: list[Load], master: Load = _BORN_WITH
) -> None:
    """Load the keys of the plan in order.

    `master` is the master key that the chip has now. A master key in the plan takes its place for
    the keys after it. Raise CardRefused if the control card or the chip refuses a step.
    """
    for load in plan:
        r4 = send(chip, bytes.fromhex("0084000004"), "give a challenge")
        block = send(control, make_seal_command(load, master, r4), "seal a key")
        send(chip, make_command(f"84D401{load.kid:02X}", block), f"take key {load.kid:02X}")
        if load.kid == keys.MASTER:
            master = load


def make_seal_command(load: Load, master: Load, r4: bytes) -> bytes:
    """Return the SEAL KEY command for one key.

    `master` is the present master key of the chip, `r4` the chip's 4-byte challenge.
    """
    data = (
        bytes((load.key_set,))
        + _pack_kind(master)
        + _pack_kind(load)
        + r4
        + bytes((master.key_set,))
    )
    return make_command(f"80FA06{load.kid:02X}", data.ljust(30, b"\0"))


def _pack_kind(load: Load) -> bytes:
    if load.factor is None:
        return bytes((keys.ROOT,)) + keys.NO_FACTOR
    return bytes((keys.DIVERSIFIED,)) + load.factor


def read_profile(control: CardPort) -> Profile:
    """Return the system's cipher profile, read from file 01 of the control card.

    Raise CardError if the file is damaged or is not a control card's.
    """
    size = card_files.size_of(desk_files.CONTROL_INFO) + card_files.FRAME_OVERHEAD
    try:
        kind, data = card_files.unframe(read_file(control, card_files.CARD_INFO, size))
        if kind == card_files.CMD_CONTROL:
            return find_profile(card_files.unpack(desk_files.CONTROL_INFO, data)["profile"])
    except ValueError:
        pass
    raise CardError(
        "the control card does not say which cipher its system uses: choose another control card"
    )


def make_public_control(profile: str = SM4.name) -> Chip:
    """Return a control card in memory that holds the public key set alone.

    That is all that making an ESAM needs, and it is no secret.
    """
    chip = Chip(
        make_state(
            kinds.CONTROL, bytes(SERIAL_BYTES), _refuse_random, private_roots=False, profile=profile
        )
    )
    chip.power_on()
    return chip


def _refuse_random(count: int) -> bytes:
    raise RuntimeError("a control card of the public set makes no keys")


def plan_user_card(serial: bytes, meter: bytes) -> list[Load]:
    """Return the keys of a resident's card: private, two of them by the meter's number."""
    by_serial = (keys.IDENTITY, keys.EXTERNAL, keys.WRITE_BACK, keys.DESK)
    plan = [Load(kid, factor=serial) for kid in by_serial]
    plan += [Load(kid, factor=meter) for kid in (keys.PARAMETERS, keys.PURCHASE)]
    return [*plan, Load(keys.MASTER, factor=serial)]


def plan_init_card(serial: bytes) -> list[Load]:
    """Return the keys of a meter initialisation card, all of the public set."""
    by_serial = (keys.IDENTITY, keys.EXTERNAL, keys.WRITE_BACK, keys.DESK)
    plan = [Load(kid, keys.PUBLIC_SET, serial) for kid in by_serial]
    plan += [Load(kid, keys.PUBLIC_SET) for kid in (keys.PARAMETERS, keys.PURCHASE)]
    return [*plan, Load(keys.MASTER, keys.PUBLIC_SET, serial)]


def plan_keys_card(serial: bytes) -> list[Load]:
    """Return the keys of a master-key change card.

    The roots that it hands on are loaded after the card's own private master key. So they never
    travel under a key that everybody knows.
    """
    master = Load(keys.MASTER, factor=serial)
    own = [Load(keys.IDENTITY, keys.PUBLIC_SET, serial), Load(keys.DESK, factor=serial), master]
    return [*own, *(Load(keys.BESIDE + kid) for kid in kinds.HANDED_ON), master]


def plan_restore_card(serial: bytes) -> list[Load]:
    """Return the keys of a restore card.

    Of the roots it gets the private master root alone, to open a meter. The keys that it puts into
    the meter are public.
    """
    master = Load(keys.MASTER, factor=serial)
    own = [Load(keys.IDENTITY, factor=serial), Load(keys.DESK, factor=serial), master]
    return [*own, Load(keys.BESIDE + keys.MASTER), master]


def plan_inspection_card(serial: bytes) -> list[Load]:
    """Return two sets of keys, so that the card works in meters of either key state."""
    private = [Load(kid, factor=serial) for kid in (*keys.FOR_ESAM, keys.DESK)]
    public = [Load(keys.BESIDE + kid, keys.PUBLIC_SET, serial) for kid in keys.FOR_ESAM]
    return [*private, *public, Load(keys.MASTER, factor=serial)]


def plan_production_card(serial: bytes, purchase: bool) -> list[Load]:
    """Return public keys: the card works only in a meter that still has the factory's keys."""
    plan = [Load(kid, keys.PUBLIC_SET, serial) for kid in (keys.IDENTITY, keys.EXTERNAL, keys.DESK)]
    if purchase:
        plan.append(Load(keys.PURCHASE, keys.PUBLIC_SET))
    return [*plan, Load(keys.MASTER, keys.PUBLIC_SET, serial)]


def plan_part_card(serial: bytes) -> list[Load]:
    """Return the keys of a backup part card.

    Its public desk key, beside the private one, seals the part for a blank control card.
    """
    private = [Load(kid, factor=serial) for kid in (keys.IDENTITY, keys.DESK)]
    return [
        *private,
        Load(keys.BESIDE + keys.DESK, keys.PUBLIC_SET, serial),
        Load(keys.MASTER, factor=serial),
    ]


def plan_esam() -> list[Load]:
    """Return the keys of a new ESAM: public, by meter number zero."""
    plan = [Load(kid, keys.PUBLIC_SET) for kid in (keys.IDENTITY, keys.EXTERNAL, keys.WRITE_BACK)]
    by_meter = (keys.PARAMETERS, keys.PURCHASE, keys.MASTER)
    return plan + [Load(kid, keys.PUBLIC_SET, keys.NO_FACTOR) for kid in by_meter]


def plan_meter(meter: bytes) -> list[Load]:
    """Return the keys that a master-key change card loads into an ESAM.

    A restore card loads `plan_esam`.
    """
    first = [Load(kid, factor=meter) for kid in (keys.PARAMETERS, keys.PURCHASE)]
    return [*first, *(Load(kid) for kid in keys.FOR_ESAM), Load(keys.MASTER, factor=meter)]
