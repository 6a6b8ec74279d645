// A formula's text as an expression: what the syntax means, with the refusals of the formula language.
"use strict";

const FOLDED = new Set(["max", "min"]);

// The expression of `text`, and the names in it that are parameters. Raises FormulaError.
function read(text) {
  if (text.length > TABLES.bounds.length) {
    throw new FormulaError(`formula of ${text.length} characters: keep it under ${TABLES.bounds.length}`);
  }
  if (!text.trim()) throw new FormulaError("empty formula: write one in x, like max(0, x)");
  const reader = new Reader();
  const expression = reader.build(new Syntax(text).whole());
  if (contains(expression, (part) => isNumber(part) && !Number.isFinite(part))) {
    throw new FormulaError("not a real number: it divides by 0, or takes the root or logarithm of a negative number");
  }
  return { expression, parameters: [...reader.parameters] };
}

// A bound on the power of x, counted as a polynomial would be; keeps products of powers small.
function degree(tree) {
  if (isHead(tree, "*")) return parts(tree).reduce((total, factor) => total + degree(factor), 0);
  if (isHead(tree, "^")) return degree(tree[1]) * (isNumber(tree[2]) ? Math.abs(tree[2]) : 1);
  return parts(tree).reduce((most, part) => Math.max(most, degree(part)), 1);
}

class Reader {
  parameters = new Set();

  refuse(node, message) {
    throw new FormulaError(`${message} at column ${node.column}`, node.column);
  }

  build(node) {
    const tree = this[node.kind]?.(node) ?? this.refuse(node, "a condition is not a number: write a if condition else b");
    if (degree(tree) > TABLES.bounds.degree) this.refuse(node, `power of x above ${TABLES.bounds.degree}`);
    return tree;
  }

  number(node) {
    if (node.text.length > TABLES.bounds.digits) this.refuse(node, `number of more than ${TABLES.bounds.digits} digits`);
    if (!/^(?!0\d)\w*\.?\w*(?:[eE][+-]?\w+)?$/.test(node.text) || /__|_$|_\.|\._/.test(node.text)) {
      this.refuse(node, "not a number");
    }
    const value = Number(node.text.replaceAll("_", ""));
    const zero = !/[1-9a-fA-F]/.test(node.text.split(/[eE]/)[0].replace(/^0[xob]/i, ""));
    if (!zero && !(value > 1e-300 && value < 1e300)) this.refuse(node, "number outside 1e-300 to 1e300");
    return value;
  }

  name(node) {
    if (node.text === "x") return "x";
    if (Object.hasOwn(TABLES.constants, node.text)) return TABLES.constants[node.text];
    if (Object.hasOwn(TABLES.functions, node.text)) this.refuse(node, `function without arguments: write ${node.text}(...)`);
    if (DATA.reserved.includes(node.text) || node.text.startsWith("_")) {
      this.refuse(node, `not the name of a parameter: ${node.text}`);
    }
    this.parameters.add(node.text);
    return node.text;
  }

  unary(node) {
    const value = this.build(node.value);
    return node.sign === "-" ? negative(value) : value;
  }

  binary(node) {
    const [a, b] = [this.build(node.left), this.build(node.right)];
    if (node.sign === "+") return combine(sum(a, b));
    if (node.sign === "-") return combine(sum(a, negative(b)));
    if (node.sign === "*") return combine(product(a, b));
    if (node.sign === "**") return combine(this.raised(node, a, b));
    if (b === 0) this.refuse(node, "division by 0");
    return combine(product(a, combine(power(b, -1))));
  }

  raised(node, base, exponent) {
    if (hasX(exponent)) this.refuse(node, "x in an exponent: write exp(...)");
    if (isNumber(exponent) && Math.abs(exponent) > TABLES.bounds.exponent) {
      this.refuse(node, `exponent above ${TABLES.bounds.exponent}`);
    }
    if (base === 0 && !(exponent > 0)) this.refuse(node, "0 to a power that is not positive");
    return power(base, exponent);
  }

  call(node) {
    const form = Object.hasOwn(TABLES.functions, node.name) && TABLES.functions[node.name];
    if (!form) this.refuse(node, `unknown function ${node.name}: known are ${Object.keys(TABLES.functions).join(" ")}`);
    const many = FOLDED.has(node.name);
    if (node.args.length === 0 || (node.args.length > 1 && !many)) {
      this.refuse(node, `${node.name} takes ${many ? "at least one argument" : "one argument"}`);
    }
    const args = node.args.map((arg) => this.build(arg));
    if (many) return args.reduce((u, v) => (same(u, v) ? u : resolved(substitute(form, { u, v }))));
    return combine(resolved(substitute(form, { u: args[0] })));
  }

  if(node) {
    return this.condition(node.test, this.build(node.body), this.build(node.other));
  }

  // `a` where the test holds, else `b`
  condition(test, a, b) {
    if (test.kind === "and") return test.values.reduceRight((held, value) => this.condition(value, held, b), a);
    if (test.kind === "or") return test.values.reduceRight((held, value) => this.condition(value, a, held), b);
    if (test.kind === "not") return this.condition(test.value, b, a);
    if (test.kind !== "compare") this.refuse(test, "not a condition: compare with < <= > >= ==");
    const operands = test.values.map((value) => this.build(value));
    const pairs = test.signs.map((sign, i) => [sign, operands[i], operands[i + 1]]);
    return pairs.reduceRight((held, [sign, p, q]) => this.compare(sign, p, q, held, b), a);
  }

  compare(sign, p, q, a, b) {
    if (same(a, b)) return a;
    if (sign === "!=") return this.compare("==", p, q, b, a);
    const [left, right] = sign.startsWith("<") ? [q, p] : [p, q];
    return resolved(["where", sign.replace("<", ">"), sum(left, negative(right)), a, b]);
  }
}

// A node without x and parameters as its number; a branch whose condition is a number as the branch that holds.
function resolved(tree) {
  const own = parts(tree);
  if (own.length > 0 && own.every(isNumber)) return compiled(tree)(0, {});
  if (isHead(tree, "where") && isNumber(tree[2])) return COMPARE[tree[1]](tree[2]) ? tree[3] : tree[4];
  if (isHead(tree, "choose") && isNumber(tree[1]) && tree[1] !== 0) return tree[1] > 0 ? tree[2] : tree[3];
  return tree;
}
