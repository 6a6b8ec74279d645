// What becomes of a signal and of its gradient in a deep network of the chosen functions.
"use strict";

const CACHE = new Map();
let depthReady = false;

// The gain that keeps a function's signal of variance 1.
const matchedGain = (curve) => 1 / Math.sqrt(secondMoments(curve)[0]);

function setUpDepth() {
  const number = (name) => (value) => update({ [name]: value });
  byId("depth-controls").append(
    slider({ id: "gain", label: "gain of the weights", value: 1, min: 0.1, max: 4, change: number("gain") }),
    slider({ id: "scale", label: "input standard deviation s", value: 1, min: 0.1, max: 3, change: number("scale") }),
    slider({ id: "layers", label: "layers L", value: 30, min: 1, max: 100, step: 1, change: (v) => update({ layers: Math.min(Math.max(Math.round(v), 1), 200) }) }),
    html("button", { type: "button", id: "matched", onclick: () => update({ gain: null }) }, "each with its matched gain"));
  depthReady = true;
}

function drawDepth() {
  if (!depthReady) setUpDepth();
  const { scale, layers } = state;
  const found = elementwise().map(({ curve, style }) => {
    const gain = state.gain ?? matchedGain(curve);
    return { curve, style, gain, ...remembered(curve, { gain, scale, layers }) };
  });
  for (const [id, value] of Object.entries({ gain: tidied(found[0]?.gain ?? 1, 1), scale, layers })) setSlider(id, value);
  byId("matched").setAttribute("aria-pressed", state.gain === null);
  const chart = (id, key, label) => {
    const lines = found.map((each) => each[key].map((value, layer) => [layer, Math.log10(value)]));
    const values = lines.flat().map(([, y]) => y).filter(Number.isFinite);
    const y = [Math.max(Math.min(-2, ...values), -16) - 0.5, Math.min(Math.max(2, ...values), 16) + 0.5];
    const own = new Chart(byId(id), { x: [0, layers], y, height: 260, label, xLabel: "layer", log: true });
    found.forEach(({ curve, style }, i) => own.line(lines[i], `${style} o0`, curve.title));
  };
  chart("depth-variance", "variance", "Variance of the pre-activations by layer");
  chart("depth-gradient", "gradient", "Norm of the gradient by layer, relative to the last layer");
  byId("depth-verdict").replaceChildren(...found.map(({ curve, style, gain, variance, gradient }) => html("li", {},
    html("span", { class: `swatch ${style}` }, curve.title),
    `, gain ${shown(gain)}: the signal ${fate(variance[0], variance.at(-1))} (variance ${shown(variance.at(-1))} after ${layers} layers), `,
    `the gradient ${fate(1, gradient[0])} (${shown(gradient[0])} of it reaches the input)`)));
}

function remembered(curve, settings) {
  const key = JSON.stringify([curve.title, curve.values, settings]);
  if (!CACHE.has(key)) CACHE.set(key, propagated(curve, settings));
  return CACHE.get(key);
}
