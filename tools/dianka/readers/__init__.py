"""Where cards sit: a file in this process, or a reader on PC/SC.

Two may be held at once: resident's card and control card.
"""

from dianka.readers.base import Held, Reader
from dianka.readers.choose import chosen, find

__all__ = ["Held", "Reader", "chosen", "find"]
