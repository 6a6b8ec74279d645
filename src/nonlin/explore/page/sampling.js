// The points of a curve, the interval of y that shows them, and where it passes no gradient on.
"use strict";

// [x, y] on [low, high], a gap where the curve jumps.
function pointsOf(curve, order, low, high, count = 500) {
  const edges = [low, ...curve.breaks(low, high), high];
  const found = [];
  for (let i = 1; i < edges.length; i += 1) {
    const [a, b] = [edges[i - 1], edges[i]];
    const near = 1e-9 * (1 + Math.max(Math.abs(a), Math.abs(b)));
    const own = Math.max(2, Math.round((count * (b - a)) / (high - low)));
    const part = [];
    for (let j = 0; j <= own; j += 1) {
      const x = Math.min(Math.max(a + ((b - a) * j) / own, a + near), b - near);
      part.push([x, curve.at(x, order)]);
    }
    if (found.length > 0 && Math.abs(found.at(-1)[1] - part[0][1]) > 1e-6) found.push([a, NaN]);
    found.push(...part);
  }
  return found;
}

// All of the values, but none far beyond the width of the interval of x, and 0.
function extent(lines, low, high) {
  const limit = 1.2 * Math.max(Math.abs(low), Math.abs(high));
  let [bottom, top] = [0, 0];
  for (const [, y] of lines.flat()) {
    if (!Number.isFinite(y)) continue;
    bottom = Math.min(bottom, Math.max(y, -limit));
    top = Math.max(top, Math.min(y, limit));
  }
  const margin = 0.06 * (top - bottom) || 1;
  return [bottom - margin, top + margin];
}

// The steepest slope where pre-activations live.
const steepest = (curve) =>
  Math.max(...Array.from({ length: 1601 }, (_, i) => Math.abs(curve.at(i / 100 - 8, 1))).filter(Number.isFinite), 0);

// Intervals of [low, high] with the gradient "dead", exactly 0, or "saturated", a thousandth of the steepest or less.
function zones(curve, low, high, count = 800) {
  const limit = DATA.delta * steepest(curve);
  const kind = (x) => {
    const slope = Math.abs(curve.at(x, 1));
    return slope === 0 ? "dead" : slope < limit ? "saturated" : "";
  };
  const found = [];
  let [start, current, before] = [low, kind(low), low];
  for (let i = 1; i <= count; i += 1) {
    const x = low + ((high - low) * i) / count;
    const changed = kind(x) !== current;
    if (changed || i === count) {
      const edge = changed ? bisected((place) => (kind(place) === current ? -1 : 1), before, x) : high;
      if (current && edge - start > (high - low) / count) found.push({ low: start, high: edge, kind: current });
      [start, current] = [edge, kind(x)];
    }
    before = x;
  }
  return found;
}
