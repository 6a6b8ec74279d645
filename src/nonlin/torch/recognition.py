"""Which activation a module or a function of PyTorch is, read off the names that the catalogue has for it there."""

# torch has no public names for the functions of C++ that its own functions are.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import get_testing_overrides
from torch.utils._python_dispatch import TorchDispatchMode

from nonlin.activation import Activation
from nonlin.backends.torch_printed import expression, name_of
from nonlin.registry import catalog
from nonlin.spelling import Call, Spelling, entries, limits_of, plain, spelled, spelling, unknown
from nonlin.torch.modules import Layer
from nonlin.vector import VectorActivation

# Functions ----------------------------------------------------------------------------------------------------------

_NAMES = spelled("torch")


def _spellings() -> dict[Any, Spelling]:
    signatures = get_testing_overrides()
    found: dict[Any, Spelling] = {}
    for space in (torch, functional, Tensor, torch.special, getattr(torch._C, "_nn")):  # noqa: B009
        for name in dir(space):
            function = None if name.startswith("_") or plain(name) not in _NAMES else getattr(space, name)
            if function is None or isinstance(function, type) or not callable(function):
                continue
            base = getattr(space, name.rstrip("_"), function)  # in place, a function has no signature of its own
            shown = signatures.get(base, base)
            defaults = _defaults(shown) if inspect.isfunction(shown) else {"input": None}
            found.setdefault(function, spelling(*_NAMES[plain(name)], defaults, name.endswith("_")))
    return found


def _defaults(call: Any) -> dict[str, Any]:
    return {name: parameter.default for name, parameter in inspect.signature(call).parameters.items()}


def values(activation: Activation, parameters: Sequence[float]) -> list[float]:
    """On the grid, by the printed expression: a kernel need not be compiled for that."""
    return expression(name_of(activation.rule, activation.rule.orders()), grid(), parameters).tolist()


def grid() -> Tensor:
    """From far below 0 to far above, closer where activations bend."""
    far = torch.tensor([-1e6, -30.0], dtype=torch.float64)
    return torch.cat([far, torch.linspace(-8, 8, 65, dtype=torch.float64), -far.flip(0)])


# Every function that is an activation, and the limits that make one of a tool: whole at import, for a compiler that
# traces a swapped model looks them up.
SPELLINGS = _spellings()
LIMITS = {
    key: name
    for tool in {s.entry for s in SPELLINGS.values() if s.a_tool and len(s.parameters) == 2}
    for key, name in limits_of(catalog[tool].definition, values)
}


def read(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call | None:
    """The call of a function as the catalogue has it; None where it is no activation of floating numbers."""
    names = SPELLINGS.get(function)
    call = None if names is None else names.read(args, kwargs, LIMITS)
    if (
        call is None
        or (isinstance(call.x, Tensor) and call.x.is_floating_point())
        or isinstance(call.x, torch.fx.Proxy)
    ):
        return call
    return None


# Modules ------------------------------------------------------------------------------------------------------------

LAYERS = {getattr(nn, d.peers["torch"].names[0]): d for d in entries("torch")}


def named(module: Any) -> Activation | None:
    """The activation of one of torch's layers or of nonlin's."""
    if isinstance(module, Layer):
        own = module.activation
        return own if isinstance(own, VectorActivation) else _with_numbers(Activation(own.definition), module)
    for kind in type(module).__mro__:
        if kind in LAYERS and type(module).forward is kind.forward:
            definition = LAYERS[kind]
            name = definition.approximate.get(getattr(module, "approximate", ""), definition.name)
            return _with_numbers(catalog[name], module)
    return None


def odd(module: Any) -> str:
    """An argument of one of torch's layers that the catalogue's entry does not have, at another value than usual."""
    kind = next((k for k in type(module).__mro__ if k in LAYERS), None)
    if kind is None:
        return ""
    defaults, definition = _defaults(kind), LAYERS[kind]
    others = unknown(defaults, {*definition.defaults, *definition.spellings})
    return next((name for name, default in others if getattr(module, name, default) != default), "")


def _with_numbers(activation: Activation, module: Any) -> Activation:
    """With the parameters that the layer keeps as numbers; learned ones stay open."""
    definition, numbers = activation.definition, dict[str, float]()
    for name, default in definition.defaults.items():
        for attribute in (name, *(s for s, ours in definition.spellings.items() if ours == name)):
            value = getattr(module, attribute, None)
            if isinstance(value, int | float) and value != default:
                numbers[name] = value
    return activation.bind(**numbers) if numbers else activation


def fused(module: Any) -> list[Activation]:
    """The activations inside a recurrent layer's kernel: what the same layer in double precision, which has no
    fused kernel, calls."""
    if not isinstance(module, nn.RNNBase | nn.RNNCellBase):
        return []
    kind = next(k for k in type(module).__mro__ if k.__module__.startswith("torch."))
    return _inside(kind, getattr(module, "nonlinearity", None))


@cache
def _inside(kind: Any, nonlinearity: str | None) -> list[Activation]:
    called: list[str] = []

    class Calls(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            called.append(plain(func._schema.name.partition("::")[2]))
            return func(*args, **(kwargs or {}))

    options = {} if nonlinearity is None else {"nonlinearity": nonlinearity}
    layer = kind(1, 1, dtype=torch.float64, **options)
    with Calls(), torch.no_grad():
        layer(torch.zeros(1, 1, dtype=torch.float64))
    found = {_NAMES[name][0].name for name in called if name in _NAMES and not _NAMES[name][1]}
    return [catalog[name] for name in catalog if name in found]
