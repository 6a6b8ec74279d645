"""How an activation is used in each framework, as code to copy: the explorer's code tab and the gallery's pages."""

from __future__ import annotations

LANGUAGES = {"numpy": "NumPy", "torch": "PyTorch", "keras": "Keras", "jax": "JAX"}
# `{f}` is the line that makes the function. What is written only for a function of a whole axis, or only for any other
# one, starts with its mark.
_AXIS, _CURVE = "axis: ", "curve: "
_CODE = {
    "numpy": ["import numpy as np", "import nonlin as nl", "", "{f}", "x = np.linspace(-4, 4, 8)",
              _AXIS + "f(x)",
              _CURVE + "f(x), f.derivative(x), f.derivative(x, order=2)"],
    "torch": ["import torch", "import nonlin as nl", "import nonlin.torch", "", "{f}",
              _AXIS + "f(torch.linspace(-4, 4, 8))",
              _CURVE + "x = torch.linspace(-4, 4, 8, requires_grad=True)",
              _CURVE + "f(x).sum().backward()      # the gradient is in x.grad",
              "layer = nl.torch.layer(f)  # an nn.Module"],
    "keras": ["import keras", "import nonlin as nl", "import nonlin.keras", "", "{f}",
              "layer = nl.keras.layer(f)",
              "model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(8), layer])"],
    "jax": ["import jax", "import jax.numpy as jnp", "import nonlin as nl", "", "{f}", "x = jnp.linspace(-4, 4, 8)",
            _AXIS + "jax.jit(f)(x), jax.jacobian(f)(x)",
            _CURVE + "jax.jit(f)(x), jax.vmap(jax.grad(f))(x)"],
}  # fmt: skip


def templates() -> dict[str, dict[str, str]]:
    """Of each framework the code for a curve and that for a function of a whole axis, with {f} in it."""
    return {
        language: {"curve": _without(_AXIS, lines, _CURVE), "axis": _without(_CURVE, lines, _AXIS)}
        for language, lines in _CODE.items()
    }


def _without(other: str, lines: list[str], own: str) -> str:
    return "\n".join(line.removeprefix(own) for line in lines if not line.startswith(other))
