"""The campaign of sessions broken off at every byte.

Each kind of card, each way to break, then the card goes in again.
"""
