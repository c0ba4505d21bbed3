// The front of one meter: eight digits, lamps, relay, key and slot, drawn as SVG.

import { draw, mark, panel, say, write } from "./tools.js";

const PITCH = 40, WIDTH = 24, HALF = 25, BAR = 6;
const LEFT = 52, TOP = 100;
// Of each segment, a to g as bits 0 to 6: its first end, and whether it lies.
const SEGMENTS = [
  [0, 0, true], [1, 0, false], [1, 1, false], [0, 2, true], [0, 1, false], [0, 0, false], [0, 1, true],
];

function shapeSegment(x, y, [right, down, lies]) {
  const half = BAR / 2;
  x += right * WIDTH;
  y += down * HALF;
  const side = (lies ? WIDTH : HALF) - 2 * half - 2;
  return lies
    ? `M${x + 1} ${y}l${half} ${-half}h${side}l${half} ${half}l${-half} ${half}h${-side}z`
    : `M${x} ${y + 1}l${half} ${half}v${side}l${-half} ${half}l${-half} ${-half}v${-side}z`;
}

function drawDigit(number) {
  const x = LEFT + number * PITCH, y = TOP;
  const parts = SEGMENTS.map((place) => draw("path", { d: shapeSegment(x, y, place), class: "segment" }));
  parts.push(draw("circle", { cx: x + WIDTH + 8, cy: y + 2 * HALF, r: 3.6, class: "segment" }));
  return parts;
}

function drawLamp(name, number) {
  const x = 62 + number * 59.5;
  const bulb = draw("circle", { cx: x, cy: 202, r: 6.5, class: `bulb ${name}` });
  const label = draw("text", { x, y: 224, class: "label", "text-anchor": "middle", text: say(`lamp.${name}`) });
  return [bulb, label];
}

function drawScrew(x, y) {
  return draw("g", {}, draw("circle", { cx: x, cy: y, r: 7, class: "screw" }),
    draw("path", { d: `M${x - 4} ${y - 3}l8 6`, class: "screw-slit" }));
}

// The contact in its little window: a lever between two terminals.
function drawRelay() {
  const lever = draw("path", { d: "M76 290H112", class: "lever" });
  const text = draw("text", { x: 91, y: 318, class: "label strong", "text-anchor": "middle" });
  const box = draw("g", { class: "relay" },
    draw("rect", { x: 40, y: 256, width: 102, height: 72, rx: 8, class: "window" }),
    draw("path", { d: "M48 290H76M112 290H134", class: "wire" }),
    draw("circle", { cx: 76, cy: 290, r: 4, class: "terminal" }),
    draw("circle", { cx: 112, cy: 290, r: 4, class: "terminal" }), lever, text);
  return [box, text];
}

function drawKey() {
  return draw("g", { class: "key", tabindex: 0, role: "button", "aria-label": `${say("key")}. ${say("key.how")}` },
    draw("title", { text: say("key.how") }),
    draw("circle", { cx: 352, cy: 284, r: 28, class: "key-rim" }),
    draw("circle", { cx: 352, cy: 284, r: 21, class: "key-cap" }),
    draw("text", { x: 352, y: 328, class: "label", "text-anchor": "middle", text: say("key") }));
}

function drawDefinitions(id) {
  const stops = (list) => list.map(([offset, color]) => draw("stop", { offset, "stop-color": color }));
  const down = { x1: 0, y1: 0, x2: 0, y2: 1 };
  return draw("defs", {},
    draw("linearGradient", { id: `${id}-body`, ...down }, ...stops([[0, "#fdfdfb"], [0.6, "#eceded"], [1, "#d3d6d8"]])),
    draw("linearGradient", { id: `${id}-glass`, ...down }, ...stops([[0, "#2a1512"], [0.5, "#160a08"], [1, "#1d0e0b"]])),
    draw("linearGradient", { id: `${id}-cap`, ...down }, ...stops([[0, "#6c7a89"], [1, "#3c4854"]])));
}

export function drawFront(name, number, meterNo) {
  const digits = Array.from({ length: 8 }, (_, at) => drawDigit(at));
  const lamps = panel.lamps.map(drawLamp);
  const [relay, relayText] = drawRelay();
  const key = drawKey();
  const title = say("meter", { number });
  const svg = draw("svg", { viewBox: "0 0 420 420", class: "front", role: "group", "aria-label": title },
    drawDefinitions(name),
    draw("rect", { x: 8, y: 8, width: 404, height: 404, rx: 22, class: "body", fill: `url(#${name}-body)` }),
    draw("rect", { x: 22, y: 22, width: 376, height: 318, rx: 14, class: "plate" }),
    draw("text", { x: 40, y: 52, class: "brand", text: "DIANKA" }),
    draw("text", { x: 380, y: 52, class: "label", "text-anchor": "end", text: title }),
    draw("text", { x: 40, y: 72, class: "label", text: "220 V   5(30) A   50 Hz" }),
    draw("text", { x: 380, y: 72, class: "label", "text-anchor": "end", text: "1000 imp/kWh" }),
    draw("rect", { x: 34, y: 82, width: 352, height: 88, rx: 8, class: "glass", fill: `url(#${name}-glass)` }),
    draw("g", { class: "digits" }, ...digits.flat()),
    draw("path", { d: "M42 88H378L330 112H42z", class: "shine" }),
    draw("rect", { x: 34, y: 182, width: 352, height: 52, rx: 8, class: "lamps" }),
    ...lamps.flat(), relay,
    draw("g", { class: "bar" }, ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13].map((at) =>
      draw("rect", { x: 176 + at * 8, y: 262, width: [2, 4, 1, 3][at % 4], height: 40 }))),
    draw("text", { x: 230, y: 322, class: "label", "text-anchor": "middle", text: `NO. ${String(meterNo).padStart(12, "0")}` }),
    key,
    drawScrew(30, 388), drawScrew(390, 388),
    draw("rect", { x: 96, y: 364, width: 228, height: 40, rx: 8, class: "slot-lip" }),
    draw("rect", { x: 112, y: 380, width: 196, height: 9, rx: 4, class: "slot-mouth" }),
    draw("text", { x: 210, y: 376, class: "label", "text-anchor": "middle", text: say("slot") }));
  return { svg, key, update: (news) => update(news, { digits, lamps, relay, relayText, key }) };
}

function update(news, parts) {
  parts.digits.forEach((digit, at) => digit.forEach((segment, bit) =>
    mark(segment, "lit", Boolean(news.digits[at] >> bit & 1))));
  parts.lamps.forEach(([bulb], at) => mark(bulb, "lit", news.lamps[panel.lamps[at]]));
  mark(parts.relay, "closed", news.relay);
  write(parts.relayText, say(news.relay ? "relay.closed" : "relay.open"));
  mark(parts.key, "down", news.key);
}
