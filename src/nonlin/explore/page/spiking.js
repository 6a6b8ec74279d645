// A leaky integrate-and-fire neuron: tau dv/dt = I - v; at v = 1 it fires, is reset to 0 and rests for a while.
// Times in ms, the current in units of the least one that makes it fire.
"use strict";

// Spikes a second at a constant current, by the closed solution.
function firingRate(current, { tau, rest }) {
  return current > 1 ? 1000 / (rest + tau * Math.log(current / (current - 1))) : 0;
}

// The voltage over a time as points [t, v], up to each spike and from 0 after the rest, and the times of the spikes.
function voltage(current, { tau, rest }, duration, steps = 60) {
  const points = [];
  const spikes = [];
  const period = current > 1 ? tau * Math.log(current / (current - 1)) : Infinity;
  for (let start = 0; start < duration; start += period + rest) {
    const end = Math.min(start + period, duration);
    const count = period === Infinity ? 4 * steps : steps;
    for (let i = 0; i <= count; i += 1) {
      const t = start + ((end - start) * i) / count;
      points.push([t, current * (1 - Math.exp(-(t - start) / tau))]);
    }
    if (start + period > duration) break;
    spikes.push(end);
    points.push([end, 0], [Math.min(end + rest, duration), 0]);
  }
  return { points, spikes };
}
