// What to try next, for who has never stood before such a meter: one line, by what is seen now.

import { panel, say, write } from "./tools.js";

const line = document.getElementById("next");
let seen = null, cards = [];
let wasOn = false; // the supply was on before: it is off for a reason
let visited = false; // the card comes from the counter

function findOwn() {
  return cards.find((card) => card.kind === "user" && card.meter_no === panel.numbers[panel.meters[0]]
    && !/-copy\d+\.card$/.test(card.name));
}

function pick() {
  const atCounter = panel.readers.includes(findOwn()?.place);
  visited = visited || atCounter;
  if (seen.relay) wasOn = true;
  if (seen.slot) visited = false;
  if (!seen.powered) return "next.mains";
  if (seen.slot) return seen.talks ? "next.wait" : "next.pull";
  if (atCounter) return "next.sell";
  if (!seen.relay) return panel.sells && !wasOn || visited ? "next.put-in" : wasOn ? "next.back" : "next.buy";
  if (!seen.mw) return "next.use";
  if (seen.lamps.alarm) return "next.alarm";
  return seen.speed === 1 ? "next.time" : "next.watch";
}

function show() {
  if (seen && line) write(line, say(pick()));
}

export function noteCards(list) {
  cards = list;
  show();
}

export function notePicture(news) {
  seen = news;
  show();
}
