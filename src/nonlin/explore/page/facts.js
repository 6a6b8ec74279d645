// Facts of a curve, computed in the page where the catalogue's do not hold: by search on a grid and by quadrature.
"use strict";

const FAR = 12; // the normal density is 1e-32 there
const WIDE = 1e6;

// E g(z), z ~ N(0, 1): Gauss and Legendre's rule on panels between the places where g may have a kink.
function expectation(g, kinks = []) {
  const { nodes, weights } = TABLES.quadrature;
  const edges = new Set([...kinks.filter((k) => Math.abs(k) < FAR)]);
  for (let x = -FAR; x <= FAR; x += 0.5) edges.add(x);
  const sorted = [...edges].sort((a, b) => a - b);
  let total = 0;
  for (let i = 1; i < sorted.length; i += 1) {
    const [a, b] = [sorted[i - 1], sorted[i]];
    for (const [j, node] of nodes.entries()) {
      const x = (a + b) / 2 + ((b - a) / 2) * node;
      total += ((b - a) / 2) * weights[j] * g(x) * Math.exp((-x * x) / 2);
    }
  }
  return total / TABLES.root_2pi;
}

// What a layer with such weights does: E f(sz)^2 and E f'(sz)^2.
function secondMoments(curve, scale = 1) {
  const kinks = curve.breaks(-FAR * scale, FAR * scale).map((place) => place / scale);
  const moment = (order) => expectation((z) => curve.at(scale * z, order) ** 2, kinks);
  return [moment(0), moment(1)];
}

// Places that show a curve's extremes: dense near 0 and at its breaks, geometric far out.
function probes(curve) {
  const found = [];
  for (let x = -30; x <= 30; x += 0.01) found.push(x);
  for (let x = 30; x <= WIDE; x *= 1.1) found.push(x, -x);
  for (const place of curve.breaks(-50, 50)) found.push(place - 1e-9, place, place + 1e-9);
  for (const x of [WIDE, 1e9, 1e12, 1e15]) found.push(x, -x);
  return found.sort((a, b) => a - b);
}

// The least and the largest value of f or a derivative; infinite where it still grows far out.
function extremes(curve, order) {
  const places = probes(curve);
  const values = places.map((x) => curve.at(x, order));
  return [-1, 1].map((sign) => {
    let best = -1;
    values.forEach((value, i) => {
      if (!Number.isNaN(value) && (best < 0 || sign * value > sign * values[best])) best = i;
    });
    if (best < 0) return NaN;
    const near = Math.max(...values.filter((v, i) => Math.abs(places[i]) < 1e3).map((v) => sign * v));
    if (sign * values[best] > 10 * Math.abs(near) + 10) return sign * Infinity;
    return peak((x) => sign * curve.at(x, order), places[best - 1] ?? -WIDE, places[best + 1] ?? WIDE) * sign;
  });
}

// The largest value between two places around a maximum, by golden section.
function peak(f, low, high) {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [a, b] = [low, high];
  let best = Math.max(f(a), f(b));
  for (let i = 0; i < 90; i += 1) {
    const [p, q] = [b - ratio * (b - a), a + ratio * (b - a)];
    best = Math.max(best, f(p), f(q));
    if (f(p) >= f(q)) b = q;
    else a = p;
  }
  return best;
}

const jumpAt = (curve, place, order) => {
  const near = 1e-7 * (1 + Math.abs(place));
  return Math.abs(curve.at(place + near, order) - curve.at(place - near, order)) > 1e-4;
};

const shown = (value) =>
  Number.isNaN(value) ? "none" : value === Infinity ? "inf" : value === -Infinity ? "-inf"
    : String(Number((Math.abs(value) < 1e-12 ? 0 : value).toPrecision(4)));

const placesShown = (places) =>
  places.length === 0 ? "none" : places.slice(0, 5).map(shown).join(", ") + (places.length > 5 ? ", ..." : "");

// Rows of label, value and method.
function factsOf(curve) {
  if (curve.asDefined) return curve.entry.facts;
  const [low, high] = extremes(curve, 0);
  const [falling, rising] = extremes(curve, 1);
  const breaks = curve.breaks(-50, 50);
  const jumps = breaks.filter((place) => jumpAt(curve, place, 0));
  const kinks = breaks.filter((place) => jumpAt(curve, place, 0) || jumpAt(curve, place, 1));
  const [second, slope] = secondMoments(curve);
  const flat = [-WIDE, WIDE].map((x) => Math.abs(curve.at(x, 1)) < 1e-6);
  const ends = [["no", "right"], ["left", "both"]][Number(flat[0])][Number(flat[1])];
  const rows = {
    range: `${shown(low)} to ${shown(high)}`,
    "steepest slope": shown(jumps.length > 0 ? Infinity : Math.max(Math.abs(falling), Math.abs(rising))),
    saturates: ends,
    gain: shown(1 / Math.sqrt(second)),
    "E f(z)": shown(expectation((z) => curve.at(z), curve.breaks(-FAR, FAR))),
    "E f(z)^2": shown(second),
    "E f'(z)^2": shown(slope),
    "E f'(z)^2 / E f(z)^2": shown(slope / second),
    monotonic: falling >= 0 || rising <= 0 ? "yes" : "no",
    kinks: placesShown(kinks),
    zeros: placesShown(signChanges((x) => curve.at(x), -20, 20)),
  };
  return Object.entries(rows).map(([label, value]) => [label, value, "numerical, in this page"]);
}
