// The atoms as functions of numbers, in forms that neither overflow nor cancel. Coefficients come with the tables.
"use strict";

const polynomial = (coefficients, q) => coefficients.reduce((sum, c) => sum * q + c, 0);

// exp(-|u|) never overflows, and both branches keep the small side exact.
function sigmoid(u) {
  const e = Math.exp(-Math.abs(u));
  return (u < 0 ? e : 1) / (1 + e);
}

const softplus = (u) => (u > 0 ? u : 0) + Math.log1p(Math.exp(-Math.abs(u)));

// 4e/(1 + e)^2 with e = exp(-2|u|), where 1 - tanh^2 would keep no digit.
function sech2(u) {
  const e = Math.exp(-2 * Math.abs(u));
  return (4 * e) / ((1 + e) * (1 + e));
}

// u - tanh(u), by its series near 0, where the difference cancels.
const tanhGap = (u) =>
  Math.abs(u) > 0.25 ? u - Math.tanh(u) : u * u * u * polynomial(TABLES.tanh_gap, u * u);

// exp(-scale u^2): |u| is cut so that the square of its first part is exact, since rounding u^2 would cost u^2 ulp.
function gauss(u, scale) {
  const t = Math.min(Math.abs(u), 60);
  const h = Math.floor(128 * t) / 128;
  return Math.exp(-scale * (h * h)) * Math.exp(-scale * ((t - h) * (t + h)));
}

const normalPdf = (u) => gauss(u, 0.5) / TABLES.root_2pi;

// Mills' ratio for t >= 0, by which the density is multiplied to give the tail with all its digits.
function mills(t) {
  const s = Math.min(t, 60);
  return polynomial(TABLES.mills, (s - 5) / (s + 5)) / (1 + s);
}

function normalCdf(u) {
  const tail = normalPdf(u) * mills(Math.abs(u));
  return u > 0 ? 1 - tail : tail;
}

function erfc(u) {
  const tail = (gauss(u, 1) * mills(Math.SQRT2 * Math.abs(u)) * 2) / TABLES.root_2pi;
  return u < 0 ? 2 - tail : tail;
}

// The Taylor series where 1 - erfc(u) would cancel.
function erf(u) {
  if (Math.abs(u) > 0.7) return u > 0 ? 1 - erfc(u) : erfc(-u) - 1;
  let term = u;
  let sum = u;
  for (let n = 1; n < 25; n += 1) {
    term *= -(u * u) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

// For u < 0 the sums as written cancel.
function hypotSum(u, v) {
  const h = Math.hypot(u, v);
  return u < 0 ? v * (v / (h - u)) : u + h;
}

function hypotSlope(u, v) {
  const h = Math.hypot(u, v);
  return u < 0 ? (v / h) * (v / (h - u)) : 1 + u / h;
}

const ATOMS = {
  exp: Math.exp, expm1: Math.expm1, log: Math.log, log1p: Math.log1p, sqrt: Math.sqrt, sin: Math.sin, cos: Math.cos,
  tan: Math.tan, atan: Math.atan, sinh: Math.sinh, cosh: Math.cosh, tanh: Math.tanh, sech2, tanh_gap: tanhGap,
  sigmoid, softplus, normal_cdf: normalCdf, normal_pdf: normalPdf, erf, erfc, hypot: Math.hypot,
  hypot_sum: hypotSum, hypot_slope: hypotSlope, sign: Math.sign,
};
