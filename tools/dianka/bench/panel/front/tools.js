// What all scripts of the panel share: the page's data, its texts, elements, and what is asked for.

export const panel = JSON.parse(document.getElementById("panel").textContent);
const token = document.querySelector("meta[name=token]").content;
const SVG = "http://www.w3.org/2000/svg";

// Return a text in the page's language; a field "@key" is a text itself.
export function say(key, fields = {}) {
  const text = panel.words[key] ?? key;
  return text.replace(/\{([\w-]+)\}/g, (_, name) => {
    const value = String(fields[name] ?? "");
    return value.startsWith("@") ? say(value.slice(1)) : value;
  });
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

// Change an element only where it differs: pictures come ten times a second.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function mark(element, name, on) {
  if (element.classList.contains(name) !== on) element.classList.toggle(name, on);
}

let quiet = 0;
export function tell(text, good = false) {
  const notice = document.getElementById("notice");
  notice.textContent = text;
  notice.className = `notice shown${good ? " good" : ""}`;
  clearTimeout(quiet);
  quiet = setTimeout(() => notice.classList.remove("shown"), 6000);
}

// Ask the panel to do something; a refusal is told. Return what it answered, or null.
export async function ask(act, given) {
  try {
    const answer = await fetch(`do/${act}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-panel-token": token },
      body: JSON.stringify(given),
    });
    if (answer.ok) return (await answer.json()) ?? {};
    if (answer.status === 409) tell(say(...(await answer.json()).refused));
    else tell((await answer.text()).trim());
  } catch {
    tell(say("refuse.connection"));
  }
  return null;
}
