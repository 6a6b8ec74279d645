"""Keras: a layer class for every activation, and the strings "nonlin>name", on all of Keras' engines.

    import nonlin.keras
    from nonlin.keras import PReLU

    keras.layers.Dense(64, activation="nonlin>mish")
    nonlin.keras.layer(nonlin.define("tent", "max(0, 1 - abs(x - 1))"))

Models save and load; a program that loads one imports nonlin.keras first. An activation of the user's own is saved
as its formula, which the language's own grammar reads back: loading runs no code from the file.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import keras.src.activations

from nonlin import backends, registry
from nonlin.activation import Activation
from nonlin.backends.keras import formula_data, formula_of
from nonlin.definition import Definition
from nonlin.errors import ParameterError
from nonlin.vector import VectorActivation

_PACKAGE = "nonlin"
# Keras reads an activation's string from this dictionary only, which is private: where it is missing, the strings
# do not work, and everything else does.
_STRINGS: dict[str, Any] = getattr(keras.src.activations, "ALL_OBJECTS_DICT", {})
_WEIGHT_OPTIONS = ("initializer", "regularizer", "constraint")


@keras.saving.register_keras_serializable(package=_PACKAGE)
class ActivationLayer(keras.layers.Layer):
    """Any activation as a layer: f(x), of the shape and dtype of x.

    `learn` says which parameters are trained: names, or True for those that the literature trains (all of them for
    an activation of your own). A trained parameter starts at its value here or by `initializer`; it is one number, or
    one for each feature if `shared_axes` is given: those axes then share theirs, as in keras.layers.PReLU.
    `axis` is for functions of a whole axis, `seed` for those that draw a parameter in training.
    """

    def __init__(
        self,
        activation: Activation | str | Mapping[str, Any],
        *,
        learn: bool | Sequence[str] = False,
        initializer: Any = None,
        regularizer: Any = None,
        constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        axis: int = -1,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = _from_data(activation) if isinstance(activation, Mapping) else registry.get(activation)
        self.learned = _learned(self.activation, learn)
        self.initializer = None if initializer is None else keras.initializers.get(initializer)
        self.regularizer = keras.regularizers.get(regularizer)
        self.constraint = keras.constraints.get(constraint)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)
        self.axis, self.seed = axis, seed
        if self.activation.definition.noise is not None:
            self.random = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        shape = list(input_shape[1:]) if self.shared_axes is not None else []
        for axis in self.shared_axes or ():
            shape[axis - 1 if axis > 0 else axis] = 1
        self.learned_weights = {
            name: self.add_weight(
                shape=tuple(shape),
                name=name,
                initializer=self.initializer or keras.initializers.Constant(self.activation.parameters[name]),
                regularizer=self.regularizer,
                constraint=self.constraint,
                autocast=False,  # a half-precision slope would be another function
            )
            for name in self.learned
        }

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        noise = self.activation.definition.noise
        if isinstance(self.activation, VectorActivation):
            return self.activation(inputs, axis=self.axis)
        values = {name: keras.ops.convert_to_tensor(w) for name, w in self.learned_weights.items()}
        if noise is None or not training:
            free = Activation(self.activation.definition)
            return free(inputs, **{**self.activation.parameters, **values})
        low, high = (self.activation.parameters[n] for n in (noise.low, noise.high))
        drawn = keras.random.uniform(keras.ops.shape(inputs), low, high, dtype="float32", seed=self.random)
        formula = self.activation.definition.noisy_formula
        return backends.of(inputs).evaluate(formula, formula.orders(), inputs, (drawn,))

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = list(input_shape)
        if self.activation.definition.gate and shape[self.axis] is not None:
            shape[self.axis] //= 2
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "activation": _data(self.activation), "learn": list(self.learned)}
        if self.learned:
            config["initializer"] = keras.initializers.serialize(self.initializer) if self.initializer else None
            config["regularizer"] = keras.regularizers.serialize(self.regularizer)
            config["constraint"] = keras.constraints.serialize(self.constraint)
            config["shared_axes"] = self.shared_axes
        if isinstance(self.activation, VectorActivation):
            config["axis"] = self.axis
        if self.activation.definition.noise is not None:
            config["seed"] = self.seed
        return config


def layer(activation: Activation | str, **options: Any) -> keras.layers.Layer:
    """A fresh layer of an activation, by name, spec or as an object; options as in its class here.

    >>> layer("leaky_relu(negative_slope=0.2)").get_config()["negative_slope"]
    0.2
    """
    found = registry.get(activation)
    kind = _LAYERS.get(found.definition.layer)
    if kind is None or registry.catalog.get(found.name) != Activation(found.definition):
        return ActivationLayer(found, **options)
    return kind(**found.fixed, **options)


def register(activation: Activation | str) -> Callable[[Any], Any]:
    """Let Keras know an activation by the string "nonlin>" and its spec; returns the function that Keras then uses.

    The catalogue is known from the start. Call it for an activation of your own before a model with it is loaded.

    >>> register("leaky_relu(negative_slope=0.2)").__name__
    'leaky_relu(negative_slope=0.2)'
    """
    found = registry.get(activation)

    def f(x: Any) -> Any:
        return found(x)

    f.__name__ = f.__qualname__ = str(found)
    f.__doc__ = f"{found.definition.text}; {found.reference}"
    keras.saving.register_keras_serializable(package=_PACKAGE, name=str(found))(f)
    _STRINGS[f"{_PACKAGE}>{found}"] = f
    return f


def _learned(activation: Activation, learn: bool | Sequence[str]) -> tuple[str, ...]:
    """The names of the parameters to train."""
    if learn is False:
        return ()
    names = (activation.definition.learned or tuple(activation.definition.defaults)) if learn is True else tuple(learn)
    unknown = [n for n in names if n not in activation.definition.defaults]
    if unknown or (learn is True and not names):
        shown = unknown[0] if unknown else learn
        takes = ", ".join(activation.definition.defaults) or "none"
        raise ParameterError(f"{activation.name} has no such parameter to learn: {shown!r}: it has {takes}")
    return names


# As data ----------------------------------------------------------------------------------------------------------


def _data(activation: Activation) -> str | dict[str, Any]:
    """A spec for the catalogue's; for the user's own all that it takes to make it again in another process."""
    if registry.catalog.get(activation.name) == Activation(activation.definition):
        return str(activation)
    definition = activation.definition
    kept = {"name": definition.name, "layer": definition.layer, "reference": definition.reference}
    return {**kept, **formula_data(definition.formula), "fixed": dict(activation.fixed)}


def _from_data(data: Mapping[str, Any]) -> Activation:
    formula = formula_of(dict(data))
    for each in filter(None, (formula, formula.slope)):
        each.pieces(each.orders())  # read now, so that a damaged file is said here
    definition = Definition(
        name=data["name"],
        text=formula.text,
        layer=data["layer"],
        parameters=formula.parameters,
        reference=data["reference"],
        kinks=formula.kinks,
        surrogate=formula.surrogate,
    )
    return Activation(definition).bind(**data["fixed"])


# The catalogue ----------------------------------------------------------------------------------------------------


def _layer_class(activation: Activation) -> type[ActivationLayer]:
    """The layer class of an entry; its arguments are the entry's parameters and what applies of ActivationLayer's."""
    definition = activation.definition
    vector = isinstance(activation, VectorActivation)
    defaults: dict[str, Any] = {**definition.defaults, **({"axis": -1} if vector else {})}
    if definition.surrogates:
        defaults["surrogate"] = next(iter(definition.surrogates))
    options: dict[str, Any] = {}
    if definition.learned:
        options = {"learn": definition.always_learned, **dict.fromkeys(_WEIGHT_OPTIONS)}
        options["shared_axes"] = [] if definition.always_learned else None
    if definition.noise is not None:
        options["seed"] = None

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if len(args) > len(defaults):
            raise TypeError(f"{definition.layer} takes at most {len(defaults)} positional arguments: {len(args)} given")
        given = dict(zip(defaults, args, strict=False))
        for key, value in kwargs.items():
            name = _spelled(definition, key)
            if name in given:
                raise TypeError(f"{definition.layer} got {name} twice: {key}={value!r}")
            given[name] = value
        if definition.learned and not definition.always_learned and "learn" not in given:
            given["learn"] = bool(given.get("trainable", False))  # Swish(trainable=True), as in the other doors
        parameters = {k: given.pop(k) for k in (*definition.defaults, "surrogate") if k in given}
        ActivationLayer.__init__(self, activation.bind(**parameters), **{**options, **given})

    def get_config(self: Any) -> dict[str, Any]:
        config = ActivationLayer.get_config(self)
        del config["activation"]
        if not definition.learned:
            del config["learn"]
        if definition.surrogates:
            own = self.activation.definition
            config["surrogate"] = next(n for n, d in definition.surrogates.items() if (d or definition) == own)
        return {**config, **self.activation.fixed}

    own = [inspect.Parameter(k, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=v) for k, v in defaults.items()]
    named = [inspect.Parameter(k, inspect.Parameter.KEYWORD_ONLY, default=v) for k, v in options.items()]
    rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    body: dict[str, Any] = {
        "__init__": __init__,
        "get_config": get_config,
        "__doc__": _doc(activation),
        "__module__": __name__,
        "__qualname__": definition.layer,
        "__signature__": inspect.Signature([*own, *named, rest]),
    }
    kind = types.new_class(definition.layer, (ActivationLayer,), exec_body=lambda namespace: namespace.update(body))
    return keras.saving.register_keras_serializable(package=_PACKAGE)(kind)


def _spelled(definition: Definition, key: str) -> str:
    """An argument under our name: alpha is negative_slope of a leaky rectifier, alpha_initializer its initializer."""
    for option in _WEIGHT_OPTIONS:
        prefix = key.removesuffix(f"_{option}")
        if prefix != key and definition.spellings.get(prefix, prefix) in definition.learned:
            return option
    return definition.spellings.get(key, key)


def _doc(activation: Activation) -> str:
    definition = activation.definition
    lines = [f"{definition.text}", "", f"{definition.about_gradient}Source: {definition.reference}."]
    if definition.learned and not definition.always_learned:
        lines += ["", "`learn=True`, or `trainable=True`, trains " + ", ".join(definition.learned) + "."]
    if definition.noise is not None:
        noise = definition.noise
        lines += ["", f"In training: {noise.formula}, {noise.name} drawn uniformly from [{noise.low}, {noise.high}]."]
    return "\n".join(lines)


_LAYERS: dict[str, type[ActivationLayer]] = {}
for _activation in registry.catalog.values():
    _LAYERS[_activation.definition.layer] = _layer_class(_activation)
    _function = register(_activation)
    for _alias in _activation.aliases:
        _STRINGS[f"{_PACKAGE}>{_alias}"] = _function

__all__ = ["ActivationLayer", "layer", "register", *_LAYERS]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> type[ActivationLayer]:
    try:
        return _LAYERS[name]
    except KeyError:
        raise AttributeError(f"module 'nonlin.keras' has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted(__all__)
