"""Puts the firmware on a board over USB or a serial line, checks it there, and reads back what the
meter says of itself.
"""
