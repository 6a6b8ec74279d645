// The chosen functions as code for each framework, and in LaTeX.
"use strict";

const LANGUAGES = { ...DATA.languages, latex: "LaTeX" };

const quoted = (text) => JSON.stringify(text);
const specOf = (curve) => specWith(curve, {});

// The line that makes the function.
function made(curve, i) {
  if (curve.entry) return `f = nl.get(${quoted(specOf(curve))})`;
  const values = curve.parameters.map((p) => `, ${p.name}=${p.value}`).join("");
  return `f = nl.define("own_${i + 1}", ${quoted(curve.formula)}${values})`;
}

function latexOfFormula(formula) {
  const { expression } = read(formula);
  return [`f(x) = ${latexOf(expression)}`, `f'(x) = ${latexOf(derivative(expression))}`];
}

function codeOf(curve, i, language) {
  if (language === "latex") return (curve.entry ? curve.entry.latex : latexOfFormula(curve.formula)).join("\n");
  return DATA.code[language][curve.vector ? "axis" : "curve"].replace("{f}", () => made(curve, i));
}
