// Elements of HTML and SVG in one call: attributes, listeners ("onclick") and children. Text is always text.
"use strict";

const byId = (id) => document.getElementById(id);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

const html = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);

const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// A table with a header row; the first cell of each row is its header.
function table(caption, head, rows) {
  const body = rows.map(([first, ...cells]) =>
    html("tr", {}, html("th", { scope: "row" }, first), cells.map((cell) => html("td", {}, cell))));
  return html("div", { class: "scroll" }, html("table", {},
    html("caption", {}, caption),
    html("thead", {}, html("tr", {}, head.map((cell) => html("th", { scope: "col" }, cell)))),
    html("tbody", {}, body)));
}

// A slider with its number beside it; `change` gets the new value.
function slider({ id, label, value, min, max, step = "any", change }) {
  const given = (event) => {
    const number = Number(event.target.value);
    if (event.target.value !== "" && Number.isFinite(number)) change(event.target.type === "range" ? tidied(number, max - min) : number);
  };
  const range = html("input", { type: "range", id, min, max, step, oninput: given });
  range.value = value;
  const exact = html("input", { type: "number", step: "any", "aria-label": `${label}, exact`, onchange: given });
  exact.value = value;
  return html("div", { class: "slider" }, html("label", { for: id }, label), range, exact);
}

// Show a slider's value, which may have changed elsewhere.
function setSlider(id, value) {
  for (const input of byId(id).parentElement.querySelectorAll("input")) input.value = value;
}

// A number that a pointer has chosen, with no more digits than the span can show.
function tidied(value, span) {
  const digits = Math.max(0, 3 - Math.round(Math.log10(span)));
  return Number(value.toFixed(digits));
}
