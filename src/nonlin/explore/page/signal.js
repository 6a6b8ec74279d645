// A signal N(0, s) pushed through layers of weights with variance gain^2 / fan-in, in the limit of many units: the
// variance of the pre-activations by layer, and the norm of the gradient that comes back from the last layer.
// Poole et al. 2016 (NeurIPS), Schoenholz et al. 2017 (ICLR).
"use strict";

// {variance, gradient}: a number for each layer, the first one the input's.
function propagated(curve, { gain, scale, layers }) {
  const variance = [scale ** 2];
  const factors = [];
  for (let layer = 0; layer < layers; layer += 1) {
    const q = variance.at(-1);
    const [value, slope] = Number.isFinite(q) && q > 1e-300 ? secondMoments(curve, Math.sqrt(q)) : [q, NaN];
    variance.push(gain ** 2 * value);
    factors.push(gain ** 2 * slope);
  }
  const gradient = [1];
  for (const factor of factors.toReversed()) gradient.unshift(gradient[0] * Math.sqrt(factor));
  return { variance, gradient };
}

// In a word what becomes of a quantity between its ends.
function fate(first, last) {
  const ratio = last / first;
  if (!(ratio > 1e-3)) return "vanishes";
  return ratio < 1e3 ? "stays" : "explodes";
}
