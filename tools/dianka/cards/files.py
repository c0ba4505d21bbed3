"""The card file codec, straight from the meter's firmware (firmware/cardfiles.py)."""

from dianka.firmware import shared

cardfiles = shared("cardfiles")
