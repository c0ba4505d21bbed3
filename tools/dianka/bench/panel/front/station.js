// One meter with all that is around it: time, mains, the home behind it, and the place for a card.

import { drawFront } from "./front.js";
import { drawAppliance } from "./home.js";
import { makeLine } from "./line.js";
import { ask, make, mark, panel, say, tell, write } from "./tools.js";

const LOG_LINES = 100;

function makeButton(text, action, more = {}) {
  return make("button", { type: "button", onclick: action, ...more }, text);
}

function formatMilli(value, places) {
  return (Math.trunc(value / 10 ** (3 - places)) / 10 ** places).toFixed(places);
}

function press(element, on) {
  if (element.getAttribute("aria-pressed") !== String(on)) element.setAttribute("aria-pressed", String(on));
}

function makeTime(meter) {
  const buttons = panel.speeds.map((speed) =>
    [speed, makeButton(say(`speed.${speed}`), () => ask("speed", { meter, speed }))]);
  const when = make("output", { class: "when" });
  const truth = make("span", { class: "true" });
  const element = make("div", { class: "time", role: "group", "aria-label": say("time") },
    when, make("span", { class: "choices" }, ...buttons.map(([, button]) => button)), truth);
  return { element, update(news) {
    write(when, news.when);
    buttons.forEach(([speed, button]) => press(button, news.speed === speed));
    write(truth, news.true === null ? "" : say("speed.true", { times: news.true }));
  } };
}

function makeMains(meter) {
  const buttons = ["on", "off", "cut"].map((to) => [to, makeButton(say(`mains.${to}`),
    () => ask("mains", { meter, to }), { title: to === "on" ? undefined : say(`mains.${to}.how`), class: `mains-${to}` })]);
  const figures = ["volts", "amperes", "power"].map((name) => make("output", { class: `figure ${name}` }));
  const element = make("div", { class: "mains", role: "group", "aria-label": say("mains") },
    make("h2", { class: "small", text: say("mains") }), make("span", { class: "choices" }, ...buttons.map(([, button]) => button)),
    make("span", { class: "figures" }, ...figures));
  return { element, update(news) {
    buttons.forEach(([to, button]) => press(button, news.mains === to));
    write(figures[0], say("volts", { value: formatMilli(news.mv, 1) }));
    write(figures[1], say("amperes", { value: formatMilli(news.ma, 2) }));
    write(figures[2], say("power", { value: formatMilli(news.mw, 0) }));
  } };
}

function makeHome(meter) {
  const buttons = Object.entries(panel.appliances).map(([name, watts]) => [name, makeButton("",
    (event) => ask("appliance", { meter, name, on: event.currentTarget.getAttribute("aria-pressed") !== "true" }),
    { class: "appliance", "data-name": name, "aria-pressed": "false" }), watts]);
  buttons.forEach(([name, button, watts]) => button.append(drawAppliance(name),
    make("span", { text: say(`appliance.${name}`) }), make("small", { text: say("power", { value: watts }) })));
  const watts = make("input", { type: "number", min: 0, max: 6600, step: 1, inputmode: "numeric", value: 0,
    "aria-label": say("watts"), title: say("watts") });
  const form = make("form", { class: "watts", onsubmit(event) {
    event.preventDefault();
    ask("watts", { meter, watts: Math.trunc(Number(watts.value)) });
  } }, make("label", {}, make("span", { text: say("watts") }), watts), make("button", { text: say("watts.set") }));
  const element = make("div", { class: "home", role: "group", "aria-label": say("home") }, ...buttons.map(([, b]) => b), form);
  let connected = 0;
  return { element, update(news) {
    buttons.forEach(([name, button]) => press(button, news.on.includes(name)));
    mark(element, "live", news.relay && news.mv > 0);
    if (news.watts !== connected) watts.value = connected = news.watts;
  } };
}

// The key follows mouse, finger, Enter and blank: as long as one holds it, it is down.
function followKey(key, meter) {
  let down = false;
  const hold = (to) => {
    if (to === down) return;
    down = to;
    mark(key, "down", to);
    ask("key", { meter, down });
  };
  key.addEventListener("pointerdown", (event) => { key.setPointerCapture(event.pointerId); hold(true); });
  for (const end of ["pointerup", "pointercancel", "blur"]) key.addEventListener(end, () => hold(false));
  key.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    hold(true);
  });
  key.addEventListener("keyup", () => hold(false));
}

function makeLog() {
  const list = make("ol", { class: "log", tabindex: 0, "aria-label": say("log") });
  const element = make("section", { class: "pane" }, make("h2", { text: say("log") }), list);
  return { element, clear: () => list.replaceChildren(), add(line) {
    const follows = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
    list.append(make("li", {}, make("time", { text: line.at }), " ", line.text));
    while (list.children.length > LOG_LINES) list.firstElementChild.remove();
    if (follows) list.scrollTop = list.scrollHeight;
  } };
}

function makePlate(meter) {
  return makeButton(say("plate"), (event) => {
    const full = event.currentTarget.closest(".station").dataset.slot;
    return full && full !== "metal plate" ? tell(say("refuse.slot-full")) : ask("plate", { meter, in: !full });
  }, { class: "plate-button", title: say("plate.in"), "aria-pressed": "false" });
}

export function makeStation(meter, number, meterNo) {
  const front = drawFront(meter, number, meterNo);
  const parts = [makeTime(meter), makeMains(meter), makeHome(meter)];
  const [time, mains, home] = parts.map((part) => part.element);
  const means = make("p", { class: "means", "aria-live": "polite" });
  const slot = make("div", { class: "place slot", "data-place": meter });
  const stopped = make("p", { class: "stopped", hidden: true });
  const plate = makePlate(meter);
  followKey(front.key, meter);
  const element = make("article", { class: "station", "data-meter": meter, "aria-label": say("meter", { number }) },
    time, stopped, make("div", { class: "device", "data-place": meter }, front.svg, slot, plate),
    make("div", { class: "controls" }, means, mains, make("h2", { class: "small", text: say("home") }), home,
      make("p", { class: "key-how" }, make("b", { text: `${say("key")}: ` }), say("key.how"))));
  const line = makeLine(), log = makeLog();
  const seen = { log: 0, exchange: 0 };
  return { element, panes: [line.element, log.element], slot,
    forget() { seen.log = seen.exchange = 0; line.clear(); log.clear(); stopped.hidden = true; },
    take(kind, news) {
      if (kind === "picture") {
        [front, ...parts].forEach((part) => part.update(news));
        write(means, say(...news.means));
        element.dataset.slot = news.slot;
        press(plate, news.slot === "metal plate");
        mark(element, "talks", news.talks);
        mark(element, "sounds", news.sounds);
      } else if (kind === "stopped") {
        stopped.hidden = false;
        stopped.textContent = say("stopped", { why: news });
      } else if (news.number > seen[kind]) {
        seen[kind] = news.number;
        (kind === "log" ? log : line).add(news);
      }
    } };
}
