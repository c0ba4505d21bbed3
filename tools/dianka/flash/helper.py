"""Python code that is typed into the board before any other work.

It is for MicroPython of any age, and for CPython in tests. Its first part must also run where
nothing can be flashed: other firmware, or MicroPython that is too old, gets its message from
`update.check_board`, not from a failed import.
"""

HELPER = """
import os, sys
try:
    from binascii import a2b_base64, hexlify
    from hashlib import sha256
except ImportError:
    sha256 = None
try:
    from machine import WDT
    _feed = WDT(timeout=8000).feed
except ImportError:
    _feed = lambda: None

def _hash(name):
    whole, buffer = sha256(), bytearray(512)
    with open(name, "rb") as file:
        while True:
            _feed()
            count = file.readinto(buffer)
            if not count:
                return hexlify(whole.digest()).decode()
            whole.update(memoryview(buffer)[:count])

def _list(folder):
    try:
        return [name for name in os.listdir(folder) if os.stat(folder + "/" + name)[0] & 0x8000]
    except OSError:
        return []

def _text(name):
    try:
        with open(name) as file:
            return file.read()
    except OSError:
        return ""

def _open(name):
    global _file, _write
    _file = open(name, "wb")
    _write = lambda text: _file.write(a2b_base64(text))

def _copy(source, target):
    with open(source, "rb") as old, open(target, "wb") as new:
        while True:
            _feed()
            data = old.read(512)
            if not data:
                break
            new.write(data)

def _room():
    about = os.statvfs(".")
    return about[0] * about[3], about[0]

def _is_folder(name):
    return bool(os.stat(name)[0] & 0x4000)

def _says_nothing(name):
    if os.stat(name)[6] > 4096:
        return False
    with open(name, "rb") as file:
        lines = file.read().replace(b"\\r", b"\\n").split(b"\\n")
    return all(line.strip()[:1] in (b"", b"#") for line in lines)

def _harmless(name):
    if _is_folder(name):
        return name == "lib" and not os.listdir(name)
    return name[-3:] != ".py" and name[-4:] != ".mpy" or name == "boot.py" and _says_nothing(name)

def _foreign(own, places):
    names = os.listdir()
    found = [name for name in names if name not in own and name not in places \
and not _harmless(name)]
    for place in places:
        if place in names:
            found += [place + "/" + name for name in os.listdir(place) \
if _is_folder(place + "/" + name)]
    return sorted(found)
"""
