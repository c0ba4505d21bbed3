"""The stage: builds a virtual meter with its cards, plays stories on it, shows it live."""
