"""Targets that read characters from a chip: answer to reset, T=0, PPS.

Each compares with a second, plain reading.

A target takes any bytes and raises AssertionError if a property does not hold. The second readings
here are written from ISO 7816-3 as one pass over a whole text, where the firmware's are engines
that wait for one character after the other.
"""

from dianka.firmware import load_shared

ISO = load_shared("iso7816")
PPS = load_shared("iso7816_pps")
INS = 0xB0
MOST_STEPS = 100_000
MOST_WANTED = 256 + 2  # of T=0: data and status word
# ISO 7816-3:2006, tables 7 and 8. Reserved values are 0.
FI = (372, 372, 558, 744, 1116, 1488, 1860, 0, 0, 512, 768, 1024, 1536, 2048, 0, 0)
DI = (0, 1, 2, 4, 8, 16, 32, 64, 12, 20, 0, 0, 0, 0, 0, 0)


def feed(engine: object, text: bytes, most: int, greedy: bool = False) -> int:
    """Hand an engine what it wants, never more; how many characters it took."""
    at = 0
    for _ in range(MOST_STEPS):
        want = engine.want
        assert 0 <= want <= most, f"wants {want} characters at once"
        if not want or at == len(text):
            return at
        count = min(want, len(text) - at) if greedy else 1
        engine.receive(text[at : at + count])
        at += count
    raise AssertionError("never ends")


# ****** Answer to reset ******


def atr(text: bytes) -> None:
    one, all_at_once = ISO.AtrReader(), ISO.AtrReader()
    took = feed(one, text, 33)
    feed(all_at_once, text, 33, greedy=True)
    assert vars(one) == vars(all_at_once), "it matters in which portions an ATR comes"
    assert len(one.raw) <= 33 and bytes(one.raw) == text[:took]
    assert isinstance(one.error, str) and not (one.error and one.want)
    if one.want or one.error:
        return
    raw = bytes(one.raw)
    levels, historical, check = split(raw)
    assert join(levels, historical, check) == raw, (
        "an ATR that is accepted is not written as it was read"
    )
    first, second = levels[0], levels[1] if len(levels) > 1 else {}
    rate = first.get("A", 0x11)
    assert (one.fi, one.di) == (FI[rate >> 4], DI[rate & 15]) and one.fi and one.di
    assert one.extra_guard_etu == first.get("C", 0) % 255
    assert one.waiting_integer == second.get("C", 10) != 0
    assert one.historical == historical and one.protocols == list(
        dict.fromkeys([lv["D"] & 15 for lv in levels if "D" in lv] or [0])
    )


def split(raw: bytes) -> tuple[list[dict[str, int]], bytes, bytes]:
    """Interface bytes by level and letter, historical bytes, TCK."""
    levels: list[dict[str, int]] = []
    at, indicator = 2, raw[1]
    while True:
        level: dict[str, int] = {}
        for bit, letter in enumerate("ABCD"):
            if indicator >> 4 + bit & 1:
                level[letter] = raw[at]
                at += 1
        levels.append(level)
        if "D" not in level:
            break
        indicator = level["D"]
    count = raw[1] & 15
    return levels, raw[at : at + count], raw[at + count :]


def join(levels: list[dict[str, int]], historical: bytes, check: bytes) -> bytes:
    """Return the ATR that says this, with the right TCK where ISO 7816-3 asks for one."""
    present = [sum(1 << "ABCD".index(letter) for letter in level) << 4 for level in levels]
    out = bytearray((0x3B, present[0] | len(historical)))
    for n, level in enumerate(levels):
        out += bytes(level[letter] for letter in "ABC" if letter in level)
        if "D" in level:
            assert n + 1 < len(levels)
            out.append(present[n + 1] | level["D"] & 15)
    out += historical
    asked = any(level["D"] & 15 for level in levels if "D" in level)
    assert bool(check) == asked
    if asked:
        sum_ = 0
        for value in out[1:]:
            sum_ ^= value
        out.append(sum_)
    return bytes(out)


# ****** T=0 ******


def exchange(text: bytes) -> None:
    """First byte: how much goes to the card; second: how much is asked for, 255 being 256.

    The rest is the card's.
    """
    if len(text) < 2:
        return
    data, le, said = bytes(range(text[0])), text[1] + (text[1] == 255), text[2:]
    if data:
        le = 0
    one, all_at_once = (ISO.Exchange(0, INS, 1, 2, data, le) for _ in range(2))
    sent = one.take()
    assert sent == bytes((0, INS, 1, 2, len(data) or le & 255))
    took = _talk(one, said)
    feed(all_at_once, said, MOST_WANTED, greedy=True)
    assert (one.done, one.sw, one.data, one.error, one.want) == tuple(
        getattr(all_at_once, name) for name in ("done", "sw", "data", "error", "want")
    ), "it matters in which portions an answer comes"
    assert len(one.data) <= 256 * 9, "more than 256 bytes for each GET RESPONSE"
    if not one.done:
        assert one.want and took == len(said)
        one.expire()
    assert one.done and not one.want and bool(one.error) == (one.sw == 0)
    assert (one.sw, bytes(one.data), bool(one.error)) == plain(said, data, le)
    before = one.sw, bytes(one.data), one.error
    one.receive(b"\x90\x00")
    assert (one.sw, bytes(one.data), one.error) == before, "goes on after its end"


def _talk(engine: object, said: bytes) -> int:
    """One character at a time; only 5-character headers and data promised to the card are sent."""
    promised = 0
    for at, value in enumerate(said):
        out = engine.take()
        assert len(out) <= 255
        promised += len(out)
        assert promised <= 255 + 5 * 9
        if not engine.want:
            return at
        engine.receive(bytes((value,)))
    return len(said)


def plain(said: bytes, data: bytes, le: int) -> tuple[int, bytes, bool]:
    """(status word, data, failed) of T=0 read in one pass.

    ISO 7816-3, 10.3, with GET RESPONSE and 6Cxx.
    """
    answer, at, ins, to_send, to_read, nulls = bytearray(), 0, INS, len(data), le, 0
    rounds = 0
    while at < len(said):
        byte, at = said[at], at + 1
        if byte == 0x60:
            nulls += 1
            if nulls > 100:
                break
        elif byte in (ins, ins ^ 0xFF):
            nulls, most = 0, 1 if byte != ins else 256
            if to_send:
                to_send -= min(most, to_send)
            elif to_read:
                chunk = said[at : at + min(most, to_read)]
                answer += chunk
                at += min(most, to_read)
                to_read -= len(chunk)
            else:
                break
        elif byte & 0xF0 in (0x60, 0x90) and at < len(said):
            low, at = said[at], at + 1
            if byte not in (0x61, 0x6C):
                return byte << 8 | low, bytes(answer), False
            rounds += 1
            if rounds > 8 or (byte == 0x6C and to_send):
                break
            ins, to_send, to_read, nulls = 0xC0 if byte == 0x61 else ins, 0, low or 256, 0
        else:
            break
    return 0, bytes(answer), True


# ****** PPS ******


def pps(text: bytes) -> None:
    """First byte: which rate is asked for. The rest is the chip's."""
    factor = (2, 4, 8)[text[0] % 3] if text else 2
    engine = PPS.Pps(factor)
    request = engine.take()
    assert len(request) == 4 and request[0] ^ request[1] ^ request[2] ^ request[3] == 0
    took = feed(engine, text[1:], 4)
    heard = text[1 : 1 + took]
    assert took <= 4
    if not engine.done:
        assert engine.want and took == len(text[1:])
        engine.expire()
        assert engine.error
    assert engine.done and not engine.want
    if not engine.error:
        agreed = {request: factor, b"\xff\x00\xff": 1}
        assert agreed.get(bytes(heard)) == engine.factor, "a rate that was not agreed to"
