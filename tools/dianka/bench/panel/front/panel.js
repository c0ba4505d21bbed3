// The panel's page: builds it, and follows the stream of all meters.

import { buildPlaces, buildSale, showCards } from "./cards.js";
import { noteCards, notePicture } from "./hints.js";
import { makeStation } from "./station.js";
import { make, mark, panel, say } from "./tools.js";

const stations = new Map(panel.meters.map((meter, at) => [meter, makeStation(meter, at + 1, panel.numbers[meter])]));
const wall = document.getElementById("wall"), look = document.getElementById("look");

for (const [meter, station] of stations) {
  wall.append(station.element);
  look.append(make("div", { class: "panes", "data-of": meter }, ...station.panes));
}
document.body.dataset.meters = String(stations.size);
if (panel.counter)
  document.getElementById("counter").prepend(
    make("div", { class: "shop" }, make("iframe", { src: panel.counter, title: say("counter") })));
buildPlaces();
buildSale(document.getElementById("sell"));

const link = document.getElementById("link");
let run = "";

function follow() {
  const events = new EventSource("events");
  events.addEventListener("open", () => { mark(link, "lost", false); link.textContent = say("connected"); });
  events.addEventListener("error", () => {
    mark(link, "lost", true);
    link.textContent = say("lost");
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 1000);
  });
  events.addEventListener("run", (event) => {
    if (run && run !== event.data) location.reload(); // another start has another token
    run = event.data;
  });
  events.addEventListener("cards", (event) => {
    const cards = JSON.parse(event.data);
    showCards(cards);
    noteCards(cards);
  });
  for (const kind of ["picture", "log", "exchange", "stopped"])
    events.addEventListener(kind, (event) => {
      const { meter, news } = JSON.parse(event.data);
      stations.get(meter)?.take(kind, news);
      if (kind === "picture" && meter === panel.meters[0]) notePicture(news);
    });
}

follow();
