"""The campaign of sessions broken off at every byte: each kind of card, each way to break, then the card goes in again."""
