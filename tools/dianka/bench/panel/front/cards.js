// The cards and their places: taken by mouse, finger or keyboard, and put down somewhere else.

import { ask, make, panel, say, tell } from "./tools.js";

const FAR = 6; // pixels: a shorter way is a click
const BENCH_PLACES = ["tray", "bin"];

let cards = [];
let held = null; // the name of the card in hand
let dragged = null;

function nameOf(card) {
  return card.name.replace(/\.card$/, "");
}

function makeCard(card) {
  const copied = /-copy\d+$/.test(nameOf(card));
  const face = [
    make("span", { class: "chip", "aria-hidden": "true" }),
    make("strong", { text: say(`card.${card.kind}`) }),
    make("span", { class: "name", text: nameOf(card) }),
    make("small", { text: card.meter_no ? say("card.meter", { number: card.meter_no }) : "" }),
    make("code", { text: card.serial.slice(-6).toUpperCase() }),
  ];
  return make("button", { type: "button", class: `card ${card.kind}${copied ? " copied" : ""}`, "data-card": card.name,
    "aria-pressed": String(held === card.name), "aria-label": say("card.take", { name: `${say(`card.${card.kind}`)} ${nameOf(card)}` }),
    onpointerdown: begin, onkeydown: shortcut, onclick: () => take(held === card.name ? null : card.name) }, ...face);
}

function titleOf(place) {
  if (panel.readers.includes(place)) return say(`reader.${place}`);
  return say(place === "bin" ? "bin" : "tray");
}

function buildPlace(place) {
  return make("div", { class: `place ${BENCH_PLACES.includes(place) ? place : "reader"}`, "data-place": place },
    make("h2", { class: "small", text: titleOf(place) }), make("div", { class: "cards" }));
}

export function buildPlaces() {
  document.getElementById("places").append(...["tray", "bin"].map(buildPlace));
  document.getElementById("counter").append(...panel.readers.map(buildPlace));
  for (const place of document.querySelectorAll("[data-place].device"))
    place.addEventListener("click", (event) => held && !event.target.closest("button, .key") && lay(held, place.dataset.place));
  addEventListener("keydown", (event) => { if (event.key === "Escape" && held) take(null); });
}

function listTargets(card) {
  return [...document.querySelectorAll(".place")].filter((place) => place.dataset.place !== card?.place);
}

export function showCards(list) {
  cards = list;
  if (dragged) return;
  if (held && !find(held)) held = null;
  const focused = document.activeElement?.dataset?.card;
  for (const place of document.querySelectorAll(".place")) {
    const box = place.querySelector(".cards") ?? place;
    const there = cards.filter((card) => card.place === place.dataset.place).map(makeCard);
    const hint = place.matches(".slot") ? say("slot.empty") : say("place.empty");
    box.replaceChildren(...(there.length ? there : [make("span", { class: "hint", text: hint })]));
  }
  showHand();
  if (focused) document.querySelector(`[data-card="${CSS.escape(focused)}"]`)?.focus();
}

export function find(name) {
  return cards.find((card) => card.name === name);
}

export function inHand() {
  return held && find(held);
}

function take(name) {
  held = name;
  showCards(cards);
  if (held) document.querySelector("#in-hand button")?.focus();
}

function titleOfTarget(place) {
  const station = place.closest(".station");
  return station ? `${say("slot")}, ${station.getAttribute("aria-label")}` : titleOf(place.dataset.place);
}

// What can be done with the card in hand: a row of buttons, each place among them.
function showHand() {
  const card = inHand(), bar = document.getElementById("in-hand");
  bar.hidden = !card;
  document.body.classList.toggle("holding", Boolean(card));
  if (!card || bar.dataset.card === `${card.name}@${card.place}`) return;
  bar.dataset.card = `${card.name}@${card.place}`;
  const go = (text, action) => make("button", { type: "button", text, onclick: action });
  const slots = listTargets(card).filter((place) => place.matches(".slot"));
  bar.replaceChildren(make("strong", { text: say("card.in-hand", { name: nameOf(card) }) }),
    ...listTargets(card).map((place) => go(`→ ${titleOfTarget(place)}`, () => lay(card.name, place.dataset.place))),
    ...slots.map((place) => go(`↻ ${say("card.turn")}`, () => lay(card.name, place.dataset.place, true))),
    go(say("card.copy"), () => ask("copy", { card: card.name }).then((done) => done && take(null))),
    go(say("card.back"), () => take(null)));
}

export async function lay(card, to, turned = false) {
  const from = find(card)?.place;
  take(null);
  document.getElementById("in-hand").dataset.card = "";
  if (from !== to) await ask("move", { card, to, turned });
}

function shortcut(event) {
  const card = event.currentTarget.dataset.card;
  if (event.key === "Delete") lay(card, "bin");
  if (event.key === "c") ask("copy", { card });
}

// ****** Dragging ******

function begin(event) {
  if (event.button || dragged) return;
  const card = event.currentTarget, box = card.getBoundingClientRect();
  dragged = { card, ghost: null, x: event.clientX, y: event.clientY, dx: event.clientX - box.x, dy: event.clientY - box.y };
  card.setPointerCapture(event.pointerId);
  card.addEventListener("pointermove", move);
  card.addEventListener("pointerup", drop);
  card.addEventListener("pointercancel", giveUp);
}

function move(event) {
  if (!dragged.ghost) {
    if (Math.hypot(event.clientX - dragged.x, event.clientY - dragged.y) < FAR) return;
    dragged.ghost = dragged.card.cloneNode(true);
    dragged.ghost.classList.add("ghost");
    dragged.card.classList.add("lifted");
    document.body.classList.add("dragging");
    document.body.append(dragged.ghost);
  }
  dragged.ghost.style.left = `${event.clientX - dragged.dx}px`;
  dragged.ghost.style.top = `${event.clientY - dragged.dy}px`;
  const over = findPlace(event);
  for (const place of document.querySelectorAll("[data-place]")) place.classList.toggle("over", place === over);
}

function findPlace(event) {
  return document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-place]") ?? null;
}

function drop(event) {
  const { card, ghost } = dragged, over = findPlace(event);
  giveUp();
  if (!ghost) return;
  // The click that follows a drag is none.
  card.addEventListener("click", (click) => click.stopImmediatePropagation(), { capture: true, once: true });
  setTimeout(() => showCards(cards));
  if (over) lay(card.dataset.card, over.dataset.place);
}

function giveUp() {
  const { card, ghost } = dragged;
  card.removeEventListener("pointermove", move);
  card.removeEventListener("pointerup", drop);
  card.removeEventListener("pointercancel", giveUp);
  card.classList.remove("lifted");
  document.body.classList.remove("dragging");
  for (const place of document.querySelectorAll(".over")) place.classList.remove("over");
  ghost?.remove();
  dragged = null;
}

// ****** The counter, where the panel has none beside it ******

export function buildSale(form) {
  if (!panel.sells) return form.remove();
  const amount = make("input", { type: "number", min: 1, max: 1000, step: 1, value: 20, "aria-label": say("sell.amount") });
  form.append(make("strong", { text: say("sell") }), amount, make("span", { text: say("sell.amount") }),
    make("button", { text: say("sell.button") }));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const card = inHand() ?? pickOnly();
    if (!card) return tell(say("sell.none"));
    const done = await ask("sell", { card: card.name, fen: Math.trunc(Number(amount.value)) * 100 });
    if (done) tell(say("sell.done", { yuan: done.fen / 100, name: nameOf(card), count: done.count }), true);
  });
}

// Without a card in hand: the only resident's card in the tray that is no copy, if there is one alone.
function pickOnly() {
  const own = cards.filter((card) => card.place === "tray" && card.kind === "user" && !/-copy\d+\.card$/.test(card.name));
  return own.length === 1 ? own[0] : null;
}
