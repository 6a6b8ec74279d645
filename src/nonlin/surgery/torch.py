"""What the surgery has to know of PyTorch: its functions and layers, modes, and how to run a model without a trace."""

# torch has no public names for the functions of C++ that its own functions are, nor for what a mode may switch off.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode, get_testing_overrides
from torch.utils._python_dispatch import TorchDispatchMode

from nonlin.activation import Activation
from nonlin.backends.torch_printed import expression, name_of
from nonlin.errors import SwapError
from nonlin.registry import catalog
from nonlin.surgery.spelling import Call, Spelling, entries, limits_of, plain, spelled, spelling, unknown
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


class Mode(TorchFunctionMode):
    """Hands every call of one of torch's functions to `handle(function, args, kwargs)`, which returns the result."""

    def __init__(self, handle: Callable[[Any, Any, Any], Any]):
        super().__init__()
        self.handle = handle

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.handle(func, args, kwargs or {})


def unseen() -> AbstractContextManager[Any]:
    """What is called in it, no mode sees."""
    return torch._C.DisableTorchFunction()


def backward(scalar: Tensor) -> None:
    """The backward pass as the engine runs it: `torch.autograd.backward` is a function that a mode is off in."""
    run = torch.autograd.graph._engine_run_backward
    run((scalar,), (torch.ones_like(scalar),), False, False, (), allow_unreachable=True, accumulate_grad=True)


def grad_enabled() -> bool:
    return torch.is_grad_enabled()


# Modules ------------------------------------------------------------------------------------------------------------

_LAYERS = {getattr(nn, d.peers["torch"].names[0]): d for d in entries("torch")}


def is_module(value: Any) -> bool:
    return isinstance(value, nn.Module)


def is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def is_symbol(value: Any) -> bool:
    """Whether it stands for a tensor in `torch.fx`."""
    return isinstance(value, torch.fx.Proxy)


def is_parameter(value: Any) -> bool:
    return isinstance(value, nn.Parameter)


def example_tensor() -> Tensor:
    return torch.zeros(1)


def is_torchs(module: Any) -> bool:
    """Whether the class is torch's own, whose forward calls no activation that is not an attribute."""
    return type(module).__module__.partition(".")[0] == "torch"


def named(module: Any) -> Activation | None:
    """The activation of one of torch's layers or of nonlin's."""
    if isinstance(module, Layer):
        own = module.activation
        return own if isinstance(own, VectorActivation) else _with_numbers(Activation(own.definition), module)
    for kind in type(module).__mro__:
        if kind in _LAYERS and type(module).forward is kind.forward:
            definition = _LAYERS[kind]
            name = definition.approximate.get(getattr(module, "approximate", ""), definition.name)
            return _with_numbers(catalog[name], module)
    return None


def odd(module: Any) -> str:
    """An argument of one of torch's layers that the catalogue's entry does not have, at another value than usual."""
    kind = next((k for k in type(module).__mro__ if k in _LAYERS), None)
    if kind is None:
        return ""
    defaults, definition = _defaults(kind), _LAYERS[kind]
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


class InPlace(nn.Module):
    """Another library's layer that overwrites its input, as the one did that it replaces."""

    def __init__(self, layer: Any):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return x.copy_(self.layer(x.clone()))


# A run that leaves no trace -----------------------------------------------------------------------------------------


def copied(model: Any) -> Any:
    """A copy that shares the memory of the parameters and nothing else, so that a run changes nothing of the model."""
    memo: dict[int, Any] = {}
    for name, p in model.named_parameters():
        if is_lazy(p):
            raise SwapError(f"parameter without a shape yet: {name!r}: run the model once before")
        memo[id(p)] = nn.Parameter(p.detach(), p.requires_grad) if type(p) is nn.Parameter else p
    for module in model.modules():  # tensors of a graph, which torch does not copy
        memo |= {id(t): t.detach().clone() for t in vars(module).values() if isinstance(t, Tensor) and not t.is_leaf}
    try:
        return copy.deepcopy(model, memo)
    except Exception as error:
        raise SwapError(f"model that cannot be copied for a run: {_line(error)}: leave example_inputs out") from error


@contextmanager
def undisturbed(model: Any, training: bool) -> Generator[None]:
    """torch's generators keep their state, compiled parts run as written, gradients are on in training only."""
    devices = sorted({p.device.index for p in model.parameters() if p.device.type == "cuda"})
    compiled = "torch._dynamo" in sys.modules  # else there is nothing compiled, and the import takes seconds
    stance = torch.compiler.set_stance("force_eager") if compiled else nullcontext()
    with torch.random.fork_rng(devices=devices), stance, torch.set_grad_enabled(training):
        yield


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
