"""Put the firmware on a board over USB or serial, verify it, and read the meter's self-check."""
