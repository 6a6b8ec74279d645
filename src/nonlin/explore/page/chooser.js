// Choosing what is shown: search, families, a formula of one's own.
"use strict";

function setUpChooser() {
  const families = [...new Set(DATA.entries.map((entry) => entry.family))];
  byId("family").append(html("option", { value: "" }, "all families"), ...families.map((f) => html("option", { value: f }, f)));
  byId("search").addEventListener("input", drawList);
  byId("family").addEventListener("change", drawList);
  byId("own").addEventListener("submit", (event) => {
    event.preventDefault();
    addOwn(byId("formula").value);
  });
  byId("formula").addEventListener("input", () => complain(byId("formula").value));
}

const listed = (entry) => {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [entry.name, entry.formula, entry.reference, ...entry.spellings].join(" ").toLowerCase();
  return words.every((word) => text.includes(word)) && [entry.family, ""].includes(byId("family").value);
};

function drawList() {
  const chosen = new Set(curves().map((curve) => curve.entry?.name));
  const found = DATA.entries.filter(listed);
  byId("list").replaceChildren(...found.map((entry) =>
    html("li", {}, html("label", {},
      html("input", { type: "checkbox", value: entry.name, checked: chosen.has(entry.name), onchange: toggled }),
      html("b", {}, entry.name), " ", html("code", {}, entry.shortFormula)))));
  byId("found").textContent = `${found.length} of ${DATA.entries.length}`;
}

function toggled(event) {
  const { value, checked } = event.target;
  const others = state.specs.filter((spec) => curveOf(spec).entry?.name !== value);
  update({ specs: checked ? [...others, value] : others });
}

// Say at once what is wrong with a formula; true where nothing is.
function complain(text) {
  let message = "";
  try {
    if (text.trim()) curveOf(text.trim());
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    message = error.message;
  }
  byId("complaint").textContent = message;
  byId("formula").setAttribute("aria-invalid", message !== "");
  return message === "";
}

function addOwn(text) {
  const spec = text.trim();
  if (!spec || !complain(spec)) return;
  if (!state.specs.includes(spec)) update({ specs: [...state.specs, spec] });
  byId("formula").value = "";
}
