// Sums, products and calls that lose digits as written, replaced by the atom that keeps them.
"use strict";

// The stable form of a node whose parts are in stable form already; the node itself where no rule applies.
function combine(tree) {
  if (!Array.isArray(tree)) return tree;
  const [head, first] = tree;
  if (head === "+") return stableSum(tree);
  if (head === "*") return stableProduct(tree);
  if (head === "^") return stablePower(tree);
  if (head === "log" && isHead(first, "+") && first.includes(1)) return combine(["log1p", sum(first, -1)]);
  if (head === "log1p" && isHead(first, "exp")) return ["softplus", first[1]];
  if (head === "sqrt") return stableRoot(tree);
  return tree;
}

const without = (list, item) => {
  const index = list.findIndex((other) => same(other, item));
  return [...list.slice(0, index), ...list.slice(index + 1)];
};
const includes = (list, item) => list.some((other) => same(other, item));

function stableSum(tree) {
  const terms = tree.slice(1);
  for (const [i, term] of terms.entries()) {
    const rest = [...terms.slice(0, i), ...terms.slice(i + 1)];
    const others = sum(...rest);
    const [count, atom] = coefficient(term);
    if (!Array.isArray(atom)) continue;
    const [head, u, v] = atom;
    if (head === "sigmoid" && count === 2 && rest.includes(-1)) {
      return sum(["tanh", product(0.5, u)], ...without(rest, -1));
    }
    if (head === "exp" && count === 1 && rest.includes(-1)) return sum(["expm1", u], ...without(rest, -1));
    if (head === "exp" && count === 1) {
      const mirrored = ["exp", negative(u)];
      if (same(others, mirrored)) return product(2, ["cosh", u]);
      if (same(others, negative(mirrored))) return product(2, ["sinh", u]);
    }
    const beside = TABLES.beside_one.find(([name, sign]) => name === head && sign === count);
    if (beside && rest.includes(1)) return sum(substitute(beside[2], { u }), ...without(rest, 1));
    if (head === "tanh" && same(others, product(-count, u))) return product(-count, ["tanh_gap", u]);
    if (head === "hypot" && count === 1 && (same(others, u) || same(others, negative(u)))) {
      return ["hypot_sum", others, v];
    }
  }
  return tree;
}

function stableProduct(tree) {
  const factors = tree.slice(1);
  for (const [i, factor] of factors.entries()) {
    const rest = [...factors.slice(0, i), ...factors.slice(i + 1)];
    // exp(u)/(1 + exp(u)): the second factor has become sigmoid(-u) already
    if (isHead(factor, "exp")) {
      const closing = ["sigmoid", negative(factor[1])];
      if (includes(rest, closing)) return product(["sigmoid", factor[1]], ...without(rest, closing));
    }
    if (isHead(factor, "sinh")) {
      const below = ["^", ["cosh", factor[1]], -1];
      if (includes(rest, below)) return product(["tanh", factor[1]], ...without(rest, below));
    }
    const stable = isHead(factor, "^") ? stablePower(factor) : factor;
    if (!same(stable, factor)) return combine(product(stable, ...rest));
  }
  return tree;
}

function stablePower(tree) {
  const [, base, exponent] = tree;
  if (isHead(base, "exp")) return ["exp", product(exponent, base[1])];
  if (isHead(base, "cosh") && exponent === -2) return ["sech2", base[1]];
  if (isHead(base, "sqrt") && exponent === 2) return base[1];
  if (Number.isInteger(exponent) && exponent < 0 && isHead(base, "+") && base.length === 3) {
    const [, one, other] = base;
    if (one === 1 && isHead(other, "exp")) return power(["sigmoid", negative(other[1])], -exponent);
  }
  return tree;
}

function stableRoot(tree) {
  const [, u] = tree;
  if (!isHead(u, "+") || u.length !== 3) return tree;
  for (const [square, constant] of [[u[1], u[2]], [u[2], u[1]]]) {
    if (isHead(square, "^") && square[2] === 2 && isNumber(constant) && constant > 0) {
      return ["hypot", square[1], Math.sqrt(constant)];
    }
  }
  return tree;
}
