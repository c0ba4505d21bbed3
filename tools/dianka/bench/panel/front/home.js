// The appliances of the home behind the meter, as small drawings.

import { draw } from "./tools.js";

const SHAPES = {
  fridge: [["rect", { x: 12, y: 4, width: 24, height: 40, rx: 3 }], ["path", { d: "M12 19H36M16 10v5M16 24v8" }]],
  lamp: [["path", { d: "M24 4v8M12 26a12 12 0 0 1 24 0z" }], ["path", { d: "M20 30a4 4 0 0 0 8 0", class: "glow" }],
    ["path", { d: "M14 36l-4 4M24 38v6M34 36l4 4", class: "glow" }]],
  kettle: [["path", { d: "M14 18h20l3 24H11zM34 22q8 2 3 12M18 18q0-6 6-6t6 6M14 22L8 18" }],
    ["path", { d: "M20 9q-3-3 0-6M28 9q-3-3 0-6", class: "glow" }]],
  cooker: [["path", { d: "M6 34h36v8H6zM12 16h24v14H12zM8 20h4M36 20h4M18 16q0-4 6-4t6 4" }],
    ["path", { d: "M16 38h2M23 38h2M30 38h2", class: "glow" }]],
};

export function drawAppliance(name) {
  const parts = (SHAPES[name] ?? []).map(([tag, attributes]) => draw(tag, attributes));
  return draw("svg", { viewBox: "0 0 48 48", "aria-hidden": "true" }, ...parts);
}
