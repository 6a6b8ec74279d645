// The table of facts, one column a function.
"use strict";

function drawFacts() {
  const shownCurves = elementwise().map(({ curve }) => curve);
  const facts = shownCurves.map((curve) => new Map(factsOf(curve).map(([label, value, method]) => [label, [value, method]])));
  const labels = [...new Set(facts.flatMap((own) => [...own.keys()]))];
  const cell = (found) => (found ? html("span", { title: found[1] }, found[0]) : "\u2013");
  const rows = labels.map((label) => [label, ...facts.map((own) => cell(own.get(label)))]);
  const head = ["fact", ...shownCurves.map((curve) => curve.title)];
  byId("facts-body").replaceChildren(
    shownCurves.length === 0 ? html("p", {}, "Choose a function.") : table("Computed facts; z ~ N(0, 1)", head, rows),
    html("dl", {}, curves().filter((curve) => curve.entry).flatMap(({ entry }) => [
      html("dt", {}, entry.name), html("dd", {}, aboutEntry(entry))])));
}

const aboutEntry = ({ formula, derivative, surrogate, note, aliases, reference }) => [
  html("code", {}, formula), derivative ? html("span", {}, surrogate ? "; surrogate of the derivative " : "; derivative ", html("code", {}, derivative)) : null,
  html("br"), note ? `${note} ` : "", aliases.length > 0 ? `Also ${aliases.join(", ")}. ` : "", `Source: ${reference}.`,
];
