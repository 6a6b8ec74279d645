"""Calls of nonlin's activations as functions, which no mode sees: they come to kernels, not to torch's functions."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from nonlin.activation import Activation
from nonlin.vector import VectorActivation


@contextmanager
def own_calls(around: Callable[[Activation, Any, Callable[[], Any]], Any]) -> Generator[None]:
    """Every call within is `around(activation, x, call)`, which calls `call()` for its result."""

    def watching(call: Any) -> Any:
        def watched(self: Activation, x: Any, /, **options: Any) -> Any:
            return around(self, x, lambda: call(self, x, **options))

        return watched

    kinds = (Activation, VectorActivation)
    calls = [kind.__call__ for kind in kinds]
    try:
        for kind, call in zip(kinds, calls, strict=True):
            setattr(kind, "__call__", watching(call))  # noqa: B010
        yield
    finally:
        for kind, call in zip(kinds, calls, strict=True):
            setattr(kind, "__call__", call)  # noqa: B010
