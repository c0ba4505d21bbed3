"""Hold the programs of the RP2040's PIO: T=0 characters out and in, and pulses counted.

Instructions: RP2040 datasheet, chapter 3. Sender and receiver have 16 instructions each and so fill
one block; four state machines run them for two lines, 0 and 1, 2 and 3. The clock is divided so
that an etu has 30 cycles. The pin's output value stays 0 and only its direction changes: it pulls
low or lets go, and never drives high. Edges and samples of the line, in etu from the start bit's
edge (ISO 7816-3, 7):

    0           start bit
    1 to 9      8 bits, LSB first
    9           parity
    10          released
    10.5 to 12  error signal
    11          the sender samples the line
    12          next character
    14          again, after an error signal

The receiver is deaf from the sender's first character until the flag after its last (11.1 etu), so
there is no echo.
"""
# The assembler makes these names and runs the functions once to collect the words.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportCallIssue=false, reportIndexIssue=false

import rp2


@rp2.asm_pio(out_init=rp2.PIO.IN_LOW, out_shiftdir=rp2.PIO.SHIFT_RIGHT, pull_thresh=11)
def sender() -> None:
    """Send the characters given as words: start, 8 bits, parity, release, last.

    Each of the first 11 bits is 1 where the pin is to pull low; `last` is 1 after the last
    character. Reports 3, 2, 1 at error signals, 0 at the fourth, after which it stands still; the
    word itself after the last character.
    """
    label("idle")
    pull(block)
    mov(y, osr)
    set(x, 3)
    label("again")
    mov(osr, y)[23]
    label("bit")
    out(pindirs, 1)[28]
    jmp(not_osre, "bit")
    jmp(pin, "good")  # 11 etu
    mov(isr, x)
    push(block)[31]
    jmp(x_dec, "again")[31]
    label("halt")
    jmp("halt")
    label("good")
    out(x, 1)
    jmp(not_x, "idle")
    irq(rel(0))
    mov(isr, y)
    push(block)


@rp2.asm_pio(set_init=rp2.PIO.IN_LOW, in_shiftdir=rp2.PIO.SHIFT_RIGHT, fifo_join=rp2.PIO.JOIN_RX)
def receiver() -> None:
    """Receive characters; y is the running parity, pushed for each of the nine bits.

    The last one is the verdict.
    """
    wait(1, irq, rel(3))  # the state machine before this one is its sender
    wrap_target()
    label("idle")
    set(y, 0)
    wait(1, pin, 0)
    wait(0, pin, 0)[13]
    jmp(pin, "idle")  # 0.5 etu: not a start bit but a spike
    set(x, 8)[28]
    label("bit")
    jmp(pin, "one")  # 1.5 etu, and then each etu: the one sample of the line that counts
    jmp("zero")
    label("one")
    mov(y, invert(y))
    label("zero")
    in_(y, 1)
    jmp(x_dec, "bit")[26]
    push(noblock)  # 10.5 etu
    jmp(not_y, "idle")
    set(pindirs, 1)[31]
    nop()[12]
    set(pindirs, 0)  # 1.5 etu later
    wrap()


@rp2.asm_pio()
def pulses() -> None:
    """Count rising edges in x, downwards. Three cycles for each."""
    label("pulse")
    wait(0, pin, 0)
    wait(1, pin, 0)
    jmp(x_dec, "pulse")
