"""The bench: models of the hardware, the rungs that run the firmware on them, and the stage on
which people meet the meter.
"""
