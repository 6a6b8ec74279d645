"""Which activation a module or a call of PyTorch is at the parameters that it has now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from nonlin.activation import Activation
from nonlin.torch.modules import Elementwise
from nonlin.torch.recognition import named, read

_PLAIN = (int, float, str, type(None))


def activation_of(found: Any) -> Activation | None:
    """The activation of a module or function, with its own parameters; None for anything else and for the identity.

    Of learned parameters the mean; of a function, what it is when it is called with x alone.
    """
    if not isinstance(found, nn.Module):
        return called(found, (torch.zeros(1),), {})
    activation = named(found)
    if activation is None or activation.definition.text == "x":
        return None
    values = found.values() if isinstance(found, Elementwise) else dict(found.named_parameters(recurse=False))
    return _bound(activation, values)


def called(function: Any, args: Sequence[Any], keywords: Mapping[str, Any]) -> Activation | None:
    """The activation that a call of a function of torch is."""
    call = read(function, args, keywords) if function.__hash__ else None
    return None if call is None else _bound(call.activation, call.given)


def called_plainly(function: Any, args: Sequence[Any], keywords: Mapping[str, Any]) -> Activation | None:
    """The same, looked up once where what is given beside a floating tensor is plain numbers and words."""
    if not args or not (isinstance(args[0], Tensor) and args[0].is_floating_point()):
        return called(function, args, keywords)
    rest, options = args[1:], tuple(keywords.items())
    if all(isinstance(value, _PLAIN) for value in (*rest, *keywords.values())):
        return _found(function, rest, options)
    return called(function, args, keywords)


@lru_cache(256)
def _found(function: Any, rest: tuple[Any, ...], options: tuple[tuple[str, Any], ...]) -> Activation | None:
    return called(function, (torch.zeros(1), *rest), dict(options))


def _bound(activation: Activation, given: Mapping[str, Any]) -> Activation:
    """With the mean of each parameter that is a tensor."""
    definition = activation.definition
    named = {definition.spellings.get(k, k): v for k, v in given.items() if isinstance(v, Tensor)}
    values = {k: float(v.detach().double().mean()) for k, v in named.items() if k in activation.parameters}
    return activation.bind(**values) if values else activation
