"""Hold the PIO program that counts long pulses only, for an optocoupler's output.

Apart from pio_programs.py because a program is assembled when its module is imported, and most
boards need no filter. Instructions: RP2040 datasheet, chapter 3.
"""
# The assembler makes these names and runs the function once to collect the words.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportCallIssue=false, reportIndexIssue=false

import rp2


@rp2.asm_pio()
def long_pulses() -> None:
    """Count in x, downwards, the pulses that were low and then high for 64 cycles each.

    A change of 3 cycles or more begins the 64 anew; a shorter one may be overlooked.
    """
    label("low")
    set(y, 31)
    label("still_low")
    jmp(pin, "low")
    jmp(y_dec, "still_low")
    label("high")
    set(y, 31)
    label("look")
    jmp(pin, "still_high")
    jmp("high")
    label("still_high")
    jmp(y_dec, "look")
    jmp(x_dec, "low")  # at 0 it goes on below, where the program begins again
