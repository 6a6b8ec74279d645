"""JAX: the functions of jax.nn, jitted, on the CPU."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nonlin.activation import Activation
from nonlin.measure.peers.library import Call, Function, Library, named, spelled


class Jax(Library):
    """jax.nn under jit; forward+backward is one jitted function of f and its vjp.

    Its threads are as many as the cores that the process may run on, whatever it is told.
    """

    name, module = "jax", "jax"

    def __init__(self) -> None:
        self._cpu = jax.devices("cpu")[0]

    def value(self, activation: Activation) -> Function | None:
        function = own_function(activation)
        return None if function is None else self._on_arrays(jax.jit(function))

    def derivative(self, activation: Activation) -> Function | None:
        function = own_function(activation)
        if function is None:
            return None
        return self._on_arrays(jax.jit(lambda x: _both(function, x, jnp.ones_like(x))[1]))

    def forward(self, activation: Activation, x: Any) -> Call | None:
        function = own_function(activation)
        if function is None:
            return None
        jitted, point = jax.jit(function), jax.device_put(x, self._cpu)
        return lambda: jitted(point).block_until_ready()

    def forward_backward(self, activation: Activation, x: Any, gradient: Any) -> Call | None:
        function = own_function(activation)
        if function is None:
            return None
        jitted = jax.jit(partial(_both, function))
        point, given = jax.device_put(x, self._cpu), jax.device_put(gradient, self._cpu)
        return lambda: jax.block_until_ready(jitted(point, given))

    def _on_arrays(self, function: Function) -> Function:
        return lambda x: np.asarray(function(jax.device_put(x, self._cpu)))


def _both(function: Function, x: Any, gradient: Any) -> tuple[Any, Any]:
    value, pull = jax.vjp(function, x)
    return value, pull(gradient)[0]


def own_function(activation: Activation) -> Function | None:
    """The function of jax.nn, with x as its one argument."""
    found = named(activation, "jax")
    if found is None:
        return None
    function = getattr(jax.nn, found.names[0])
    given = spelled(activation, found, inspect.signature(function).parameters)
    if given is None:
        return None
    if "approximate" in given:
        given["approximate"] = given["approximate"] != "none"
    return partial(function, **given)
