"""The reader without hardware: a card file, with its chip in this process."""

from pathlib import Path

from dianka.cardos.image import CardFile
from dianka.readers.base import Held


class FileReader:
    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return self.path.name

    def connect(self) -> Held:
        file = CardFile.open(self.path)
        return Held(self.name, file, file.close)
