"""The programs that rung 4 runs on a board with its test jig; rung 3 runs them too.

Rung 3 is test_chip_jig.py. The parts of `board` are passed by name, so the programs do not depend
on who made them. Each call takes less than the watchdog's 8 s, and prints one line.
"""

# For a file of 32 KiB littlefs erases eight sectors, with interrupts off (ports/rp2, rp2_flash.c).
COUNT = """
import gc, os, time
from machine import PWM, Pin

def erase():
    with open("jig.new", "wb") as file:
        for _ in range(8):
            _feed()
            file.write(bytes(4096))
    os.remove("jig.new")

def collect():
    for _ in range(20):
        _feed()
        gc.collect()
        time.sleep_ms(20)

def count(counter, pin, meanwhile):
    before = counter.value()
    clock = PWM(Pin(pin), freq=100_000, duty_u16=32768)
    start_us = time.ticks_us()
    meanwhile()
    clock.duty_u16(0)
    took_us = time.ticks_diff(time.ticks_us(), start_us)
    time.sleep_ms(5)
    print((counter.value() - before, took_us))
"""

# Two PIO lines on one wire. After a change of rate a line receives only when it has sent: hence the
# greeting.
TALK = """
import asyncio
import line_pio
from line import LineError

EVERY = bytes(range(256))

async def over(sender, receiver, data):
    await sender.send(data)
    return await receiver.receive(len(data), 100) == data

async def at_rate(one, other, factor):
    await one.activate()
    await other.activate()
    one.set_rate(factor)
    other.set_rate(factor)
    await other.send(b"?")
    well = await over(one, other, EVERY), await over(other, one, EVERY)
    print(well + (one.errors_signalled + one.errors_seen, other.errors_signalled + \
other.errors_seen))

async def refused(one, other):
    await one.activate()
    await other.activate()
    good, told = line_pio._WORDS[0x31], "taken"
    line_pio._WORDS[0x31] = good ^ 1 << 9
    try:
        await one.send(b"\\x31")
    except LineError as error:
        told = str(error)
    line_pio._WORDS[0x31] = good
    got = await other.receive(1, 50)
    print((told, one.errors_seen, got, other.errors_signalled, await over(one, other, b"again")))

def off(one, other):
    one.deactivate()
    other.deactivate()
"""
