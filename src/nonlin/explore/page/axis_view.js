// Functions of a whole axis: some inputs to change, and the output as bars.
"use strict";

let axisKey = "";

function drawAxis() {
  const found = curves().filter((curve) => curve.axis);
  byId("axis").hidden = found.length === 0;
  if (found.length === 0) return;
  const key = String(state.vector.length);
  if (key !== axisKey) byId("inputs").replaceChildren(...state.vector.map(axisInput));
  axisKey = key;
  state.vector.forEach((value, i) => { byId(`v${i}`).value = value; });
  byId("bars").replaceChildren(...found.map((curve) => {
    const values = AXIS_FUNCTIONS[curve.axis](state.vector);
    const largest = Math.max(...values.map(Math.abs)) || 1;
    const bars = values.map((value) => html("span", { class: "bar" },
      html("i", { style: `width: ${(100 * Math.abs(value)) / largest}%` }), html("span", {}, value.toPrecision(4))));
    return html("div", { class: "axis-function" }, html("h3", {}, curve.title), bars);
  }));
}

function axisInput(value, i) {
  const change = (event) => {
    const number = Number(event.target.value);
    if (event.target.value !== "" && Number.isFinite(number)) update({ vector: state.vector.map((old, j) => (j === i ? number : old)) });
  };
  return html("input", { type: "number", step: "any", id: `v${i}`, value, "aria-label": `input ${i + 1}`, onchange: change });
}
