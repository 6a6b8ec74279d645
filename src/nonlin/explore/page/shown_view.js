// The functions that are shown: colour, formula, a slider for each parameter, and a button to take one away.
"use strict";

let laidOut = ""; // what the controls stand for: they are made anew only when that changes, so that focus stays

function drawShown() {
  const key = curves().map((curve) => `${curve.title}:${Object.keys(curve.values)}`).join("|");
  const all = curves();
  if (key !== laidOut) byId("shown").replaceChildren(...all.map(shownItem));
  else all.forEach(refresh);
  laidOut = key;
  byId("refused").textContent = refused.join("\n");
}

function shownItem(curve, i) {
  const remove = () => update({ specs: state.specs.filter((_, j) => j !== i) });
  const sample = svg("svg", { width: 30, height: 10, "aria-hidden": "true" }, svg("path", { d: "M1 5H29", class: `line o0 c${i % 7}` }));
  const about = curve.entry ? html("code", {}, curve.entry.shortFormula) : null;
  return html("li", {},
    html("div", { class: "named" }, sample, html("b", {}, curve.title), about,
      html("button", { type: "button", class: "remove", "aria-label": `remove ${curve.title}`, onclick: remove }, "\u00d7")),
    curve.parameters.map((parameter) => slider({
      id: `p${i}-${parameter.name}`, label: parameter.name, value: parameter.value, ...reach(parameter),
      change: (value) => changeParameter(i, parameter.name, value),
    })));
}

// The ends of a parameter's slider.
function reach({ default: own, constraint }) {
  const span = Math.max(3, 3 * Math.abs(own));
  return { min: constraint?.startsWith(">") ? 0.01 : -span, max: span };
}

function changeParameter(i, name, value) {
  const curve = curveOf(state.specs[i]);
  const values = { ...curve.values, [name]: value };
  if (!allowed(curve, values)) {
    const { constraint } = curve.parameters.find((p) => p.name === name);
    byId("refused").textContent = `${name} must be ${constraint ?? "below its limit"}: ${value}`;
    return;
  }
  update({ specs: state.specs.map((spec, j) => (j === i ? specWith(curve, values) : spec)) });
}

function refresh(curve, i) {
  for (const { name, value } of curve.parameters) setSlider(`p${i}-${name}`, value);
}
