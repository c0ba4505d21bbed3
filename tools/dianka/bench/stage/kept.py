"""What a meter's memory has, while its supply is off: as the next start finds it."""

from dianka.bench.stage.stand import Stand


class Image:
    """The content of a memory, for the firmware's own journal to read."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._content = content

    def read(self, address: int, count: int) -> bytes:
        return self._content[address : address + count]

    def write(self, address: int, data: bytes) -> None:
        raise OSError("an image is not written to")


def read_kept_energy(stand: Stand) -> int:
    """Return the energy that the memory has, in pJ; a meter that is not in it has counted none."""
    image = Image(stand.rig.bench.fram.content)
    return stand.modules["state_store"].StateStore(image, lambda text: None).state.energy_pj
