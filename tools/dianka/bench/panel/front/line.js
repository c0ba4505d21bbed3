// The card's line: what was said in words, and an oscilloscope strip of the chosen exchange.

import { draw, make, say } from "./tools.js";

const KEPT = 40, HEIGHT = 96, HIGH = 30, LOW = 74, BIT = 5;
const FRAME_BITS = 10; // start bit, eight data bits, parity

// The levels of one character in direct convention (ISO 7816-3): low first, bit 1 first, even parity.
function listLevels(value) {
  const data = Array.from({ length: 8 }, (_, bit) => value >> bit & 1);
  return [0, ...data, data.reduce((sum, bit) => sum ^ bit, 0)];
}

function drawCharacter([, fromCard, value], x) {
  let path = `M${x} ${HIGH}`, at = x;
  for (const level of listLevels(value)) {
    path += `V${level ? HIGH : LOW}h${BIT}`;
    at += BIT;
  }
  path += `V${HIGH}`;
  const kind = fromCard ? "from-card" : "from-meter";
  const hex = value.toString(16).toUpperCase().padStart(2, "0");
  return [draw("path", { d: path, class: `trace ${kind}` }),
    draw("text", { x: x + FRAME_BITS * BIT / 2, y: 18, class: `byte ${kind}`, "text-anchor": "middle", text: hex })];
}

// Pauses longer than four characters are drawn as a gap of that length: the strip is to be read.
function drawStrip(exchange) {
  const perBit = exchange.etu / 1000, parts = [];
  let x = 8, idle = "", before = null;
  for (const character of exchange.line) {
    const bits = before === null ? 0 : (character[0] - before) / perBit;
    const start = before === null ? x : x + Math.min(bits, 48) * BIT;
    if (before !== null) idle += `M${x + FRAME_BITS * BIT} ${HIGH}H${start}`;
    parts.push(...drawCharacter(character, start));
    x = start;
    before = character[0];
  }
  const width = x + FRAME_BITS * BIT + 12;
  return draw("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, class: "strip", role: "img",
    "aria-label": say(...exchange.says) },
  draw("path", { d: `M0 ${HIGH}H8${idle}`, class: "trace idle" }), ...parts);
}

export function makeLine() {
  const list = make("ol", { class: "exchanges", tabindex: 0, "aria-label": say("line") });
  const scope = make("div", { class: "scope", tabindex: 0, "aria-label": say("line") });
  const rate = make("span", { class: "rate" });
  const none = make("p", { class: "none", text: say("line.none") });
  const legend = make("p", { class: "legend" },
    make("span", { class: "from-meter", text: say("line.from-meter") }),
    make("span", { class: "from-card", text: say("line.from-card") }), rate);
  let chosen = null;

  function choose(item, exchange) {
    chosen?.removeAttribute("aria-current");
    chosen = item;
    item.setAttribute("aria-current", "true");
    scope.replaceChildren(drawStrip(exchange));
    rate.textContent = say("line.etu", { rate: Math.round(1e9 / exchange.etu) });
  }

  function add(exchange) {
    none.remove();
    const bytes = [exchange.header, exchange.sent].filter(Boolean).join(" ");
    const button = make("button", { type: "button" },
      make("span", { class: "says", text: say(...exchange.says) }),
      make("span", { class: "ends", text: say(...exchange.ends) }),
      make("code", {}, make("span", { class: "from-meter", text: bytes }), " ",
        make("span", { class: "from-card", text: [exchange.answer, exchange.sw].filter(Boolean).join(" ") })));
    const item = make("li", {}, button);
    const follows = chosen === null || chosen === list.lastElementChild;
    button.addEventListener("click", () => choose(item, exchange));
    list.append(item);
    while (list.children.length > KEPT) list.firstElementChild.remove();
    if (follows || !chosen.isConnected) {
      choose(item, exchange);
      list.scrollTop = list.scrollHeight;
    }
  }

  const element = make("section", { class: "pane line" }, make("h2", { text: say("line") }), legend, scope, none, list);
  return { element, add, clear: () => { list.replaceChildren(); scope.replaceChildren(); chosen = null; } };
}
