// Expressions as nested lists, and the sums, products and powers of them: flat, like terms together, numbers first.
"use strict";

const COMPARED = new Set(["where"]); // heads whose first argument is a comparison, not an expression

const isNumber = (tree) => typeof tree === "number";
const isHead = (tree, head) => Array.isArray(tree) && tree[0] === head;
const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);
const parts = (tree) => (!Array.isArray(tree) ? [] : tree.slice(COMPARED.has(tree[0]) ? 2 : 1));
const contains = (tree, test) => test(tree) || parts(tree).some((part) => contains(part, test));
const hasX = (tree) => contains(tree, (part) => part === "x");

// The same head with other arguments.
function rebuilt(tree, change) {
  if (!Array.isArray(tree)) return change(tree);
  const kept = COMPARED.has(tree[0]) ? tree.slice(0, 2) : tree.slice(0, 1);
  return make([...kept, ...parts(tree).map(change)]);
}

// A node with its sums, products and powers brought together.
function make(tree) {
  const [head, ...args] = tree;
  if (head === "+") return sum(...args);
  if (head === "*") return product(...args);
  if (head === "^") return power(...args);
  return tree;
}

const substitute = (tree, values) =>
  Array.isArray(tree)
    ? rebuilt(tree, (part) => substitute(part, values))
    : Object.hasOwn(values, tree) ? values[tree] : tree;

// A term as its number and the rest: 3*x as [3, x].
function coefficient(term) {
  if (isNumber(term)) return [term, 1];
  if (isHead(term, "*") && isNumber(term[1])) return [term[1], product(...term.slice(2))];
  return [1, term];
}

// A factor as its base and its exponent.
const baseAndExponent = (factor) => (isHead(factor, "^") ? [factor[1], factor[2]] : [factor, 1]);

const flat = (head, trees) => trees.flatMap((tree) => (isHead(tree, head) ? tree.slice(1) : [tree]));

function sum(...terms) {
  let constant = 0;
  const found = new Map();
  for (const term of flat("+", terms)) {
    const [count, rest] = coefficient(term);
    if (rest === 1) {
      constant += count;
      continue;
    }
    const key = JSON.stringify(rest);
    found.set(key, [rest, (found.get(key)?.[1] ?? 0) + count]);
  }
  const left = [...found.values()].filter(([, count]) => count !== 0).map(([rest, count]) => product(count, rest));
  if (constant !== 0) left.unshift(constant);
  return left.length === 0 ? 0 : left.length === 1 ? left[0] : ["+", ...left];
}

function product(...factors) {
  let constant = 1;
  const found = new Map();
  for (const factor of flat("*", factors)) {
    if (isNumber(factor)) {
      constant *= factor;
      continue;
    }
    const [base, exponent] = baseAndExponent(factor);
    const key = JSON.stringify(base);
    found.set(key, [base, sum(found.get(key)?.[1] ?? 0, exponent)]);
  }
  if (constant === 0) return 0;
  const left = [...found.values()].map(([base, exponent]) => power(base, exponent)).filter((factor) => factor !== 1);
  if (left.length === 0) return constant;
  if (left.some((factor) => isHead(factor, "*"))) return product(constant, ...left);
  if (left.length === 1 && isHead(left[0], "+") && constant !== 1) {
    return sum(...left[0].slice(1).map((term) => product(constant, term)));
  }
  if (constant !== 1) left.unshift(constant);
  return left.length === 1 ? left[0] : ["*", ...left];
}

function power(base, exponent) {
  if (exponent === 0) return 1;
  if (exponent === 1) return base;
  if (isNumber(base) && isNumber(exponent)) return base ** exponent;
  if (Number.isInteger(exponent)) {
    if (isHead(base, "^")) return power(base[1], product(base[2], exponent));
    if (isHead(base, "*")) return product(...base.slice(1).map((factor) => power(factor, exponent)));
  }
  return ["^", base, exponent];
}

const negative = (tree) => product(-1, tree);
