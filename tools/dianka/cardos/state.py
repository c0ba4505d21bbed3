"""The state that a chip keeps without power, and its content when the chip is made.

A state is changed on a copy only (core.py), so that a command leaves the old state or the new one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from dianka.cardos import desk_files, keys, kinds
from dianka.cardos.crypto import PROFILES, SM4
from dianka.cardos.files import card_files

SERIAL_BYTES = 8


@dataclass
class State:
    """Files by short id, keys by kid, and `pending` keys, which wait for the master key.

    `tries` and `mac_tries` hold by kid how many failed EXTERNAL AUTH and wrong MACs are still
    allowed, where some have happened.
    """

    kind: str
    serial: bytes
    profile: str = SM4.name
    files: dict[int, bytes] = field(default_factory=dict)
    keys: dict[int, bytes] = field(default_factory=dict, repr=False)
    pending: dict[int, bytes] = field(default_factory=dict, repr=False)
    tries: dict[int, int] = field(default_factory=dict)
    mac_tries: dict[int, int] = field(default_factory=dict)

    def copy(self) -> "State":
        return State(
            self.kind,
            self.serial,
            self.profile,
            dict(self.files),
            dict(self.keys),
            dict(self.pending),
            dict(self.tries),
            dict(self.mac_tries),
        )

    def check(self) -> None:
        """Raise ValueError if no chip could be in this state."""
        if self.kind not in kinds.ALL or self.profile not in PROFILES:
            raise ValueError("unknown kind of card")
        kind = kinds.find_make(self.kind, self.files)
        if len(self.serial) != SERIAL_BYTES:
            raise ValueError("wrong serial")
        if {sfi: len(data) for sfi, data in self.files.items()} != {
            sfi: spec.size for sfi, spec in kind.files.items()
        }:
            raise ValueError("wrong files")
        allowed = kind.kids or {*keys.ROOT_KIDS, *(keys.PUBLIC + kid for kid in keys.ROOT_KIDS)}
        held = {**self.keys, **self.pending}
        if not held.keys() <= allowed or any(
            len(key) != PROFILES[self.profile].key_bytes for key in held.values()
        ):
            raise ValueError("wrong keys")
        if self.kind == kinds.CONTROL and desk_files.CONTROL_QUOTA in self.files:
            quota = card_files.unpack(desk_files.QUOTA, self.files[desk_files.CONTROL_QUOTA])
            if quota["pin_failures"] > keys.PIN_TRIES:
                raise ValueError("wrong tries")
        for tries, most in ((self.tries, keys.TRIES), (self.mac_tries, keys.MAC_TRIES)):
            if any(kid not in allowed or not 0 <= left < most for kid, left in tries.items()):
                raise ValueError("wrong tries")


def make_state(
    kind: str,
    serial: bytes,
    rng: Callable[[int], bytes],
    private_roots: bool = True,
    profile: str = SM4.name,
) -> State:
    """Return the state of a new chip: blank files and the public master key.

    A control card generates the private roots here, if `private_roots` says so, and keeps them.
    """
    blank = {sfi: spec.blank for sfi, spec in kinds.ALL[kind].files.items()}
    state = State(kind, serial, profile, files=blank)
    if kind == kinds.CONTROL:
        _found_system(state, rng, private_roots)
    else:
        state.keys = {keys.MASTER: keys.PUBLIC_ROOTS[keys.MASTER]}
    if kind == kinds.ESAM:
        state.files[card_files.ESAM_KEY_INFO] = make_key_info(card_files.KEYS_PUBLIC)
    state.check()
    return state


def _found_system(state: State, rng: Callable[[int], bytes], private_roots: bool) -> None:
    """Give a control card the public set, and private roots for a system of its own.

    A card without private roots waits for the parts of a backup and has no backup to make
    (CARD_USES is 0).
    """
    profile = PROFILES[state.profile]
    info = card_files.pack(desk_files.CONTROL_INFO, {"profile": profile.code})
    state.files[card_files.CARD_INFO] = card_files.frame(card_files.CMD_CONTROL, info)
    state.files[desk_files.CARD_USES] = int(private_roots).to_bytes(4, "big")
    state.keys = {keys.PUBLIC + kid: key for kid, key in keys.PUBLIC_ROOTS.items()}
    if private_roots:
        state.keys |= {kid: rng(profile.key_bytes) for kid in keys.ROOT_KIDS}


def make_key_info(key_state: int, command: int = card_files.CMD_KEYS) -> bytes:
    """Return the key info file for this key state, framed."""
    return card_files.frame(command, card_files.pack(card_files.KEY_INFO, {"state": key_state}))
