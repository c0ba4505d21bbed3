"""One virtual meter as the panel sees it: its time, its appliances, and pictures of its front.

It runs in a process of its own (process.py). Time goes at the wall clock's rate times the chosen
speed, or as fast as the computer can. It comes back to 1x by itself when somebody touches the meter
and when a lamp that tells of the supply changes: people are to see what happens then.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dianka.bench.models.loads import COMPRESSOR, COOKER, KETTLE, LAMP, Appliance, Household
from dianka.bench.panel.apdu_words import describe, describe_status
from dianka.bench.panel.display_words import explain
from dianka.bench.panel.refusals import Refusal
from dianka.bench.panel.tap import Exchange, Tap
from dianka.bench.stage.rig import Rig, RigError

FAST = 0  # the speed that is as fast as this computer can
SPEEDS = (1, 10, 60, 300, FAST)
FRAME_MS = 100
APPLIANCES = {"fridge": COMPRESSOR, "lamp": LAMP, "kettle": KETTLE, "cooker": COOKER}
WATCHED = ("alarm", "trip", "overdraft", "fault")  # lamps whose change brings 1x back
MOST_W = 6_600
_BUSY_MS = 90  # the most of a frame that time may take: orders must be answered
_SLICE_US = 10_000  # of virtual time at 1x
_FAST_SLICE_US = 1_000_000
_HAND_US = 500_000

Send = Callable[[str, bytes], None]


class PanelMeter:
    """The meter of `rig`. `send` is called with the kind of news and its JSON.

    The kinds are "picture", "log" and "exchange".
    """

    def __init__(self, rig: Rig, send: Send) -> None:
        self.rig = rig
        self._send = send
        self.speed = 1
        self._true_speed: int | None = None  # where the computer is slower than the speed
        self._mains = "off"
        self._on: dict[str, Appliance] = {}
        self._house = Household(rig.clock, rig.bench.mains)
        self._key_down = False
        self._pulled_us = -_HAND_US
        self._tap = Tap(rig.bench.slot, self._take_exchange)
        self._shown = b""
        self._lamps: tuple[bool, ...] = ()
        self._numbers = {"log": 0, "exchange": 0}
        rig.on_log = self.add_line

    # ****** Time ******

    def tick(self, wall_us: int, is_wanted: Callable[[], bool] = lambda: False) -> None:
        """Let the virtual time pass that belongs to this much wall time, at the chosen speed.

        End early if an order is wanted to be taken, after `_BUSY_MS`, or when the speed changes.
        """
        speed = self.speed
        owed_us = wall_us * speed if speed else 1 << 60
        slice_us = min(speed * _SLICE_US, _FAST_SLICE_US) if speed else _FAST_SLICE_US
        begun_ns, done_us = time.monotonic_ns(), 0
        while owed_us > done_us and self.speed == speed:
            step_us = min(owed_us - done_us, slice_us)
            self.rig.wait(step_us)
            done_us += step_us
            self._slow_down_if_changed()
            took_us = (time.monotonic_ns() - begun_ns) // 1000
            if took_us > _BUSY_MS * 1000 or is_wanted():
                break
        is_behind = not speed or done_us < owed_us * 9 // 10
        spent_us = max(wall_us, (time.monotonic_ns() - begun_ns) // 1000, 1)
        self._true_speed = done_us // spent_us if is_behind else None

    def _slow_down_if_changed(self) -> None:
        """Come back to 1x when a lamp of the supply has changed."""
        lamps = self.rig.bench.get_lamps() if self.rig.take_view().powered else {}
        now = tuple(lamps.get(name, False) for name in WATCHED)
        if lamps and self._lamps and now != self._lamps and self.speed != 1:
            self.speed = 1
        self._lamps = now if lamps else ()

    # ****** What people do ******

    def set_speed(self, speed: int) -> None:
        if speed not in SPEEDS:
            raise Refusal("refuse.speed")
        self.speed = speed

    def insert(self, card: str, how: str = "right") -> None:
        """Put a card file into the slot."""
        self._reach_for_slot()
        self.rig.insert(Path(card), how)

    def insert_plate(self) -> None:
        """Put a piece of metal into the slot."""
        self._reach_for_slot()
        self.rig.insert_plate()

    def pull(self) -> None:
        """Take out what is in the slot, at this very instant."""
        if self.rig.take_view().slot == "empty":
            raise Refusal("refuse.slot-empty")
        self.speed = 1
        self.rig.pull()
        self._tap.flush()
        self._pulled_us = self.rig.clock.now_us

    def _reach_for_slot(self) -> None:
        """Let the time pass that a hand needs between two cards; a script needs none."""
        if self.rig.take_view().slot != "empty":
            raise Refusal("refuse.slot-full")
        self.speed = 1
        self.rig.wait(max(self._pulled_us + _HAND_US - self.rig.clock.now_us, 0))

    def hold_key(self, down: bool) -> None:
        """Press the key, or release it."""
        self.speed = 1
        if down != self._key_down:
            self._key_down = down
            if self.rig.take_view().powered:
                self.rig.bench.set_wire("KEY", 0 if down else 1)

    def switch_mains(self, to: str) -> None:
        """Switch the mains "on" or "off" (with a hold-up of 100 ms), or "cut" it without any."""
        if to == self._mains or (to == "cut" and not self.rig.take_view().powered):
            raise Refusal("refuse.mains")
        self.speed = 1
        if to == "on":
            self.rig.switch_mains_on()
            if self._key_down:
                self.rig.bench.set_wire("KEY", 0)
        elif to == "off":
            self.rig.switch_mains_off()
        elif to == "cut":
            self.rig.cut_power()
            self._tap.flush()
        else:
            raise Refusal("refuse.mains")
        self._mains = to

    def switch(self, name: str, on: bool) -> None:
        """Switch an appliance on or off."""
        if name not in APPLIANCES:
            raise Refusal("refuse.appliance")
        self._plug(name, APPLIANCES[name] if on else None)

    def set_watts(self, watts: int) -> None:
        """Connect something of this power beside the appliances; 0 disconnects it."""
        if not 0 <= watts <= MOST_W:
            raise Refusal("refuse.watts", most=str(MOST_W))
        self._plug("typed", Appliance("typed", watts * 1000) if watts else None)

    def _plug(self, name: str, appliance: Appliance | None) -> None:
        after = {key: value for key, value in self._on.items() if key != name}
        if appliance:
            after[name] = appliance
            # As if all started together: no compressor may start beyond what can be measured.
            most_mw = sum(max(each.power_mw, each.start_mw) for each in after.values())
            try:
                self.rig.refuse_current(most_mw, 1000, self.rig.bench.mains.set_mv)
            except RigError:
                raise Refusal("refuse.load", watts=str(most_mw // 1000)) from None
        if name in self._on:
            self._house.switch_off(self._on[name])
        if appliance:
            self._house.switch_on(appliance)
        self._on = after

    # ****** What people see ******

    def add_line(self, line: str) -> None:
        """Send a line of the log, with the meter's time."""
        self._send_numbered("log", {"at": self._format_when(), "text": line})

    def show(self, anyway: bool = False) -> None:
        """Send a picture of the meter, if it has changed."""
        picture = json.dumps(self.take_picture()).encode()
        if picture != self._shown or anyway:
            self._shown = picture
            self._send("picture", picture)

    def take_picture(self) -> dict[str, Any]:
        """Return all that is to be seen, as JSON has it."""
        view, bench = self.rig.take_view(), self.rig.bench
        display = bench.display
        lit = view.powered and display.on
        return {
            "at_us": view.at_us,
            "digits": list(display.ram[::2]) if lit else [0] * 8,
            "brightness": display.brightness if lit else 0,
            "text": view.display.strip(),
            "means": explain(view.display),
            "lamps": view.lamps,
            "relay": view.relay_closed,
            "powered": view.powered,
            "mains": self._mains,
            "mv": view.volts_mv,
            "ma": view.current_ma,
            "mw": view.power_mw,
            "slot": "" if view.slot == "empty" else view.slot,
            "talks": view.powered and bool(bench.get_wire_level("CARD_POWER")),
            "key": self._key_down,
            "sounds": bool(view.powered and bench.buzzer and bench.get_wire_level("BUZZER")),
            "when": view.when.strftime("%Y-%m-%d %H:%M:%S"),
            "speed": self.speed,
            "true": self._true_speed,
            "on": sorted(name for name in self._on if name != "typed"),
            "watts": self._on["typed"].power_mw // 1000 if "typed" in self._on else 0,
        }

    def _take_exchange(self, exchange: Exchange) -> None:
        self._send_numbered(
            "exchange",
            {
                "at": self._format_when(),
                "kind": exchange.kind,
                "says": describe(exchange),
                "ends": describe_status(exchange),
                "header": exchange.header.hex(" ").upper(),
                "sent": exchange.sent.hex(" ").upper(),
                "answer": exchange.answer.hex(" ").upper(),
                "sw": f"{exchange.sw:04X}" if exchange.sw else "",
                "etu": exchange.etu_ns,
                "line": [
                    [at, int(from_card), value] for at, from_card, value in exchange.characters
                ],
            },
        )

    def _send_numbered(self, kind: str, what: dict[str, Any]) -> None:
        self._numbers[kind] += 1
        self._send(kind, json.dumps({"number": self._numbers[kind], **what}).encode())

    def _format_when(self) -> str:
        return self.rig.take_view().when.strftime("%H:%M:%S")
