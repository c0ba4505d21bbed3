"""Access to cards: a file in this process, or a reader on PC/SC.

Two may be held at once: the resident's card and the control card.
"""

from dianka.readers.base import Held, Reader
from dianka.readers.choose import find_reader, pick_place

__all__ = ["Held", "Reader", "find_reader", "pick_place"]
