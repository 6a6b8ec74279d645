// A spiking neuron beside the functions that stand for its firing rate, and the step's surrogate gradients.
"use strict";

const DURATION = 200; // ms of voltage
const MOST_CURRENT = 4;
let neuronReady = false;

function setUpNeuron() {
  const control = (id, label, min, max) =>
    slider({ id, label, value: state[id], min, max, change: (value) => update({ [id]: Math.min(Math.max(value, min), 100 * max) }) });
  byId("neuron-controls").append(
    control("current", "input current I", 0, MOST_CURRENT), control("tau", "time constant, ms", 1, 50),
    control("rest", "rest after a spike, ms", 0, 20), control("k", "sharpness alpha of the surrogates", 0.5, 10));
  neuronReady = true;
}

function drawNeuron() {
  if (!neuronReady) setUpNeuron();
  const { current, tau, rest, k } = state;
  for (const id of ["current", "tau", "rest", "k"]) setSlider(id, state[id]);
  drawVoltage(current, { tau, rest });
  drawRate(current, { tau, rest });
  drawSurrogates(k);
}

function drawVoltage(current, neuron) {
  const { points, spikes } = voltage(current, neuron, DURATION);
  const chart = new Chart(byId("neuron-voltage"), { x: [0, DURATION], y: [-0.1, 1.6], height: 220, label: `Voltage at current ${current}: ${spikes.length} spikes in ${DURATION} ms`, xLabel: "ms", yLabel: "voltage v" });
  chart.line([[0, 1], [DURATION, 1]], "threshold", "threshold");
  chart.line(points, "c0 o0", "voltage");
  for (const spike of spikes) chart.line([[spike, 1], [spike, 1.5]], "c1 o0", `spike at ${shown(spike)} ms`);
  const rate = firingRate(current, neuron);
  byId("neuron-said").textContent = current > 1
    ? `At I = ${current} it fires ${shown(rate)} times a second.`
    : `At I = ${current} it never reaches the threshold: ${shown(rate)} spikes a second.`;
}

// ReLU and softplus with the slope that the neuron without rest has for large currents.
function drawRate(current, neuron) {
  const slope = 1000 / neuron.tau;
  const models = [
    ["c0 o0", "neuron", (i) => firingRate(i, neuron)],
    ["c1 o1", "ReLU(I \u2212 1)", (i) => slope * Math.max(0, i - 1)],
    ["c2 o2", "softplus(4(I \u2212 1))/4", (i) => (slope * softplus(4 * (i - 1))) / 4],
  ];
  const most = Math.max(MOST_CURRENT, current);
  const places = Array.from({ length: 401 }, (_, i) => (most * i) / 400);
  const top = Math.max(slope * (most - 1), firingRate(most, neuron));
  const chart = new Chart(byId("neuron-rate"), { x: [0, most], y: [-0.03 * top, 1.05 * top], height: 260, label: "Firing rate against input current", xLabel: "input current I", yLabel: "spikes a second" });
  for (const [style, name, rate] of models) chart.line(places.map((i) => [i, rate(i)]), style, name);
  chart.upright(current, "crosshair");
  chart.dot(current, firingRate(current, neuron), "c0");
  byId("neuron-key").replaceChildren(legend(models.map(([style, name]) => [style, name])));
}

function drawSurrogates(k) {
  const found = DATA.entries.filter((entry) => entry.surrogate).map((entry, i) => {
    const curve = fromEntry(entry, entry.parameters.some((p) => p.name === "alpha") ? { alpha: k } : {});
    const points = Array.from({ length: 601 }, (_, j) => [j / 100 - 3, curve.at(j / 100 - 3, 1)]);
    return { name: `${entry.name} (${entry.reference.split(":")[0]})`, style: `c${i + 1} o${i % 3}`, points };
  });
  const y = extent(found.map(({ points }) => points), -3, 3);
  const chart = new Chart(byId("neuron-surrogates"), { x: [-3, 3], y, height: 260, label: "The step and what stands for its derivative", xLabel: "distance of the voltage from the threshold" });
  chart.line([[-3, 0], [0, 0], [0, NaN], [0, 1], [3, 1]], "c0 o0", "step");
  for (const { name, style, points } of found) chart.line(points, style, name);
  byId("surrogate-key").replaceChildren(legend([["c0 o0", "the step"], ...found.map(({ name, style }) => [style, name])]));
}
