// An expression as a function of x and of its parameters' values: closures over closures, no text becomes code.
"use strict";

const COMPARE = { ">": (c) => c > 0, ">=": (c) => c >= 0, "==": (c) => c === 0 };
const VANISHING = new Set(TABLES.vanishing);
const BOUNDED = new Set(TABLES.bounded);
const ZERO_AT_ZERO = new Set(TABLES.zero_at_zero);

function compiled(tree) {
  if (tree === null) return () => NaN;
  if (isNumber(tree)) return () => tree;
  if (tree === "x") return (x) => x;
  if (!Array.isArray(tree)) return (_, values) => values[tree];
  const [head] = tree;
  if (head === "*") return compiledProduct(tree);
  const args = parts(tree).map(compiled);
  const [f, g, h] = args;
  if (head === "+") return (x, values) => args.reduce((total, term) => total + term(x, values), 0);
  if (head === "^") return tree[2] === -1 ? (x, values) => 1 / f(x, values) : (x, values) => f(x, values) ** g(x, values);
  if (head === "where") {
    const holds = COMPARE[tree[1]];
    return (x, values) => (holds(f(x, values)) ? g(x, values) : h(x, values));
  }
  if (head === "choose") return compiledChoice(f, g, h);
  const atom = ATOMS[head];
  return args.length === 1 ? (x, values) => atom(f(x, values)) : (x, values) => atom(f(x, values), g(x, values));
}

// Where the condition is 0, the branch nearer to 0.
function compiledChoice(condition, first, second) {
  return (x, values) => {
    const c = condition(x, values);
    if (c > 0) return first(x, values);
    if (c < 0) return second(x, values);
    const [a, b] = [first(x, values), second(x, values)];
    return Math.abs(a) <= Math.abs(b) ? a : b;
  };
}

// A factor that has vanished (exp(-800) is 0) wins over one that is infinite.
function compiledProduct(tree) {
  const [first, rest] = splitProduct(tree.slice(1));
  const times = (factors) => (x, values) => factors.reduce((total, factor) => total * factor(x, values), 1);
  const others = times(rest.map(compiled));
  if (first.length === 0) return others;
  const vanishing = times(first.map(compiled));
  return (x, values) => {
    const vanished = vanishing(x, values);
    return vanished === 0 ? 0 : vanished * others(x, values);
  };
}

// The factors that, once they are 0, make all of it 0, and the others; none of them where no other can be infinite.
function splitProduct(factors) {
  const unbounded = factors.filter((factor) => !isBounded(factor));
  let first = factors.filter((factor) => vanishes(factor) && isBounded(factor));
  if (first.length === 0) first = unbounded.filter(vanishes).slice(0, 1);
  const risky = unbounded.some((factor) => !first.includes(factor));
  return first.length > 0 && risky ? [first, factors.filter((factor) => !first.includes(factor))] : [[], factors];
}

function vanishes(factor) {
  if (!Array.isArray(factor)) return false;
  if (factor[0] === "^") return factor[2] > 0 && vanishes(factor[1]);
  if (ZERO_AT_ZERO.has(factor[0])) return vanishes(factor[1]);
  return VANISHING.has(factor[0]) && hasX(factor);
}

function isBounded(factor) {
  if (isHead(factor, "^")) return factor[2] > 0 && isBounded(factor[1]);
  return !hasX(factor) || BOUNDED.has(factor[0]);
}
