"""The desk: sessions with cards, carried by the system control card.

The command line on top of them is `desk.cli`.
"""
