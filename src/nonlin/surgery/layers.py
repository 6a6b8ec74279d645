"""The layer that is put in place of an old one: of its parameters, its device, its dtype and its mode."""

from __future__ import annotations

import copy
from typing import Any

from nonlin.activation import Activation
from nonlin.errors import SwapError
from nonlin.surgery.site import Site
from nonlin.surgery.torch import InPlace, is_module
from nonlin.surgery.wish import OWN, Target
from nonlin.torch import layer
from nonlin.torch.modules import AlongAxis, Elementwise, Noisy
from nonlin.torch.recognition import named
from nonlin.vector import VectorActivation


def new_layer(target: Target, site: Site, old: Any, sample: Any) -> Any:
    """A fresh layer for a site; `old` is the module that it replaces, if it does, `sample` a parameter beside it."""
    wanted = site.activation if target == OWN else target
    if isinstance(wanted, Activation):
        made = _of_activation(wanted, old, sample)
        if target == OWN and site.activation.definition.always_learned and old is not None:
            (made._parameters["weight"],) = old.parameters()  # the optimizer has it
    else:
        made = _of_maker(wanted, site)
        if sample is not None:
            made.to(device=sample.device, dtype=sample.dtype)
    if site.inplace and site.how != "function" and not isinstance(made, AlongAxis):
        if hasattr(made, "inplace"):
            made.inplace = True
        else:
            made = InPlace(made)
    if old is not None:
        made.train(old.training)
        hooks = {name: value for name, value in vars(old).items() if "_hook" in name}
        vars(made).update(hooks)  # the same dictionaries: what has set a hook can remove it still
    return made


def learns(layer: Any) -> bool:
    """Whether a layer has what an optimizer or a state_dict has to know."""
    return any(True for _ in (*layer.parameters(), *layer.buffers()))


def has_state(layer: Any) -> bool:
    """Whether a layer has to be a child of its module: it learns, or may care for the mode."""
    return learns(layer) or isinstance(layer, Noisy) or not isinstance(layer, Elementwise | AlongAxis)


def _of_activation(activation: Activation, old: Any, sample: Any) -> Any:
    if isinstance(activation, VectorActivation):
        return layer(activation, dim=getattr(old, "dim", -1))
    if sample is None or not activation.definition.always_learned:
        return layer(activation)
    return layer(activation, device=sample.device, dtype=sample.dtype)


def _of_maker(maker: Any, site: Site) -> Any:
    if is_module(maker):
        return copy.deepcopy(maker)
    try:
        made = maker()
    except TypeError as error:
        raise SwapError(
            f"replacement of {site.activation} that cannot be made: {error}: give a layer or a class of one"
        ) from error
    if not is_module(made):
        raise SwapError(f"replacement of {site.activation} that is no layer: {made!r}: give a torch.nn.Module")
    return made


def spec_of(made: Any) -> str:
    """What a table says of a layer."""
    found = named(made)
    return type(made).__name__ if found is None else str(found)
