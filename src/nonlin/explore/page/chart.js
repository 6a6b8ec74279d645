// A chart in SVG: axes with round numbers, lines that break where the data has a gap, shaded zones.
"use strict";

const LANE = 6;
const MARGIN = { left: 46, right: 12, top: 12, bottom: 34 };

class Chart {
  // `x` and `y` are intervals; with `log` y holds powers of ten.
  constructor(element, { x, y, height = 300, label, xLabel = "", yLabel = "", log = false }) {
    this.width = Math.max(element.clientWidth, 240);
    Object.assign(this, { x, y, height, log });
    this.svg = svg("svg", {
      viewBox: `0 0 ${this.width} ${height}`, width: this.width, height, role: "img", "aria-label": label,
    });
    this.clip = `clip-${element.id}`;
    this.svg.append(svg("clipPath", { id: this.clip }, svg("rect", {
      x: MARGIN.left, y: MARGIN.top, width: this.width - MARGIN.left - MARGIN.right,
      height: height - MARGIN.top - MARGIN.bottom,
    })));
    this.body = svg("g", { "clip-path": `url(#${this.clip})` });
    this.axes(xLabel, yLabel);
    this.svg.append(this.body);
    element.replaceChildren(this.svg);
  }

  across(value) {
    return MARGIN.left + ((value - this.x[0]) / (this.x[1] - this.x[0])) * (this.width - MARGIN.left - MARGIN.right);
  }

  // Far outside the chart a coordinate is cut, since a renderer has 32 bits for it.
  down(value) {
    const inner = this.height - MARGIN.top - MARGIN.bottom;
    const place = this.height - MARGIN.bottom - ((value - this.y[0]) / (this.y[1] - this.y[0])) * inner;
    return Math.min(Math.max(place, -1e4), 1e4);
  }

  // The x under a pointer.
  place(event) {
    const box = this.svg.getBoundingClientRect();
    const share = ((event.clientX - box.left) / box.width * this.width - MARGIN.left) / (this.width - MARGIN.left - MARGIN.right);
    return this.x[0] + Math.min(Math.max(share, 0), 1) * (this.x[1] - this.x[0]);
  }

  axes(xLabel, yLabel) {
    const group = svg("g", { class: "axes", "aria-hidden": "true" });
    const bottom = this.height - MARGIN.bottom;
    for (const tick of ticks(...this.x, this.width / 80)) {
      group.append(svg("line", { x1: this.across(tick), x2: this.across(tick), y1: MARGIN.top, y2: bottom, class: tick === 0 ? "zero" : "" }));
      group.append(svg("text", { x: this.across(tick), y: bottom + 14, "text-anchor": "middle" }, tickText(tick)));
    }
    for (const tick of ticks(...this.y, this.height / 50, this.log)) {
      const y = this.down(tick);
      group.append(svg("line", { x1: MARGIN.left, x2: this.width - MARGIN.right, y1: y, y2: y, class: tick === 0 ? "zero" : "" }));
      group.append(svg("text", { x: MARGIN.left - 5, y: y + 4, "text-anchor": "end" }, this.log ? powerOfTen(tick) : tickText(tick)));
    }
    group.append(svg("text", { x: this.width - MARGIN.right, y: this.height - 4, "text-anchor": "end", class: "name" }, xLabel));
    group.append(svg("text", { x: MARGIN.left + 4, y: MARGIN.top + 11, class: "name" }, yLabel));
    this.svg.append(group);
  }

  // `points` are [x, y]; one that is not finite separates what is not to be joined.
  line(points, style, title) {
    let path = "";
    let joined = false;
    for (const [x, y] of points) {
      const isPoint = Number.isFinite(x) && Number.isFinite(y);
      if (isPoint) path += `${joined ? "L" : "M"}${this.across(x).toFixed(2)} ${this.down(y).toFixed(2)}`;
      joined = isPoint;
    }
    this.body.append(svg("path", { d: path, class: `line ${style}` }, svg("title", {}, title)));
  }

  // Shading over an interval of x, and a bar below it in the lane of that number, since shades lie over each other.
  zone(low, high, lane, style, title) {
    const [a, b] = [low, high].map((end) => this.across(Math.min(Math.max(end, this.x[0]), this.x[1])));
    const height = this.height - MARGIN.top - MARGIN.bottom;
    const bottom = this.height - MARGIN.bottom - LANE * (lane + 1);
    this.body.prepend(svg("g", { class: `zone ${style}` }, svg("title", {}, title),
      svg("rect", { x: a, width: b - a, y: MARGIN.top, height }),
      svg("rect", { x: a, width: b - a, y: bottom, height: LANE - 1, class: "lane" })));
  }

  upright(x, style) {
    this.body.append(svg("line", { x1: this.across(x), x2: this.across(x), y1: MARGIN.top, y2: this.height - MARGIN.bottom, class: style }));
  }

  dot(x, y, style) {
    if (Number.isFinite(y)) this.body.append(svg("circle", { cx: this.across(x), cy: this.down(y), r: 4, class: `dot ${style}` }));
  }
}

// Round numbers in an interval, about `count` of them.
function ticks(low, high, count, whole = false) {
  const rough = (high - low) / Math.max(count, 2);
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max([1, 2, 5, 10].map((n) => n * size).find((s) => s >= rough), whole ? 1 : 0);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i += 1) found.push(Number((i * step).toPrecision(12)));
  return found;
}

const tickText = (value) => String(value).replace("-", "\u2212");
const powerOfTen = (exponent) => (exponent === 0 ? "1" : `1e${exponent}`);

// Names beside samples of their lines.
const legend = (items) =>
  html("ul", { class: "legend" }, items.map(([style, name]) =>
    html("li", {}, svg("svg", { width: 30, height: 10, "aria-hidden": "true" }, svg("path", { d: "M1 5H29", class: `line ${style}` })), name)));
