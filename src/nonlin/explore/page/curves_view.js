// The curves with their derivatives, the crosshair and its exact values, and the zones without gradient.
"use strict";

const PRIMES = ["f", "f\u2032", "f\u2033"];
const ZONE_TEXT = { dead: "the slope is 0", saturated: "the slope is below a thousandth of the steepest" };
let curveChart = null;

function setUpCurves() {
  const plot = byId("plot");
  const follow = (event) => {
    if (event.type === "pointerdown" || event.pointerType === "mouse" || event.buttons) {
      update({ x: tidied(curveChart.place(event), state.high - state.low) });
    }
  };
  plot.addEventListener("pointermove", follow);
  plot.addEventListener("pointerdown", follow);
  plot.addEventListener("keydown", (event) => {
    const action = curveKeys()[event.key];
    if (!action || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    action(event.shiftKey ? 10 : 1);
  });
  for (const order of [0, 1, 2]) {
    byId(`order${order}`).addEventListener("change", () =>
      update({ orders: [0, 1, 2].filter((n) => byId(`order${n}`).checked) }));
  }
  byId("x").addEventListener("change", () => setNumber("x"));
  for (const id of ["low", "high"]) {
    byId(id).addEventListener("change", () => {
      const [low, high] = [Number(byId("low").value), Number(byId("high").value)];
      if (isInterval([low, high])) update({ low, high });
      else drawCurves();
    });
  }
  byId("zoom-in").addEventListener("click", () => zoom(0.5));
  byId("zoom-out").addEventListener("click", () => zoom(2));
}

function setNumber(id) {
  const value = Number(byId(id).value);
  if (byId(id).value !== "" && Number.isFinite(value)) update({ [id]: value });
}

function curveKeys() {
  const step = (state.high - state.low) / 200;
  const to = (x) => update({ x: tidied(x, state.high - state.low) });
  return {
    ArrowLeft: (times) => to(state.x - times * step),
    ArrowRight: (times) => to(state.x + times * step),
    Home: () => to(state.low),
    End: () => to(state.high),
    "+": () => zoom(0.5),
    "-": () => zoom(2),
  };
}

// A narrower or wider interval around the crosshair, or the middle where that is out of view.
function zoom(factor) {
  const inView = state.x > state.low && state.x < state.high;
  const middle = inView ? state.x : (state.low + state.high) / 2;
  const [low, high] = [state.low, state.high].map((end) => Number((middle + (end - middle) * factor).toPrecision(4)));
  if (high - low > 1e-3 && high - low < 1e5) update({ low, high });
}

function drawCurves() {
  const { low, high, orders, x } = state;
  const drawn = elementwise().flatMap(({ curve, style }) =>
    orders.map((order) => ({ curve, style: `${style} o${order}`, order, points: pointsOf(curve, order, low, high) })));
  const y = extent(drawn.map(({ points }) => points), low, high);
  const names = elementwise().map(({ curve }) => curve.title).join(", ");
  curveChart = new Chart(byId("plot"), { x: [low, high], y, height: byId("plot").clientWidth < 500 ? 300 : 400, label: `Curves of ${names}`, xLabel: "x" });
  for (const [lane, { curve, style }] of elementwise().entries()) {
    for (const zone of zones(curve, low, high)) {
      curveChart.zone(zone.low, zone.high, lane, `${zone.kind} ${style}`, `${curve.title}: ${ZONE_TEXT[zone.kind]} from ${shown(zone.low)} to ${shown(zone.high)}`);
    }
  }
  for (const { curve, style, order, points } of drawn) curveChart.line(points, style, `${PRIMES[order]} of ${curve.title}`);
  curveChart.upright(x, "crosshair");
  for (const { curve, style, order } of drawn) curveChart.dot(x, curve.at(x, order), style.split(" ")[0]);
  byId("key").replaceChildren(legend([["o0", "f"], ["o1", "f\u2032"], ["o2", "f\u2033"]]),
    html("ul", { class: "legend" },
      html("li", {}, html("i", { class: "zone dead" }), `dead: ${ZONE_TEXT.dead}`),
      html("li", {}, html("i", { class: "zone saturated" }), `saturated: ${ZONE_TEXT.saturated}`)));
  drawReadout();
}

function drawReadout() {
  const { x, low, high } = state;
  const rows = elementwise().map(({ curve, style }) =>
    [html("span", { class: `swatch ${style}` }, curve.title), ...[0, 1, 2].map((order) => String(curve.at(x, order)))]);
  byId("readout").replaceChildren(table(`at x = ${x}`, ["", ...PRIMES.map((p) => `${p}(x)`)], rows));
  for (const [id, value] of Object.entries({ x, low, high })) byId(id).value = value;
  for (const order of [0, 1, 2]) byId(`order${order}`).checked = state.orders.includes(order);
  const plot = byId("plot");
  const spoken = elementwise().map(({ curve }) => `${curve.title} ${shown(curve.at(x))}, slope ${shown(curve.at(x, 1))}`);
  for (const [name, value] of [["valuemin", low], ["valuemax", high], ["valuenow", x], ["valuetext", `x ${x}: ${spoken.join("; ")}`]]) {
    plot.setAttribute(`aria-${name}`, value);
  }
}
