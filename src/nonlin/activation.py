"""Activation: a function with its formula, that takes what it is given and returns the same kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import nonlin.backends as backends
from nonlin.definition import Definition
from nonlin.errors import ParameterError, nearest

if TYPE_CHECKING:  # loaded when first used: SymPy comes with them
    from nonlin.facts import Facts
    from nonlin.language.formula import Formula


class Activation:
    """An elementwise function of x and of parameters, made from a formula.

    Call it on Python numbers, lists, NumPy arrays, torch tensors, JAX arrays, Keras tensors, pandas objects: the
    same kind comes back, of the same dtype. At a kink the value and the derivative are those of the side that
    the definition states; nan goes to nan and +-inf to the limit.

    >>> import nonlin as nl
    >>> nl.relu([1, -2, 3])
    array([1, 0, 3])
    >>> nl.leaky_relu(-2.0, negative_slope=0.5)
    -1.0
    """

    def __init__(self, definition: Definition, fixed: Mapping[str, float] | None = None):
        self.definition = definition
        self._fixed = dict(fixed or {})
        self._parameters = {**definition.defaults, **self._fixed}
        # What every call asks for: on a small array it would take longer than the loop over it.
        self._values = tuple(map(float, self._parameters.values()))
        self._orders = (0,) * (1 + len(self._values))
        self._ready: dict[type, str] = {}
        # The same function with each surrogate to choose from, at what of the fixed parameters that one has.
        self._choices = {
            name: self
            if other is None
            else type(self)(other, {k: v for k, v in self._fixed.items() if k in other.defaults})
            for name, other in definition.surrogates.items()
        }

    # What it is ------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The canonical name."""
        return self.definition.name

    @property
    def rule(self) -> Formula:
        """The formula as calculus sees it: pieces and derivatives of any order."""
        self.prepare()
        return self.definition.formula

    def prepare(self) -> None:
        """Make the formulas, as the first call does otherwise."""
        _ = self.definition.formulas

    # A compiler that traces a call (Dynamo) is to run this as it stands, for it cannot trace how a formula is made.
    prepare._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess]

    @property
    def formula(self) -> str:
        """The formula as text that `nonlin.define` reads, bound parameters put in."""
        return self._with_values(self.definition.text)

    @property
    def surrogate(self) -> str:
        """The formula that stands for the derivative by x, where that is 0 and would train nothing; "" without one.

        Then every derivative is the surrogate's: of higher order, and by a threshold, which gets minus the surrogate.
        """
        return self._with_values(self.definition.surrogate)

    def _with_values(self, text: str) -> str:
        for name, value in self.fixed.items():
            text = re.sub(rf"\b{name}\b", f"({value!r})" if value < 0 else repr(value), text)
        return text

    @cached_property
    def latex(self) -> str:
        """The formula in LaTeX."""
        from nonlin.language.latex import latex

        return latex(self.rule, self.fixed)

    @property
    def fixed(self) -> Mapping[str, float]:
        """The parameters that are bound, with their values."""
        return MappingProxyType(self._fixed)

    @property
    def parameters(self) -> Mapping[str, float]:
        """Each parameter's value: what it is bound to, else its default."""
        return MappingProxyType(self._parameters)

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names that `nonlin.get` knows it by."""
        return self.definition.aliases

    @property
    def reference(self) -> str:
        """Where the function comes from: paper or standard."""
        return self.definition.reference

    @cached_property
    def facts(self) -> Facts:
        """Range, kinks, gain and more, computed from the formula at this activation's parameters."""
        from nonlin.facts import facts

        return facts(self.rule, tuple(self.parameters.values()))

    def __str__(self) -> str:
        if not self.fixed:
            return self.name
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.fixed.items())})"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}: {self.definition.text}>"

    def _repr_latex_(self) -> str:
        """The formula, for a notebook."""
        return rf"$\displaystyle {self.latex}$"

    def _repr_html_(self) -> str:
        """Formula, curve, derivative and facts, for a notebook."""
        from nonlin.notebook import card

        return card(str(self), self.formula, self.reference, self.rule, self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Activation):
            return NotImplemented
        return self.definition == other.definition and self.fixed == other.fixed

    def __hash__(self) -> int:
        return hash((self.name, self.definition.text, tuple(self.fixed.items())))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.definition, dict(self.fixed))

    def __deepcopy__(self, memo: object) -> Activation:
        return self  # it never changes

    # What it computes ------------------------------------------------------------------------------------------

    def __call__(self, x: Any, /, *, out: Any = None, where: Any = True, dtype: Any = None, **parameters: Any) -> Any:
        """f(x): the kind, shape and dtype of x; parameters by keyword, scalars or arrays that broadcast with x.

        Integers become float64, as in NumPy, unless the formula keeps them integers. `out`, `where` and `dtype`
        as in a NumPy ufunc, for NumPy input. Raises ParameterError and DtypeError, naming the value.
        `surrogate` chooses one by name where the catalogue has some.
        """
        if not parameters and out is None and where is True and dtype is None:
            return getattr(self, self._ready_for(type(x)))(x)
        if "surrogate" in parameters:
            return self._chosen(parameters.pop("surrogate"))(x, out=out, where=where, dtype=dtype, **parameters)
        return self._evaluate(self._orders, x, parameters, out, where, dtype)

    def derivative(
        self,
        x: Any,
        /,
        *,
        order: int = 1,
        wrt: str = "x",
        out: Any = None,
        where: Any = True,
        dtype: Any = None,
        **parameters: Any,
    ) -> Any:
        """The derivative of the given order at x, by x or by the parameter named in `wrt`.

        At a kink it is the slope of the side that the definition states, never an average. Where the activation has a
        surrogate, that is the derivative.

        >>> import nonlin as nl
        >>> nl.relu.derivative([-1.0, 0.0, 2.0])
        array([0., 0., 1.])
        """
        if "surrogate" in parameters:
            other = self._chosen(parameters.pop("surrogate"))
            return other.derivative(x, order=order, wrt=wrt, out=out, where=where, dtype=dtype, **parameters)
        if isinstance(order, bool) or not isinstance(order, int) or order < 0:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ParameterError(f"order of a derivative: {order!r}: give 0, 1, 2, ...")
        index = 0 if wrt == "x" else 1 + list(self._parameters).index(self._spelled(wrt))
        orders = (*self._orders[:index], order, *self._orders[index + 1 :])
        return self._evaluate(orders, x, parameters, out, where, dtype)

    def bind(self, **parameters: float | str) -> Activation:
        """A new activation with these parameters fixed; `surrogate` chooses one by name where the catalogue has some.

        >>> import nonlin as nl
        >>> str(nl.swish.bind(beta=1.5))
        'swish(beta=1.5)'
        >>> str(nl.spike.bind(surrogate="atan", alpha=3))
        'spike_atan(alpha=3.0)'
        """
        if "surrogate" in parameters:
            return self._chosen(parameters.pop("surrogate")).bind(**parameters)
        given = self._named(parameters)
        for name, value in given.items():
            try:
                given[name] = float(value)
            except (TypeError, ValueError):
                raise ParameterError(f"{name} of {self.name} is bound to one number: {value!r}: give a float") from None
        fixed = {**self.fixed, **given}
        merged = type(self)(self.definition, {k: fixed[k] for k in self.definition.defaults if k in fixed})
        merged._check(merged.parameters)
        return merged

    def _ready_for(self, kind: type) -> str:
        """The attribute that computes this activation for a class of arguments, made when the first one comes."""
        try:
            return self._ready[kind]
        except KeyError:
            backend = backends.of_class(kind)
        attribute = f"_on_{backend.__name__.rpartition('.')[2]}"
        setattr(self, attribute, backends.bound(backend, self.rule, self._orders, self._values))
        self._ready[kind] = attribute
        return attribute

    # As `prepare`: the compiler reads the name, and traces the attribute.
    _ready_for._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess]

    def _evaluate(self, orders: Any, x: Any, parameters: Mapping[str, Any], out: Any, where: Any, dtype: Any) -> Any:
        values = self._values
        if parameters:
            given = {**self._parameters, **self._named(parameters)}
            self._check(given)
            values = tuple(given.values())
        backend = backends.of(x, *values)
        if out is None and where is True and dtype is None:
            return backend.evaluate(self.rule, orders, x, values)
        if backend is not backends.of():
            raise ParameterError(f"out, where and dtype are for NumPy arrays: {type(x).__name__}: leave them out")
        return backend.evaluate(self.rule, orders, x, values, out=out, where=where, dtype=dtype)

    def _chosen(self, surrogate: Any) -> Activation:
        if not self._choices:
            raise ParameterError(f"{self.name} has no surrogates to choose from: {surrogate!r}: leave it out")
        if surrogate not in self._choices:
            known = " or ".join(map(repr, self._choices))
            raise ParameterError(f"surrogate of {self.name}: {surrogate!r}: give {known}")
        return self._choices[surrogate]

    def _named(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters under our own names; an error for one that is unknown or fixed."""
        given: dict[str, Any] = {}
        for spelling, value in parameters.items():
            name = self._spelled(spelling)
            if name in self._fixed:
                raise ParameterError(f"{name} is fixed in {self}: {value!r}: bind it on {self.name} instead")
            if name in given:
                raise ParameterError(f"{name} of {self.name} is given twice: {spelling}={value!r}: give it once")
            given[name] = value
        return given

    def _spelled(self, spelling: str) -> str:
        defaults, spellings = self.definition.defaults, self.definition.spellings
        if spelling in defaults:
            return spelling
        if spelling in spellings:
            return spellings[spelling]
        known = nearest(spelling, defaults) or ("it takes " + ", ".join(defaults) if defaults else "it takes none")
        raise ParameterError(f"{self.name} has no parameter of that name: {spelling!r}: {known}")

    def _check(self, values: Mapping[str, Any]) -> None:
        """Check constraints of the values that can be looked at: numbers and NumPy arrays, not tensors being traced."""
        for parameter in self.definition.parameters:
            value = values[parameter.name]
            if isinstance(value, (bool, str, bytes, complex)) or value is None:
                raise ParameterError(f"{parameter.name} of {self.name} is not a number: {value!r}: give a float")
            if parameter.bound is not None and all(
                _concrete(values[n]) for n in (parameter.name, parameter.bound[1]) if n in values
            ):
                parameter.check(values)


def _concrete(value: Any) -> bool:
    return isinstance(value, (int, float)) or type(value).__module__ == "numpy"
