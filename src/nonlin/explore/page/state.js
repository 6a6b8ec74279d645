// What the page shows, and the same in the address after "#", so that a view can be shared.
"use strict";

const TABS = ["facts", "depth", "neuron", "exactness", "code"];
const FIRST = {
  specs: ["relu", "gelu"], orders: [0, 1], x: 1, low: -5, high: 5, tab: "facts",
  gain: null, scale: 1, layers: 30, current: 1.5, tau: 20, rest: 2, k: 2,
  vector: [2, 1, 0.5, -1, -2],
};
const NUMBERS = ["x", "gain", "scale", "layers", "current", "tau", "rest", "k"];
const state = { ...FIRST };
const refused = []; // messages on what an address holds and the page cannot show

function written() {
  const query = new URLSearchParams();
  for (const spec of state.specs) query.append("f", spec);
  query.set("d", state.orders.join(""));
  query.set("range", `${state.low},${state.high}`);
  query.set("tab", state.tab);
  for (const name of NUMBERS) if (state[name] !== FIRST[name]) query.set(name, state[name]);
  if (state.vector !== FIRST.vector) query.set("vector", state.vector.join(","));
  return query.toString();
}

// Take over what an address says; what it does not say is as at first.
function readAddress() {
  const query = new URLSearchParams(location.hash.slice(1));
  Object.assign(state, FIRST);
  refused.length = 0;
  if (query.has("f") || query.has("d")) state.specs = query.getAll("f").filter(isShowable);
  if (query.has("d")) state.orders = [0, 1, 2].filter((order) => query.get("d").includes(order));
  const numbers = (name) => query.get(name).split(",").map(Number);
  for (const name of NUMBERS) {
    if (query.has(name) && Number.isFinite(Number(query.get(name)))) state[name] = Number(query.get(name));
  }
  if (query.has("range") && isInterval(numbers("range"))) [state.low, state.high] = numbers("range");
  if (query.has("vector") && numbers("vector").every(Number.isFinite)) state.vector = numbers("vector");
  if (TABS.includes(query.get("tab"))) state.tab = query.get("tab");
  state.layers = Math.min(Math.max(Math.round(state.layers), 1), 200);
}

const isInterval = ([low, high]) => Number.isFinite(low) && Number.isFinite(high) && low < high;

function isShowable(spec) {
  try {
    curveOf(spec);
    return true;
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    refused.push(`${spec}: ${error.message}`);
    return false;
  }
}

let writing = 0;

// Change the state, draw again, and write the address once the changes pause.
function update(changes) {
  Object.assign(state, changes);
  draw();
  clearTimeout(writing);
  writing = setTimeout(() => history.replaceState(null, "", `#${written()}`), 150);
}

const curves = () => state.specs.map(curveOf);
const elementwise = () => curves().map((curve, i) => ({ curve, style: `c${i % 7}` })).filter(({ curve }) => !curve.axis);
