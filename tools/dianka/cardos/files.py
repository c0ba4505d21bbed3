"""The card file codec of the meter's own firmware (firmware/card_files.py)."""

from dianka.firmware import load_shared

card_files = load_shared("card_files")
