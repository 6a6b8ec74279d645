// A typed formula in LaTeX, from its expression.
"use strict";

const LATEX_NAMES = {
  sigmoid: "\\sigma", normal_cdf: "\\Phi", normal_pdf: "\\varphi", tanh: "\\tanh", sin: "\\sin", cos: "\\cos",
  tan: "\\tan", atan: "\\arctan", sinh: "\\sinh", cosh: "\\cosh", log: "\\log", erf: "\\operatorname{erf}",
  erfc: "\\operatorname{erfc}", sign: "\\operatorname{sign}",
};
// Stable forms as people write them; U and V stand for the arguments.
const LATEX_FORMS = {
  exp: "e^{U}", sqrt: "\\sqrt{U}", expm1: "\\left(e^{U} - 1\\right)", log1p: "\\log\\left(1 + U\\right)",
  softplus: "\\log\\left(1 + e^{U}\\right)", sech2: "\\frac{1}{\\cosh^{2}\\left(U\\right)}",
  tanh_gap: "\\left(U - \\tanh\\left(U\\right)\\right)", hypot: "\\sqrt{\\left(U\\right)^{2} + \\left(V\\right)^{2}}",
  hypot_sum: "\\left(U + \\sqrt{\\left(U\\right)^{2} + \\left(V\\right)^{2}}\\right)",
  hypot_slope: "\\left(1 + \\frac{U}{\\sqrt{\\left(U\\right)^{2} + \\left(V\\right)^{2}}}\\right)",
};
const LATEX_SIGNS = { ">": ">", ">=": "\\geq", "==": "=" };

function latexNumber(value) {
  for (let below = 1; below <= 12; below += 1) {
    const above = value * below;
    if (Number.isInteger(above)) {
      const sign = above < 0 ? "-" : "";
      return below === 1 ? String(above) : `${sign}\\frac{${Math.abs(above)}}{${below}}`;
    }
  }
  const [digits, exponent] = String(Number(value.toPrecision(6))).split("e");
  return exponent ? `${digits} \\cdot 10^{${Number(exponent)}}` : digits;
}

const latexSymbol = (name) => (name.length === 1 ? name : `\\mathrm{${name.replaceAll("_", "\\_")}}`);
const inParentheses = (tree) => (isHead(tree, "+") ? `\\left(${latexOf(tree)}\\right)` : latexOf(tree));

function latexOf(tree) {
  if (isNumber(tree)) return latexNumber(tree);
  if (!Array.isArray(tree)) return latexSymbol(tree);
  const [head, ...args] = tree;
  if (head === "+") return args.map(latexOf).reduce((text, term) => text + (term.startsWith("-") ? " - " + term.slice(1) : " + " + term));
  if (head === "*") return latexProduct(args);
  if (head === "^") return args[1] < 0 ? latexProduct([tree]) : `${latexBase(args[0])}^{${latexOf(args[1])}}`;
  if (head === "where") return latexCases(`${latexOf(args[1])} ${LATEX_SIGNS[args[0]]} 0`, args[2], args[3]);
  if (head === "choose") return latexChoice(...args);
  if (head in LATEX_NAMES) return `${LATEX_NAMES[head]}\\left(${latexOf(args[0])}\\right)`;
  const [u, v] = args.map(latexOf);
  return LATEX_FORMS[head].replace(/[UV]/g, (letter) => (letter === "U" ? u : v));
}

const latexBase = (tree) =>
  !Array.isArray(tree) && !(isNumber(tree) && tree < 0) ? latexOf(tree) : `\\left(${latexOf(tree)}\\right)`;

function latexProduct(factors) {
  const negated = isNumber(factors[0]) && factors[0] < 0;
  const own = negated ? [-factors[0], ...factors.slice(1)].filter((f) => f !== 1) : factors;
  const isBelow = (f) => isHead(f, "^") && f[2] < 0;
  const above = own.filter((f) => !isBelow(f)).map(inParentheses).join(" \\, ") || "1";
  const below = own.filter(isBelow).map((f) => inParenthesesIfMany(power(f[1], -f[2]), own.filter(isBelow).length));
  const text = below.length === 0 ? above : `\\frac{${above}}{${below.join(" \\, ")}}`;
  return negated ? `-${text}` : text;
}

const inParenthesesIfMany = (tree, count) => (count > 1 ? inParentheses(tree) : latexOf(tree));

const latexCases = (condition, a, b) =>
  `\\begin{cases} ${latexOf(a)} & ${condition} \\\\ ${latexOf(b)} & \\text{otherwise} \\end{cases}`;

function latexChoice(c, p, q) {
  if (same(c, p) && same(q, negative(p))) return `\\left|${latexOf(p)}\\right|`;
  if (same(c, sum(p, negative(q)))) return `\\max\\left(${latexOf(p)}, ${latexOf(q)}\\right)`;
  if (same(c, sum(q, negative(p)))) return `\\min\\left(${latexOf(p)}, ${latexOf(q)}\\right)`;
  return latexCases(`${latexOf(c)} > 0`, p, q);
}
