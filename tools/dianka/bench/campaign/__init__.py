"""The campaign of sessions broken off at every byte.

Every kind of card is put in, its session is broken off in every way, and the card is put in again.
"""
