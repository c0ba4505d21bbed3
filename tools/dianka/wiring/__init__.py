"""Draw the wiring of each board as SVG, from the pin numbers of its own board.py."""
