"""The card file codec of the meter's own firmware (firmware/card_files.py)."""

from dianka.firmware import shared

card_files = shared("card_files")
