// The two formats of 16 bits: what is left of a value once it is stored in one.
"use strict";

const HALVES = {
  float16: { digits: 10, least: -14, largest: 65504 },
  bfloat16: { digits: 7, least: -126, largest: (2 - 2 ** -7) * 2 ** 127 },
};

// The value rounded to the format, ties to even; infinite beyond its largest number.
function rounded(value, { digits, least, largest }) {
  if (value === 0 || !Number.isFinite(value)) return value;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(value))), least);
  const step = 2 ** (exponent - digits);
  const count = value / step;
  const floor = Math.floor(count);
  const up = count - floor > 0.5 || (count - floor === 0.5 && floor % 2 !== 0);
  const result = (floor + (up ? 1 : 0)) * step;
  return Math.abs(result) > largest ? Math.sign(result) * Infinity : result;
}

// "lost" where nothing of a value is left, "digits" where fewer than half of its digits are, "" else.
function lossIn(value, format) {
  if (value === 0 || !Number.isFinite(value)) return "";
  const kept = rounded(value, format);
  if (kept === 0 || !Number.isFinite(kept)) return "lost";
  return Math.abs(kept - value) > 2 ** (-format.digits / 2 - 1) * Math.abs(value) ? "digits" : "";
}
