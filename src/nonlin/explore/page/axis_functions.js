// Functions of a whole axis, shifted by the maximum so that nothing overflows.
"use strict";

const total = (values) => values.reduce((a, b) => a + b, 0);

const AXIS_FUNCTIONS = {
  softmax(values) {
    const top = Math.max(...values);
    const e = values.map((x) => Math.exp(x - top));
    return e.map((x) => x / total(e));
  },
  log_softmax(values) {
    const top = Math.max(...values);
    const log = Math.log(total(values.map((x) => Math.exp(x - top))));
    return values.map((x) => x - top - log);
  },
  softmin: (values) => AXIS_FUNCTIONS.softmax(values.map((x) => -x)),
  // The projection onto the simplex: max(0, x - tau) with tau so that the sum is 1.
  sparsemax(values) {
    const top = Math.max(...values);
    const shifted = values.map((x) => x - top);
    const ordered = shifted.toSorted((a, b) => b - a);
    const inside = ordered.filter((x, i) => 1 + (i + 1) * x > total(ordered.slice(0, i + 1)));
    const tau = (total(inside) - 1) / inside.length;
    return shifted.map((x) => Math.max(0, x - tau));
  },
  hardmax: (values) => values.map((_, i) => (i === values.indexOf(Math.max(...values)) ? 1 : 0)),
};
