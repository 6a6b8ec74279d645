// The page: tabs, one drawing of all that is visible, keys, and the address.
"use strict";

const VIEWS = { facts: drawFacts, depth: drawDepth, neuron: drawNeuron, exactness: drawExactness, code: drawCode };

function draw() {
  drawShown();
  drawList();
  drawCurves();
  drawAxis();
  for (const name of TABS) {
    const isOpen = name === state.tab;
    byId(name).hidden = !isOpen;
    byId(`tab-${name}`).setAttribute("aria-selected", isOpen);
    byId(`tab-${name}`).tabIndex = isOpen ? 0 : -1;
  }
  VIEWS[state.tab]();
}

function setUpTabs() {
  for (const [i, name] of TABS.entries()) {
    const button = byId(`tab-${name}`);
    button.addEventListener("click", () => update({ tab: name }));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = TABS[(i + step + TABS.length) % TABS.length];
      update({ tab: next });
      byId(`tab-${next}`).focus();
    });
  }
}

// "/" goes to the search, as in many pages.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, select, textarea")) return;
  event.preventDefault();
  byId("search").focus();
});

let drawnWidth = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== drawnWidth) draw();
  drawnWidth = innerWidth;
});
addEventListener("hashchange", () => {
  readAddress();
  draw();
});

setUpChooser();
setUpCurves();
setUpTabs();
setUpCode();
readAddress();
draw();
