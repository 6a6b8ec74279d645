// Strips along x: where a format of 16 bits, or a framework in float32, loses the value or the gradient.
"use strict";

const STRIP = { low: -110, high: 110, count: 2200 };
const LOSS_TEXT = { lost: "lost", digits: "half of the digits or more gone" };
const ROW_HEIGHT = 22;

function drawExactness() {
  const versions = Object.entries(DATA.measured).map(([name, version]) => `${name} ${version}`).join(", ");
  byId("measured").textContent = `Measured with ${versions}, at the default parameters; Keras computes with its engine's functions.`;
  byId("exactness-body").replaceChildren(...elementwise().map(({ curve, style }) => html("div", { class: "strip" },
    html("h3", {}, html("span", { class: `swatch ${style}` }, curve.title)), strip(curve))));
}

function strip(curve) {
  const measured = curve.asDefined ? curve.entry.losses : {};
  const rows = [
    ...Object.entries(HALVES).flatMap(([name, format]) => [0, 1].map((order) => [name, order, halfLosses(curve, order, format)])),
    ...Object.entries(measured).flatMap(([name, both]) => both.map((losses, order) => [name, order, losses])),
  ];
  return html("div", {}, rows.map(([name, order, losses]) => stripRow(name, order, losses)), stripAxis());
}

// Runs of x in which the format keeps nothing, or too little, of the true value.
function halfLosses(curve, order, format) {
  const { low, high, count } = STRIP;
  const found = [];
  for (let i = 0; i <= count; i += 1) {
    const x = low + ((high - low) * i) / count;
    const kind = lossIn(curve.at(x, order), format);
    if (!kind) continue;
    const last = found.at(-1);
    if (last?.[2] === kind && x - last[1] < (1.5 * (high - low)) / count) last[1] = x;
    else found.push([x, x, kind]);
  }
  return found;
}

function stripRow(name, order, losses) {
  const share = (x) => (100 * (x - STRIP.low)) / (STRIP.high - STRIP.low);
  const told = losses.map(([a, b, kind]) => `${LOSS_TEXT[kind]} from ${shown(a)} to ${shown(b)}`);
  const label = `${name} ${order === 0 ? "value" : "gradient"}`;
  const bars = losses.map(([a, b, kind], i) => svg("rect", { x: `${share(a)}%`, width: `${Math.max(share(b) - share(a), 0.4)}%`, y: 2, height: ROW_HEIGHT - 8, class: `loss ${kind}` }, svg("title", {}, told[i])));
  return html("div", { class: "strip-row" }, html("span", {}, label),
    svg("svg", { height: ROW_HEIGHT - 4, width: "100%", role: "img", "aria-label": `${label}: ${told.join(", ") || "kept"}` },
      svg("rect", { x: 0, width: "100%", y: 2, height: ROW_HEIGHT - 8, class: "loss none" }), bars),
    html("span", { class: "told" }, told.length === 0 ? "kept" : told[0] + (told.length > 1 ? ", \u2026" : "")));
}

const stripAxis = () => html("div", { class: "strip-row strip-axis", "aria-hidden": "true" }, html("span"),
  html("div", {}, [-100, -50, 0, 50, 100].map((x) => html("i", { style: `left: ${(100 * (x - STRIP.low)) / (STRIP.high - STRIP.low)}%` }, tickText(x)))), html("span"));
