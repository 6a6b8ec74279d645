"""Activations of a whole axis: the softmax family, and the gated units that halve an axis."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NoReturn

import nonlin.backends as backends
from nonlin.activation import Activation
from nonlin.errors import DtypeError, ParameterError


class VectorActivation(Activation):
    """A function along one axis of its input; it has no derivative by a single x, hence no facts of a curve.

    >>> import nonlin as nl
    >>> nl.softmax([0.0, 0.0])
    array([0.5, 0.5])
    """

    def __call__(self, x: Any, /, *, axis: int | None = -1, **unknown: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """f(x) along `axis`; None takes all elements as one axis. Gated units return half the length.

        The kind and dtype of x are kept; integers become float64. Raises ParameterError for an axis that x does
        not have, and for one of odd length that is to be halved.
        """
        if unknown:
            self._spelled(next(iter(unknown)))
        backend = backends.of(x)
        values = backend.array(x)
        rank = len(values.shape)
        if rank == 0:
            raise DtypeError(f"{self.name} needs an axis: {x!r}: give a list or an array")
        if axis is not None and (not isinstance(axis, int) or not -rank <= axis < rank):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ParameterError(
                f"axis of {self.name} on {rank} dimensions: {axis!r}: give one from {-rank} to {rank - 1}"
            )
        if self.definition.gate:
            return self._gated(backend, values, -1 if axis is None else axis)
        return backend.like(backend.along_axis(self.definition.along_axis, values, axis), x)

    def _gated(self, backend: Any, values: Any, axis: int) -> Any:
        self.prepare()
        axis %= len(values.shape)
        length = values.shape[axis]
        if length % 2:
            raise ParameterError(f"{self.name} halves axis {axis}: length {length}: give an even one")
        ahead = (slice(None),) * axis
        value, gate = values[(*ahead, slice(0, length // 2))], values[(*ahead, slice(length // 2, None))]
        formula = self.definition.gate_formula
        return value * backend.evaluate(formula, formula.orders(), gate, ())

    def derivative(self, x: Any, /, **_: Any) -> NoReturn:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Not defined: each output depends on every input of the axis. Use the framework's Jacobian."""
        raise DtypeError(f"{self.name} is a function of a whole axis: it has a Jacobian, not a derivative: use "
                         "torch.func.jacrev or jax.jacobian on it")  # fmt: skip

    @cached_property
    def latex(self) -> str:
        """The formula in LaTeX."""
        return rf"\mathtt{{{self.definition.text}}}".replace("_", r"\_")

    def _repr_html_(self) -> str:
        """Formula and source, for a notebook."""
        from nonlin.notebook import card

        return card(str(self), self.formula, self.reference)

    @property
    def facts(self) -> NoReturn:  # pyright: ignore[reportIncompatibleMethodOverride, reportIncompatibleVariableOverride]
        """Not defined: facts are those of a curve."""
        raise DtypeError(f"{self.name} is a function of a whole axis: it has no facts of a curve")
