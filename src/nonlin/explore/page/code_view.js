// The code tab: a language, the text for each chosen function, a button that copies it.
"use strict";

function setUpCode() {
  byId("language").append(...Object.entries(LANGUAGES).map(([key, name]) => html("option", { value: key }, name)));
  byId("language").addEventListener("change", drawCode);
}

function drawCode() {
  const language = byId("language").value;
  byId("code-body").replaceChildren(...curves().map((curve, i) => {
    const text = codeOf(curve, i, language);
    const copy = (event) => navigator.clipboard.writeText(text).then(
      () => { event.target.textContent = "copied"; }, () => { event.target.textContent = "select and copy it"; });
    return html("div", { class: "snippet" }, html("h3", {}, curve.title),
      html("pre", { tabindex: 0, "aria-label": `${LANGUAGES[language]} code of ${curve.title}` }, text),
      html("button", { type: "button", onclick: copy }, "copy"));
  }));
}
