"""The card file codec, straight from the meter's firmware (firmware/card_files.py)."""

from dianka.firmware import shared

card_files = shared("card_files")
