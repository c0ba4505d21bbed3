"""`dianka read` at a line that answers well, badly or not at all; each trouble is one line."""

import json
import os
import select
import threading
import tty
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

from dianka.cli import app
from dianka.reading import client
from dianka.reading.frames import READ_ADDRESS, Frame, FrameError, decode
from port_frames import CAPTURED, NO_DATA

OWN = "000000000161"
ANSWERS = {bytes.fromhex(request): bytes.fromhex(answer) for request, answer, _, _ in CAPTURED}
Reply = Callable[[bytes], bytes]


class Line:
    """A pseudo-terminal whose other end answers each request by `reply`."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        heard = b""
        while not self._over.is_set():
            if select.select([self._ours], [], [], 0.02)[0]:
                heard += os.read(self._ours, 4096)
            try:
                decode(heard)
            except FrameError:
                continue
            os.write(self._ours, self._reply(heard.lstrip(b"\xfe")))
            heard = b""

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._ours)
        os.close(self._theirs)


def real_meter(request: bytes) -> bytes:
    """Answer as the meter did whose frames were published, with four FEH before its frame."""
    if decode(request).control == READ_ADDRESS:
        return b"\xfe" * 4 + Frame(OWN, 0x93, bytes.fromhex("610100000000")).encode()
    return b"\xfe" * 4 + ANSWERS.get(request, Frame(OWN, 0xD1, b"\x02").encode())


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Reply], str]]:
    monkeypatch.setattr(client, "_FIRST_S", 0.2)
    monkeypatch.setattr(client, "_NEXT_S", 0.1)
    made: list[Line] = []

    def begin(reply: Reply) -> str:
        made.append(Line(reply))
        return made[-1].port

    yield begin
    for each in made:
        each.close()


def read(*words: str) -> Result:
    return CliRunner().invoke(app, ["read", *words])


def test_a_published_meter_is_read_in_words_and_as_json(line: Callable[[Reply], str]) -> None:
    port = line(real_meter)
    names = ("energy", "volts", "amperes", "power", "power-factor", "balance")
    told = read("--port", port, *names)
    assert told.exit_code == 0, told.stderr
    assert told.stdout.splitlines()[0].split() == ["energy", "used", "0.26", "kWh"]
    found = json.loads(read("--port", port, "--address", "161", "--json", *names).stdout)
    values = {name: found[name].get("value") for name in names}
    assert found["meter"] == OWN and values == {
        "energy": "0.26", "volts": "100.1", "amperes": "4.999", "power": "0.2512",
        "power-factor": "0.501", "balance": None,
    }  # fmt: skip
    assert found["balance"] == {"refused": "the meter has no such data"}


def test_an_adapter_that_echoes_and_noise_before_a_frame_do_no_harm(
    line: Callable[[Reply], str],
) -> None:
    port = line(lambda request: request + b"\x00\x13" + real_meter(request))
    assert "0.26 kWh" in read("--port", port, "energy").stdout


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (lambda request: b"", "no meter answers at "),
        (lambda request: b"\x68\x00\x13", "what comes from "),
        (lambda request: real_meter(request)[:-2] + b"\x00\x16", "what comes from "),
        (lambda request: bytes.fromhex(NO_DATA), "no meter answers at "),
    ],
)
def test_a_line_without_a_right_answer_is_told_in_one_line(
    line: Callable[[Reply], str], reply: Reply, said: str
) -> None:
    failed = read("--port", line(reply), "energy")
    assert failed.exit_code == 1 and failed.stderr.startswith(said)
    assert len(failed.stderr.splitlines()) == 1


def test_an_answer_to_another_question_is_not_taken(line: Callable[[Reply], str]) -> None:
    other = bytes.fromhex(CAPTURED[1][1])

    def reply(request: bytes) -> bytes:
        return other if decode(request).control == 0x11 else real_meter(request)

    failed = read("--port", line(reply), "energy")
    assert failed.exit_code == 1 and "answers to another question" in failed.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("energy",), "name the adapter, as in --port /dev/ttyUSB0"),
        (("--port", "/dev/nonsense", "energy"), "/dev/nonsense can't be opened: "),
        (("--port", "x", "warmth"), "nothing is called warmth: dianka read --list says"),
        (("--port", "x", "volts:4"), "volts has the numbers 1 to 3, as in volts:1"),
        (("--port", "x", "--address", "12a"), "12a is no meter number: up to 12 digits"),
    ],
)
def test_words_that_are_not_understood_are_told_in_one_line(
    words: tuple[str, ...], said: str
) -> None:
    failed = read(*words)
    assert failed.exit_code == 1 and failed.stderr.startswith(said)
    assert len(failed.stderr.splitlines()) == 1
