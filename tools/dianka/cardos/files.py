"""The card file codecs, straight from the meter's firmware (firmware/cardfiles.py and servicefiles.py)."""

from dianka.firmware import shared

cardfiles = shared("cardfiles")
servicefiles = shared("servicefiles")
