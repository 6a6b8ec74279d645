"""Every activation that a model has and calls: what its modules and attributes are, and what a run shows.

The model that is run is a copy (see `copied`); its forwards and callable attributes are wrapped, so that it is known in
whose forward a function is called, whether or not hooks see the call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from functools import partial
from typing import Any

import nonlin.surgery.torch as framework
from nonlin.activation import Activation
from nonlin.errors import SwapError
from nonlin.own_calls import own_calls
from nonlin.registry import get
from nonlin.spelling import Call, Fixed
from nonlin.surgery.frame import Frame, Unknown
from nonlin.surgery.layers import learns
from nonlin.surgery.reroute import Rerouted
from nonlin.surgery.roles import Roles
from nonlin.surgery.site import Site
from nonlin.surgery.traceless import generators_kept, gradient, own_memory, set_training
from nonlin.torch import recognition
from nonlin.torch.by_values import by_values
from nonlin.tree import arguments, leaves, mapped


class Probe:
    """Looks at a model, once without a run and once in each mode; the sites gather what all of it shows.

    `own`: activations beside the catalogue's that values may be of. `placed`: paths that the surgery has filled.
    """

    def __init__(self, own: Sequence[Activation] = (), placed: Collection[str] = ()):
        self.own, self.placed = own, placed
        self.found: dict[Any, Site] = {}
        self.stack: list[Frame] = []
        self.training = self.silent = False
        self.counting = True
        self.untrainable = ""
        self.leaks: set[tuple[str, str, str, Fixed]] = set()  # calls that a rule of a module around their own reaches
        self.roles = Roles()
        self.order: list[str] = []
        self.registered: set[int] = set()

    @property
    def sites(self) -> list[Site]:
        """Everything found, in the order of the modules."""
        places = {path: i for i, path in enumerate(self.order)}
        return sorted(self.found.values(), key=lambda s: places.get(s.path or "", -1))

    def look(self, model: Any) -> None:
        """Without a run: modules and attributes."""
        with generators_kept(), framework.undisturbed(model, False):
            self._wrap(framework.copied(model))

    def run(self, model: Any, example: Any, training: bool, backward: bool = False) -> None:
        """One run in one mode, in training with the backward pass where `backward`.

        There a checkpoint calls again what the forward called: it counts once.
        """
        with generators_kept(), framework.undisturbed(model, training):
            copy = framework.copied(model)
            set_training(copy, training)
            self._wrap(copy)
            self.training, self.roles = training, Roles()
            args, kwargs = mapped(own_memory, list(arguments(example)))
            with framework.Mode(self._called), own_calls(self._called_own):
                try:
                    outputs = [leaf for leaf in leaves(copy(*args, **kwargs)) if framework.is_tensor(leaf)]
                except Exception as error:
                    mode = "training" if training else "evaluation"
                    raise SwapError(
                        f"the model does not run on example_inputs in {mode}: {type(error).__name__}: "
                        f"{str(error).partition(chr(10))[0]}: give what its forward takes"
                    ) from error
                self.roles.returned(outputs)
                if backward and training:
                    self.counting = False
                    try:
                        gradient(outputs)
                    except Exception as error:  # which a model may mean, such as one for inference only
                        self.untrainable = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
                    self.counting = True

    # What a module is -----------------------------------------------------------------------------------------------

    def _wrap(self, copy: Any) -> None:
        known: list[str] = []
        self.order = [path for path, _ in copy.named_modules()]
        self.registered = {id(module) for module in copy.modules()}
        for path, module in list(copy.named_modules()):
            if any(path.startswith(f"{above}.") for above in known) or hasattr(module, "_orig_mod"):
                continue
            sites = self._sites_of(path, module)
            if sites or path in self.placed:
                known.append(path)
            else:
                self._wrap_attributes(path, module)
            if not isinstance(module.__dict__.get("forward"), Frame):
                module.__dict__["forward"] = Frame(self, path, module.forward, sites)

    def _sites_of(self, path: str, module: Any) -> list[Site]:
        found, placed = recognition.named(module), path in self.placed
        if found is not None:
            site = self._known("module", path, found, module, placed)
            site.odd = recognition.odd(module)
            return [site]
        inside = recognition.fused(module)
        if inside:
            return [self.site("module", path, a, fused=type(module).__name__) for a in inside]
        if path and not framework.is_torchs(module) and not learns(module):
            return self._sites_by_values(path, module, placed)
        return []

    def _known(self, how: Any, path: str, found: Activation, value: Any, placed: bool, **facts: Any) -> Site:
        ours = type(value).__module__.startswith("nonlin.")
        return self.site(how, path, found, bool(getattr(value, "inplace", False)), ours=ours, placed=placed, **facts)

    def _sites_by_values(self, path: str, module: Any, placed: bool) -> list[Site]:
        training = module.training
        found = [self.by_values(module.train(mode)) for mode in (False, True)]
        module.train(training)
        if found[0] is None or found[0] != found[1]:  # beside the activation it drops units, for one
            return []
        return [self.site("module", path, *found[0], placed=placed)]

    def _wrap_attributes(self, path: str, module: Any) -> None:
        for name, value in list(vars(module).items()):
            if name == "forward":
                self._wrap_rules(path, value)
            elif name.startswith("_") or isinstance(value, type) or not callable(value):
                continue
            elif isinstance(value, Activation) or framework.is_module(value):
                found = value if isinstance(value, Activation) else recognition.named(value)
                if found is not None and id(value) not in self.registered:
                    placed = f"{path}.{name}".lstrip(".") in self.placed
                    site = self._known("attribute", path, found, value, placed, attribute=name)
                    module.__dict__[name] = Frame(self, path, value, [site])
            else:
                module.__dict__[name] = self._attribute(path, name, value)

    def _wrap_rules(self, path: str, forward: Any) -> None:
        """The layers that calls of a rerouted forward go to: they are functions called there still."""
        while isinstance(forward, Rerouted):
            forward.watch = partial(self._reached, path)
            for rule in forward.rules:
                if rule.layer is not None:
                    found = recognition.named(rule.layer)
                    activation, ours = (get(rule.name), False) if found is None else (found, True)
                    site = self.site("function", path, activation, ours=ours, placed=rule.fresh, rerouted=True)
                    rule.layer.__dict__["forward"] = Frame(self, path, rule.layer.forward, [site])
            forward = forward.inner

    def _attribute(self, path: str, name: str, value: Any) -> Frame:
        function, args, kwargs = value, (), {}
        if isinstance(value, partial):
            function, args, kwargs = value.func, value.args, value.keywords
        call = (
            None
            if args or not isinstance(function, Hashable)
            else recognition.read(function, (framework.example_tensor(),), kwargs)
        )
        if call is None:
            return Unknown(self, path, name, value)
        frame = Frame(self, path, value, [self.site("attribute", path, call.activation, call.inplace, attribute=name)])
        frame.attribute = name
        return frame

    # What is called -------------------------------------------------------------------------------------------------

    def site(self, how: Any, path: str | None, activation: Activation, inplace: bool = False, **facts: Any) -> Site:
        """The site of that place and activation, made when it is first met."""
        key = (how, path, str(activation), *sorted(facts.items()))
        if key not in self.found:
            self.found[key] = Site(how, path, activation, **facts)
        self.found[key].inplace |= inplace
        return self.found[key]

    def _reached(self, path: str, call: Call) -> None:
        """A rerouted forward has a rule for a call: is it a call of its own?"""
        top = self.stack[-1] if self.stack else None
        if top is not None and (top.path != path or top.sites):
            self.leaks.add((top.path, top.attribute, call.name, call.fixed))

    def count(self, sites: Sequence[Site]) -> None:
        """One call more of each."""
        for site in sites if self.counting else ():
            site.count(self.training)

    def by_values(self, call: Any) -> tuple[Activation, bool] | None:
        """What a callable is by its values, asked without that being seen as a call."""
        self.silent = True
        try:
            return by_values(call, self.own)
        finally:
            self.silent = False

    @property
    def _hidden(self) -> bool:
        """Whether what is called now is a part of an activation that is known as a whole."""
        return self.silent or any(frame.sites or frame.path in self.placed for frame in self.stack)

    def _called_own(self, activation: Activation, x: Any, call: Callable[[], Any]) -> Any:
        if framework.is_tensor(x) and not self._hidden:
            path = self.stack[-1].path if self.stack else None
            self.count([self.site("function", path, activation, ours=True)])
        return call()

    def _called(self, function: Any, args: Any, kwargs: Any) -> Any:
        hidden = self._hidden
        call = None if hidden else recognition.read(function, args, kwargs)
        if call is None:
            result = function(*args, **kwargs)
            if not hidden:
                self.roles.used(function, args)
            return result
        site = self.site("function", self.stack[-1].path if self.stack else None, call.activation, call.inplace)
        site.odd = site.odd or call.odd
        self.count([site])  # before the call, which a checkpoint breaks off when it has what it needs
        result = function(*args, **kwargs)
        self.roles.produced(site, result)
        return result
