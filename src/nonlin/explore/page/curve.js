// A function that can be drawn: f, f', f'' at its parameters' values, and where its pieces meet.
"use strict";

const SPEC = /^\s*([A-Za-z_]\w*)\s*(?:\(\s*([A-Za-z_]\w*\s*=[^()]*)\))?\s*$/;
const HIGHEST = 2;
const CURVES = new Map(); // by spec, since they are asked for at each drawing

const entryOf = (name) => DATA.entries.find((e) => e.name === name || e.spellings.includes(name.toLowerCase()));

class Piecewise {
  constructor({ breaks, closed, exprs }) {
    this.trees = exprs;
    this.closed = closed;
    this.breaks = breaks.map(compiled);
    this.exprs = exprs.map(compiled);
  }

  at(x, values) {
    if (Number.isNaN(x)) return NaN;
    const last = this.exprs.length - 1;
    for (let i = 0; i < last; i += 1) {
      const edge = this.breaks[i](x, values);
      if (x < edge || (x === edge && this.closed[i] === "left")) return this.exprs[i](x, values);
    }
    return this.exprs[last](x, values);
  }
}

class Curve {
  // `orders` are f, f', f'' as pieces, none for a function of a whole axis, whose name is `axis`; `parameters` are
  // {name, value, constraint}; `entry` is the catalogue's, or null.
  constructor({ title, orders, parameters, entry, formula, axis = null }) {
    Object.assign(this, { title, parameters, entry, formula, axis });
    this.vector = entry?.vector ?? false;
    this.values = Object.fromEntries(parameters.map((p) => [p.name, p.value]));
    this.orders = orders.map((pieces) => new Piecewise(pieces));
    this.conditions = orders.flatMap((pieces) => pieces.exprs.flatMap(conditionsIn)).map(compiled);
  }

  at(x, order = 0) {
    return this.orders[order].at(x, this.values);
  }

  // Whether the parameters have the values that the catalogue's facts were computed for.
  get asDefined() {
    return this.entry !== null && this.parameters.every((p) => p.value === p.default);
  }

  // Sorted places in (low, high) where pieces meet or a condition changes its sign.
  breaks(low, high) {
    const found = this.orders.flatMap((pieces) => pieces.breaks.map((edge) => edge(0, this.values)));
    for (const condition of this.conditions) found.push(...signChanges((x) => condition(x, this.values), low, high));
    const sorted = found.filter((place) => place > low && place < high).sort((a, b) => a - b);
    return sorted.filter((place, i) => i === 0 || place - sorted[i - 1] > 1e-9 * (1 + Math.abs(place)));
  }
}

// The conditions that are still in an expression.
const conditionsIn = (tree) => [
  ...(isHead(tree, "where") ? [tree[2]] : isHead(tree, "choose") || isHead(tree, "sign") ? [tree[1]] : []),
  ...parts(tree).flatMap(conditionsIn),
];

function signChanges(f, low, high, count = 2000) {
  const found = [];
  let before = low;
  for (let i = 1; i <= count; i += 1) {
    const x = low + ((high - low) * i) / count;
    if (Math.sign(f(before)) * Math.sign(f(x)) < 0) found.push(bisected(f, before, x));
    else if (f(x) === 0 && f(before) !== 0) found.push(x);
    before = x;
  }
  return found;
}

// Where f changes its sign, to the last bit.
function bisected(f, low, high) {
  const left = Math.sign(f(low));
  let [a, b] = [low, high];
  for (let i = 0; i < 80; i += 1) {
    const middle = (a + b) / 2;
    if (Math.sign(f(middle)) === left) a = middle;
    else b = middle;
  }
  return b;
}

// The curve that a spec stands for: a name, name(parameter=number, ...), or a formula with "; parameter=number".
function curveOf(spec) {
  if (!CURVES.has(spec)) CURVES.set(spec, fromSpec(spec));
  return CURVES.get(spec);
}

function fromSpec(spec) {
  const match = SPEC.exec(spec);
  const entry = match && entryOf(match[1]);
  if (entry) return fromEntry(entry, assignments(match[2] ?? ""));
  const [text, given = ""] = spec.split(";", 2);
  return fromFormula(text.trim(), assignments(given));
}

function assignments(text) {
  const found = Object.create(null); // a parameter may have any name
  for (const part of text.split(",").filter((p) => p.trim())) {
    const [name, value] = part.split("=").map((side) => side.trim());
    if (!value || !Number.isFinite(Number(value))) throw new FormulaError(`not parameter=number: ${part.trim()}`);
    found[name] = Number(value);
  }
  return found;
}

function fromEntry(entry, given) {
  const unknown = Object.keys(given).find((name) => !entry.parameters.some((p) => p.name === name));
  if (unknown) throw new FormulaError(`${entry.name} has no parameter of that name: ${unknown}`);
  const parameters = entry.parameters.map((p) => ({ ...p, value: given[p.name] ?? p.default }));
  return new Curve({ title: entry.name, orders: entry.pieces, parameters, entry, formula: entry.formula, axis: entry.axis });
}

function fromFormula(text, given) {
  const { expression, parameters } = read(text);
  const unknown = Object.keys(given).find((name) => !parameters.includes(name));
  if (unknown) throw new FormulaError(`the formula has no parameter of that name: ${unknown}`);
  const exprs = [expression];
  while (exprs.length <= HIGHEST) exprs.push(derivative(exprs.at(-1)));
  const orders = exprs.map((expr) => ({ breaks: [], closed: [], exprs: [expr] }));
  const own = parameters.map((name) => ({ name, default: 1, value: given[name] ?? 1, constraint: null }));
  return new Curve({ title: text, orders, parameters: own, entry: null, formula: text });
}

// The spec that gives this curve with other values of its parameters.
function specWith(curve, values) {
  const own = curve.parameters.map((p) => [p, Object.hasOwn(values, p.name) ? values[p.name] : p.value]);
  const written = (pairs) => pairs.map(([p, value]) => `${p.name}=${value}`).join(", ");
  if (curve.entry === null) return own.length === 0 ? curve.formula : `${curve.formula}; ${written(own)}`;
  const changed = own.filter(([p, value]) => value !== p.default);
  return changed.length === 0 ? curve.entry.name : `${curve.entry.name}(${written(changed)})`;
}

// Whether the parameters keep their constraints, which compare with a number or with another parameter.
function allowed(curve, values) {
  const tests = {
    ">": (a, b) => a > b, ">=": (a, b) => a >= b, "<": (a, b) => a < b, "<=": (a, b) => a <= b, "!=": (a, b) => a !== b,
  };
  return curve.parameters.every(({ name, constraint }) => {
    if (!constraint) return true;
    const [sign, right] = constraint.split(" ");
    return tests[sign](values[name], values[right] ?? Number(right));
  });
}
