"""The tap at the card's line, on whole sessions of a meter and on broken ones."""

import itertools
from pathlib import Path

from dianka.bench.panel.apdu_words import describe, describe_status
from dianka.bench.panel.tap import COMMAND, RATE, RESET, Exchange, Tap
from dianka.bench.panel.words import load_texts
from dianka.cardos.t0 import Behaviour
from meter_kit import USER, MeterKit


def listen(kit: MeterKit) -> list[Exchange]:
    heard: list[Exchange] = []
    Tap(kit.rig.bench.slot, heard.append)
    return heard


def test_a_purchase_is_heard_command_by_command(tmp_path: Path) -> None:
    with MeterKit(tmp_path) as kit:
        kit.set_up()
        kit.sell(1000)
        heard = listen(kit)
        session = kit.serve(USER)
        assert heard[0].kind == RESET
        assert heard[0].answer.hex().startswith("3b69000041")
        commands = [each for each in heard if each.kind == COMMAND]
        assert all(each.sw in (0x9000, *range(0x6100, 0x6200)) for each in commands)
        said = [describe(each)[0] for each in commands]
        for key in ("select", "prove-card", "prove-meter", "read-sealed", "write-sealed"):
            assert f"apdu.{key}" in said, said
        sealed = next(each for each in commands if describe(each)[0] == "apdu.read-sealed")
        assert describe(sealed)[1]["file"].startswith("@file.")
        # Not a character of the slot is missing or counted twice.
        heard_characters = sum(len(each.characters) for each in heard)
        assert heard_characters == session.slot_characters
        assert session.code == 0


def test_each_character_has_its_place_in_time(tmp_path: Path) -> None:
    with MeterKit(tmp_path) as kit:
        kit.set_up()
        heard = listen(kit)
        kit.serve(USER)
        for each in heard:
            times = [at for at, _, _ in each.characters]
            assert times[0] == 0 and times == sorted(times)
            gaps = [(b - a) * 1000 for a, b in itertools.pairwise(times)]
            assert min(gaps, default=12 * each.etu_ns) >= 11.8 * each.etu_ns - 1000


def test_a_higher_rate_is_heard(tmp_path: Path) -> None:
    with MeterKit(tmp_path) as kit:
        kit.set_up()
        heard = listen(kit)
        kit.serve(USER, Behaviour(ta1=0x13))
        rate = next(each for each in heard if each.kind == RATE)
        assert describe(rate) == ("apdu.rate", {"times": "4"})
        assert heard[0].etu_ns // heard[-1].etu_ns == 4


def test_a_card_pulled_in_mid_command_breaks_it_off(tmp_path: Path) -> None:
    with MeterKit(tmp_path) as kit:
        kit.set_up()
        heard: list[Exchange] = []
        tap = Tap(kit.rig.bench.slot, heard.append)
        kit.rig.insert(USER)
        while len(heard) < 4:
            kit.rig.wait(500)
        kit.rig.wait(2_000)
        kit.rig.pull()
        tap.flush()
        assert heard[-1].sw == 0
        assert describe_status(heard[-1]) == ("sw.broken", {})


def test_every_word_of_the_line_has_its_text(tmp_path: Path) -> None:
    texts = load_texts()
    for value in range(0x10000):
        header = bytearray((value >> 8, value & 0xFF, 0x81, 0, 8))
        exchange = Exchange(COMMAND, 0, 1, header=header, sw=value)
        for key, fields in (describe(exchange), describe_status(exchange)):
            assert key in texts
            assert all(field[1:] in texts for field in fields.values() if field[:1] == "@")
