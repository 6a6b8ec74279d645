// Tokens as a syntax tree, by the precedence that Python gives these operators.
"use strict";

const COMPARISONS = new Set(["<", "<=", ">", ">=", "==", "!="]);

// A node's column is where it begins, without the parentheses around it; `start` is with them.
class Syntax {
  constructor(text) {
    this.text = text;
    this.tokens = tokens(text);
    this.place = 0;
    this.depth = 0;
  }

  // The tree of the whole text.
  whole() {
    const tree = this.conditional();
    if (this.next.kind !== "end") this.fail();
    return tree;
  }

  get next() {
    return this.tokens[this.place];
  }

  fail() {
    const { text, column } = this.next;
    const what = text ? `unexpected ${text}` : "it ends too soon";
    throw new FormulaError(`not a formula at column ${column}: ${what}`, column);
  }

  take(...texts) {
    if (this.next.kind !== "sign" || !texts.includes(this.next.text)) return null;
    this.place += 1;
    return this.tokens[this.place - 1];
  }

  expect(text) {
    return this.take(text) ?? this.fail();
  }

  // a if test else b; the deepest rule, so that nesting is counted here
  conditional() {
    this.depth += 1;
    if (this.depth > TABLES.bounds.nesting) {
      const { column } = this.next;
      throw new FormulaError(`nested too deeply at column ${column}: write it flatter`, column);
    }
    const body = this.either();
    let tree = body;
    if (this.take("if")) {
      const test = this.either();
      this.expect("else");
      tree = { kind: "if", test, body, other: this.conditional(), column: body.start ?? body.column };
    }
    this.depth -= 1;
    return tree;
  }

  either() {
    return this.joined("or", () => this.joined("and", () => this.negated()));
  }

  joined(word, part) {
    const first = part();
    const values = [first];
    while (this.take(word)) values.push(part());
    return values.length === 1 ? first : { kind: word, values, column: first.start ?? first.column };
  }

  negated() {
    const sign = this.take("not");
    return sign ? { kind: "not", value: this.negated(), column: sign.column } : this.comparison();
  }

  comparison() {
    const values = [this.addition()];
    const signs = [];
    while (COMPARISONS.has(this.next.text)) {
      signs.push(this.take(this.next.text).text);
      values.push(this.addition());
    }
    return signs.length === 0 ? values[0] : { kind: "compare", values, signs, column: values[0].start ?? values[0].column };
  }

  addition() {
    return this.chain(["+", "-"], () => this.chain(["*", "/"], () => this.signed()));
  }

  chain(signs, part) {
    let left = part();
    for (let sign = this.take(...signs); sign; sign = this.take(...signs)) {
      left = { kind: "binary", sign: sign.text, left, right: part(), column: left.start ?? left.column };
    }
    return left;
  }

  signed() {
    const found = [];
    for (let sign = this.take("+", "-"); sign; sign = this.take("+", "-")) found.push(sign);
    if (found.length > 2 * TABLES.bounds.nesting) throw new FormulaError("nested too deeply: write it flatter");
    const value = this.powered();
    return found.reduceRight((tree, { text, column }) => ({ kind: "unary", sign: text, value: tree, column }), value);
  }

  powered() {
    const base = this.single();
    if (!this.take("**")) return base;
    return { kind: "binary", sign: "**", left: base, right: this.signed(), column: base.start ?? base.column };
  }

  single() {
    const { kind, text, column } = this.next;
    if (kind === "number" || kind === "name") {
      this.place += 1;
      if (kind === "name" && this.take("(")) return { kind: "call", name: text, args: this.args(), column };
      return { kind, text, column };
    }
    if (!this.take("(")) this.fail();
    const inside = this.conditional();
    this.expect(")");
    return { ...inside, start: column };
  }

  args() {
    const found = [];
    while (!this.take(")")) {
      found.push(this.conditional());
      if (this.next.text !== ")") this.expect(",");
    }
    return found;
  }
}
