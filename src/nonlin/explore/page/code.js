// The chosen functions as code for each framework, and in LaTeX.
"use strict";

const LANGUAGES = { numpy: "NumPy", torch: "PyTorch", keras: "Keras", jax: "JAX", latex: "LaTeX" };

const quoted = (text) => JSON.stringify(text);
const specOf = (curve) => specWith(curve, {});

// The line that makes the function.
function made(curve, i) {
  if (curve.entry) return `f = nl.get(${quoted(specOf(curve))})`;
  const values = curve.parameters.map((p) => `, ${p.name}=${p.value}`).join("");
  return `f = nl.define("own_${i + 1}", ${quoted(curve.formula)}${values})`;
}

const CODE = {
  numpy: (curve, line) => ["import numpy as np", "import nonlin as nl", "", line, "x = np.linspace(-4, 4, 8)",
    curve.vector ? "f(x)" : "f(x), f.derivative(x), f.derivative(x, order=2)"],
  torch: (curve, line) => ["import torch", "import nonlin as nl", "import nonlin.torch", "", line,
    "x = torch.linspace(-4, 4, 8, requires_grad=True)", "f(x).sum().backward()      # the gradient is in x.grad",
    "layer = nl.torch.layer(f)  # an nn.Module"],
  keras: (curve, line) => ["import keras", "import nonlin as nl", "import nonlin.keras", "", line,
    "layer = nl.keras.layer(f)", "model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(8), layer])"],
  jax: (curve, line) => ["import jax", "import jax.numpy as jnp", "import nonlin as nl", "", line,
    "x = jnp.linspace(-4, 4, 8)", curve.vector ? "jax.jit(f)(x), jax.jacobian(f)(x)" : "jax.jit(f)(x), jax.vmap(jax.grad(f))(x)"],
  latex: (curve) => (curve.entry ? curve.entry.latex : latexOfFormula(curve.formula)),
};

function latexOfFormula(formula) {
  const { expression } = read(formula);
  return [`f(x) = ${latexOf(expression)}`, `f'(x) = ${latexOf(derivative(expression))}`];
}

const codeOf = (curve, i, language) => CODE[language](curve, made(curve, i)).join("\n");
