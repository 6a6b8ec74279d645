"""What becomes of what an activation returns: whether it opens and closes something, or is the model's output."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from nonlin.activation import Activation
from nonlin.surgery.site import Site
from nonlin.surgery.torch import is_parameter, is_tensor
from nonlin.tree import leaves
from nonlin.vector import VectorActivation

_PRODUCTS = {"mul", "rmul", "imul", "multiply", "addcmul", "lerp"}


class Roles:
    """A gate's values lie in [0, 1] and are multiplied with something; an output's lie in [-1, 1] and are returned.

    Values are known again by their memory, which views of them have in common.
    """

    def __init__(self) -> None:
        self.known: dict[int, tuple[Site, Any]] = {}  # the tensor too, so that its memory is not given to another

    def produced(self, site: Site, result: Any) -> None:
        """Remember what an activation has returned, if its role is to be found."""
        if is_tensor(result) and _bounds(site.activation)[0] >= -1 and _bounds(site.activation)[1] <= 1:
            memory = _memory(result)
            if memory is not None:
                self.known[memory] = site, result

    def used(self, function: Any, args: Any) -> None:
        """Look for gates among the factors of a product."""
        if self.known and getattr(function, "__name__", "").strip("_") in _PRODUCTS:
            factors = [leaf for leaf in leaves(args) if is_tensor(leaf) and not is_parameter(leaf)]
            for site in self._sites(factors) if len(factors) > 1 else ():
                if _bounds(site.activation)[0] >= 0:
                    site.roles.add("gate")

    def returned(self, outputs: Sequence[Any]) -> None:
        """Look for outputs of the model."""
        for site in self._sites(outputs):
            site.roles.add("head")

    def _sites(self, tensors: Sequence[Any]) -> list[Site]:
        return [self.known[m][0] for t in tensors if (m := _memory(t)) in self.known]


def _memory(tensor: Any) -> int | None:
    """What a tensor has in common with its views."""
    try:
        return tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError):  # sparse ones have no single one
        return None


@cache
def _bounds(activation: Activation) -> tuple[float, float]:
    return (0.0, float("inf")) if isinstance(activation, VectorActivation) else activation.facts.range
