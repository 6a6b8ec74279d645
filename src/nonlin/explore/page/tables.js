// What the page was made with: the catalogue, and what the formula language knows of its functions.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const TABLES = DATA.tables;

// An error that is the user's to mend; `column` counts from 1 and is null where the whole text is meant.
class FormulaError extends Error {
  constructor(message, column = null) {
    super(message);
    this.column = column;
  }
}
