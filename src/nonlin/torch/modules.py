"""Layers for PyTorch: what the classes of the catalogue and a user's own activations have in common."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from nonlin.activation import Activation
from nonlin.backends.torch import evaluate
from nonlin.backends.torch_lean import applies, lean
from nonlin.errors import ParameterError
from nonlin.inverse import inverse
from nonlin.language.formula import Formula

Save = Literal["input", "output"]


class Layer(nn.Module):
    """An activation as a layer: what the classes of the catalogue and a user's own activations have in common."""

    activation: Activation

    def _get_name(self) -> str:
        return self.activation.definition.layer


class Elementwise(Layer):
    """An elementwise activation as a layer; its parameters are attributes, and nn.Parameters where they are learned.

    The gradient is exact to every order, by x and by learned parameters; at a kink it is the slope of the side that
    the definition states. Input and output have one shape, dtype and memory format.

    `save` is what is kept for the backward pass. "input" (4 bytes an element in float32): the exact gradient.
    "output": the gradient from the output, which the next layer keeps anyway; 0 bytes more for a monotone function,
    1/8 byte for one that turns once, an error of at most 2e-4 near the turn; ParameterError for any other. What only
    passes its input on or holds still gets the exact gradient from its output, and so never keeps the input.
    """

    def __init__(
        self,
        activation: Activation,
        *,
        trainable: bool = False,
        num_parameters: int = 1,
        inplace: bool = False,
        save: Save = "input",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.activation = activation
        self.inplace = inplace
        self.save = save
        definition = activation.definition
        learned = definition.learned or tuple(definition.defaults)
        if trainable and not learned:
            raise ParameterError(f"{activation.name} has no parameter to learn: trainable={trainable}: leave it out")
        if num_parameters < 1:
            raise ParameterError(f"num_parameters of {activation.name}: {num_parameters!r}: give 1 or the channels")
        self._sources: dict[str, str] = {}  # a parameter's attribute, where that has another name
        for name, value in activation.parameters.items():
            if not trainable or name not in learned:
                self._own(name, value)
                continue
            # torch's name for the tensor of a layer that always learns
            attribute = "weight" if definition.always_learned else name
            shape = (num_parameters,) if definition.always_learned else ()
            self._own(attribute, nn.Parameter(torch.full(shape, value, device=device, dtype=dtype)))
            self._sources[name] = attribute
        self._names = tuple(self._sources.get(name, name) for name in activation.parameters)
        self.check_save()

    def check_save(self) -> None:
        """ParameterError where `save` is not to be had."""
        if self.save not in ("input", "output"):
            raise ParameterError(f"save of {self._get_name()}: {self.save!r}: give 'input' or 'output'")
        if self.save == "output":
            self._check_output_suffices()

    def _check_output_suffices(self) -> None:
        if self._sources:
            learned = ", ".join(self._sources)
            raise ParameterError(f"{self._get_name()} learns {learned} from its input: save='output': keep the input")
        inverse(self.activation.rule, tuple(self.activation.parameters.values()))

    def _own(self, attribute: str, value: Any) -> None:
        if hasattr(nn.Module, attribute) or attribute in ("training", "activation", "inplace", "save"):
            raise ParameterError(f"parameter with a name of torch's modules: {attribute!r}: define it under another")
        setattr(self, attribute, value)

    def values(self) -> dict[str, Any]:
        """The parameters as they are now: numbers, and tensors where they are learned."""
        return {
            n: getattr(self, attribute) for n, attribute in zip(self.activation.parameters, self._names, strict=True)
        }

    def forward(self, x: Tensor) -> Tensor:
        values = [self._value(name, x) for name in self._names]
        return self._delivered(self.activation.rule, x, values)

    def _delivered(self, rule: Formula, x: Tensor, values: list[Any]) -> Tensor:
        if applies(x) and self._keeps_output(rule, values):
            return lean(rule, x, values, self.inplace)
        if not self.inplace:
            return evaluate(rule, (0,) * (1 + len(values)), x, values)
        # the derivative needs the input, which is about to be overwritten
        kept = x.clone() if torch.is_grad_enabled() else x
        return x.copy_(evaluate(rule, (0,) * (1 + len(values)), kept, values))

    def _keeps_output(self, rule: Formula, values: list[Any]) -> bool:
        numbers = all(isinstance(v, int | float) for v in values)
        return numbers and (self.save == "output" or rule.rectifies)

    def _value(self, name: str, x: Tensor) -> Any:
        value, learned = getattr(self, name), self._parameters.get(name)
        if learned is None or learned.dim() == 0:
            return value
        if learned.numel() == 1:
            return value.reshape(())
        if x.dim() < 2 or x.shape[1] != learned.numel():
            raise ParameterError(
                f"{self._get_name()} of {learned.numel()} channels on shape {tuple(x.shape)}: "
                "dimension 1 must be the channels"
            )
        return value.reshape(-1, *[1] * (x.dim() - 2))

    def extra_repr(self) -> str:
        learned = [f"num_parameters={p.numel()}" for p in self.parameters() if p.dim()]
        shown = [f"{k}={getattr(self, k)}" for k in self.activation.parameters if k not in self._sources]
        shown += [f"{k}={getattr(self, k).item():.4g}, trainable=True" for k in self._sources if k in self._parameters]
        shown += ["inplace=True"] * self.inplace + ["save='output'"] * (self.save == "output")
        return ", ".join([*learned, *shown])


class Noisy(Elementwise):
    """An elementwise activation that draws a parameter in training, and takes the mean in evaluation."""

    def _check_output_suffices(self) -> None:
        raise ParameterError(f"{self._get_name()} draws its slope in training: save='output': keep the input")

    def forward(self, x: Tensor) -> Tensor:
        noise = self.activation.definition.noise
        if not self.training or noise is None:
            return super().forward(x)
        self.activation.prepare()
        drawn = torch.empty_like(x).uniform_(getattr(self, noise.low), getattr(self, noise.high))
        return self._delivered(self.activation.definition.noisy_formula, x, [drawn])


class AlongAxis(Layer):
    """An activation of a whole axis as a layer."""

    def __init__(self, activation: Activation, dim: int | None = -1):
        super().__init__()
        self.activation = activation
        self.dim = -1 if dim is None else dim

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x, axis=self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
