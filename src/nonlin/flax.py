"""Flax: an `nnx.Module` for every activation of the catalogue, and `layer` for those of your own.

from nonlin.flax import PReLU, Swish

PReLU(negative_slope_init=0.1)
Swish(trainable=True)
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from nonlin import backends, registry
from nonlin.activation import Activation
from nonlin.errors import ParameterError
from nonlin.vector import VectorActivation


class ActivationModule(nnx.Module):
    """Any activation as a module: f(x), of the shape and dtype of x.

    `trainable` says which parameters become `nnx.Param`: names, or True for those that the literature trains (all of
    them for an activation of your own). Each is one number, or one for each of `num_features` features, the last axis.
    `axis` is for functions of a whole axis; `rngs` for those that draw a parameter in training, as long as
    `deterministic` is False: `model.train()` and `model.eval()` set it.
    """

    def __init__(
        self,
        activation: Activation | str,
        *,
        trainable: bool | Sequence[str] = False,
        num_features: int | None = None,
        param_dtype: Any = jnp.float32,
        axis: int | None = -1,
        deterministic: bool = False,
        rngs: nnx.Rngs | None = None,
    ):
        found = registry.get(activation)
        self.activation = found
        self.axis = axis
        self.learned = _learned(found, trainable)
        shape = () if num_features is None else (num_features,)
        for name in self.learned:
            setattr(self, name, nnx.Param(jnp.full(shape, found.parameters[name], param_dtype)))
        self.noisy = found.definition.noise is not None
        if self.noisy:
            self.deterministic = deterministic
            self.rngs = rngs

    def __call__(self, inputs: Any) -> Any:
        if isinstance(self.activation, VectorActivation):
            return self.activation(inputs, axis=self.axis)
        if self.noisy and not self.deterministic:
            return self._drawn(inputs)
        values = {name: getattr(self, name)[...] for name in self.learned}
        return Activation(self.activation.definition)(inputs, **{**self.activation.parameters, **values})

    def _drawn(self, inputs: Any) -> Any:
        definition = self.activation.definition
        noise = definition.noise
        assert noise is not None
        if self.rngs is None:
            raise ParameterError(f"{definition.layer} draws its {noise.name} in training: rngs=None: give nnx.Rngs(0), "
                                 "or deterministic=True")  # fmt: skip
        low, high = (self.activation.parameters[n] for n in (noise.low, noise.high))
        drawn = jax.random.uniform(self.rngs.params(), jnp.shape(inputs), minval=low, maxval=high)
        formula = definition.noisy_formula
        return backends.of(drawn).evaluate(formula, formula.orders(), inputs, (drawn,))


def layer(activation: Activation | str, **options: Any) -> ActivationModule:
    """A fresh module of an activation, by name, spec or as an object; options as in its class here.

    >>> layer("leaky_relu(negative_slope=0.2)")(-1.0)
    -0.2
    """
    found = registry.get(activation)
    kind = _LAYERS.get(found.definition.layer)
    if kind is None or registry.catalog.get(found.name) != Activation(found.definition):
        return ActivationModule(found, **options)
    return kind(**{_argument(found, k): v for k, v in found.fixed.items()}, **options)


def _learned(activation: Activation, trainable: bool | Sequence[str]) -> tuple[str, ...]:
    """The names of the parameters to train."""
    if trainable is False:
        return ()
    names = activation.definition.learned or tuple(activation.definition.defaults)
    names = names if trainable is True else tuple(trainable)
    unknown = [n for n in names if n not in activation.definition.defaults]
    if unknown or not names:
        shown, takes = (unknown or [trainable])[0], ", ".join(activation.definition.defaults) or "none"
        raise ParameterError(f"{activation.name} has no such parameter to learn: {shown!r}: it has {takes}")
    return names


def _argument(activation: Activation, parameter: str) -> str:
    """The name of a parameter as an argument: with _init, as in flax's own PReLU, where it is always learned."""
    definition = activation.definition
    return f"{parameter}_init" if definition.always_learned and parameter in definition.learned else parameter


def _layer_class(activation: Activation) -> type[ActivationModule]:
    """The module class of an entry; its arguments are the entry's parameters and what applies of ActivationModule's."""
    definition = activation.definition
    vector = isinstance(activation, VectorActivation)
    arguments = {_argument(activation, name): name for name in definition.defaults}
    defaults: dict[str, Any] = {a: definition.defaults[p] for a, p in arguments.items()}
    if vector:
        defaults["axis"] = -1
    if definition.surrogates:
        defaults["surrogate"] = next(iter(definition.surrogates))
    options: dict[str, Any] = {}
    if definition.learned:
        options = {} if definition.always_learned else {"trainable": False}
        options |= {"num_features": None, "param_dtype": jnp.float32}
    if definition.noise is not None:
        options = {"deterministic": False, "rngs": None}
    own = [inspect.Parameter(k, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=v) for k, v in defaults.items()]
    named = [inspect.Parameter(k, inspect.Parameter.KEYWORD_ONLY, default=v) for k, v in options.items()]
    signature = inspect.Signature([*own, *named])

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        renamed = {definition.spellings.get(k, k): v for k, v in kwargs.items()}
        given = {arguments.get(k, k): v for k, v in signature.bind(*args, **renamed).arguments.items()}
        parameters = {k: given.pop(k) for k in (*definition.defaults, "surrogate") if k in given}
        learned = {"trainable": True} if definition.always_learned else {}
        ActivationModule.__init__(self, activation.bind(**parameters), **learned, **given)

    body: dict[str, Any] = {
        "__init__": __init__,
        "__doc__": f"{definition.text}\n\n{definition.about_gradient}Source: {definition.reference}.",
        "__module__": __name__,
        "__qualname__": definition.layer,
        "__signature__": signature,
    }
    return types.new_class(definition.layer, (ActivationModule,), exec_body=lambda namespace: namespace.update(body))


_LAYERS = {a.definition.layer: _layer_class(a) for a in registry.catalog.values()}

__all__ = ["ActivationModule", "layer", *_LAYERS]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> type[ActivationModule]:
    try:
        return _LAYERS[name]
    except KeyError:
        raise AttributeError(f"module 'nonlin.flax' has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted(__all__)
