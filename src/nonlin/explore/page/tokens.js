// The text of a formula as a list of tokens, each with its column.
"use strict";

const TOKEN = /\s*(?:((?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?))|([A-Za-z_]\w*)|(\*\*|<=|>=|==|!=|[-+*\/(),<>]))/y;
const WORDS = new Set(["if", "else", "and", "or", "not"]);

function tokens(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) {
      const column = start + text.slice(start).search(/\S/) + 1;
      throw new FormulaError(`not part of a formula at column ${column}: ${text.slice(column - 1, column + 9)}`, column);
    }
    const [whole, number, name, sign] = match;
    const shown = number ?? name ?? sign;
    const kind = number !== undefined ? "number" : name !== undefined && !WORDS.has(name) ? "name" : "sign";
    found.push({ kind, text: shown, column: start + whole.length - shown.length + 1 });
  }
  return [...found, { kind: "end", text: "", column: end + 1 }];
}
