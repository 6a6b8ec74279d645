"""Keras: gradients of a loss, as the engine takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

ENGINES = ("tensorflow", "jax", "torch")


def gradients(loss: Callable[[list[Any]], Any], at: Sequence[Any]) -> list[Any]:
    """Of `loss(tensors)` by each tensor, at these values; as NumPy arrays."""
    tensors = [keras.ops.convert_to_tensor(value) for value in at]
    engine = keras.config.backend()
    if engine == "tensorflow":
        import tensorflow as tf  # pyright: ignore[reportMissingModuleSource]

        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = loss(tensors)
        found = tape.gradient(value, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    elif engine == "jax":
        import jax

        found = jax.grad(loss)(tensors)
    else:
        import torch

        leaves = [tensor.detach().requires_grad_() for tensor in tensors]
        with torch.enable_grad():
            found = torch.autograd.grad(loss(leaves), leaves, allow_unused=True, materialize_grads=True)
    return [keras.ops.convert_to_numpy(keras.ops.cast(gradient, "float32")) for gradient in found]
