// Derivatives of expressions: sums, products and powers by rule, the atoms by the table that came with the page.
"use strict";

function derivative(tree, by = "x") {
  if (!Array.isArray(tree)) return tree === by ? 1 : 0;
  const [head, ...args] = tree;
  if (head === "+") return sum(...args.map((term) => derivative(term, by)));
  if (head === "*") {
    const terms = args.map((factor, i) => product(...args.slice(0, i), derivative(factor, by), ...args.slice(i + 1)));
    return sum(...terms);
  }
  if (head === "^") return product(args[1], power(args[0], sum(args[1], -1)), derivative(args[0], by));
  // A branch's derivative holds where the branch does; at a tie "choose" takes the smaller slope.
  if (head === "choose") return branch(["choose", args[0]], args.slice(1), by);
  if (head === "where") return branch(["where", args[0], args[1]], args.slice(2), by);
  const [u, v] = args;
  const slopes = TABLES.slopes[head].map((slope) => substitute(slope, { u, v }));
  return sum(...slopes.map((slope, i) => product(slope, derivative(args[i], by))));
}

function branch(start, sides, by) {
  const [a, b] = sides.map((side) => derivative(side, by));
  return same(a, b) ? a : [...start, a, b];
}
