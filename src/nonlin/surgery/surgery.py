"""The edits that put new activations in place of old ones, by the kind of place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nonlin.activation import Activation
from nonlin.errors import SwapError
from nonlin.registry import catalog
from nonlin.surgery.change import ABSENT, Edit
from nonlin.surgery.layers import new_layer, spec_of
from nonlin.surgery.place import Place
from nonlin.surgery.reroute import Rerouted, Rule
from nonlin.surgery.site import Site
from nonlin.surgery.torch import fast_paths
from nonlin.surgery.wish import OWN, Wish


class Surgery:
    """Works on a model, and knows what it has done: `edits` in their order, `placed` paths, new `parameters`."""

    def __init__(self, model: Any):
        self.model = model
        self.edits: list[Edit] = []
        self.placed: set[str] = set()
        self.parameters: list[Any] = []
        self.changed: list[tuple[Site, str]] = []

    def revert(self) -> None:
        """Undo everything."""
        while self.edits:
            self.edits.pop().revert()

    def replace(self, asked: Sequence[tuple[Site, Wish]], sites: Sequence[Site]) -> None:
        """Carry out the wishes; the calls at all other `sites` stay what they are."""
        for site, wish in asked:
            if site.how == "module":
                self._module(site, wish)
            elif site.how == "attribute":
                self._attribute(site, wish)
            else:
                self._function(site, wish)
        self._shield(sites)

    def places(self) -> list[Place]:
        """What has been changed, as it was."""
        return [site.place(now=now) for site, now in self.changed]

    @property
    def rerouted(self) -> dict[str, Rerouted]:
        """Every forward of the model whose calls go elsewhere."""
        forwards = ((path, m.__dict__.get("forward")) for path, m in self.model.named_modules())
        return {path: f for path, f in forwards if isinstance(f, Rerouted)}

    # Each kind of place ---------------------------------------------------------------------------------------------

    def _module(self, site: Site, wish: Wish) -> None:
        assert site.path is not None
        old = self.model.get_submodule(site.path)
        if old is self.model:
            raise SwapError(f"the model is itself the activation: {site.activation}: make the new one instead of it")
        new = self._made(site, wish, old, self.model)
        for path, module in list(self.model.named_modules()):  # a shared one stays one
            for entries in (module._modules, module.__dict__):
                for name in [name for name, value in entries.items() if value is old]:
                    self._edit(entries, name, new)
                    self.placed.add(f"{path}.{name}".lstrip("."))
                    self._leave_fast_paths(module, name)

    def _attribute(self, site: Site, wish: Wish) -> None:
        assert site.path is not None
        owner = self.model.get_submodule(site.path)
        new = self._made(site, wish, None, owner)
        new.train(owner.training)
        self._edit(owner.__dict__, site.attribute, ABSENT)
        self._edit(owner._modules, site.attribute, new)
        self.placed.add(site.where)
        self._leave_fast_paths(owner, site.attribute)

    def _function(self, site: Site, wish: Wish) -> None:
        if site.path is None:
            raise SwapError(
                f"{site.activation} called in the backward pass: a checkpoint of a function inside a forward calls it "
                "again there, out of reach: checkpoint the module instead"
            )
        if wish.target == OWN and site.fixed:
            raise SwapError(f"{site.activation} with a tensor as its argument: {site.where!r}: it stays torch's own")
        owner = self.model.get_submodule(site.path)
        rerouted = self._rerouted(owner)
        rule = Rule(site.activation.name, tuple(site.activation.fixed.items()))
        if isinstance(wish.key, Activation) and wish.key == catalog[site.activation.name] and wish.target != OWN:
            rule.fixed = None  # what no run has shown, another slope say, is meant too
        new = self._made(site, wish, None, owner)
        new.train(owner.training)
        if any(True for _ in (*new.parameters(), *new.buffers())):
            rule.child = f"swapped_{site.activation.name}"
            while rule.child in owner._modules:
                rule.child += "_"
            self._edit(owner._modules, rule.child, new)
            self.placed.add(f"{site.path}.{rule.child}".lstrip("."))
        else:
            rule.layer = new
        rerouted.rules.insert(0, rule)

    def _shield(self, sites: Sequence[Site]) -> None:
        """Where a module around one that keeps its calls is rerouted, say so to the inner one."""
        for site in sites:
            if site.how == "function" and site.path and not site.placed and self._is_inside(site.path):
                keep = Rule(site.activation.name, tuple(site.activation.fixed.items()))
                rerouted = self._rerouted(self.model.get_submodule(site.path))
                if all(
                    (rule.name, rule.fixed) not in ((keep.name, keep.fixed), (keep.name, None))
                    for rule in rerouted.rules
                ):
                    rerouted.rules.append(keep)
        for path, rerouted in self.rerouted.items():
            rerouted.nested = self._is_inside(path)

    def _is_inside(self, path: str) -> bool:
        """Whether a module around that one is rerouted."""
        return any(path.startswith(f"{p}." if p else "") for p in self.rerouted if p != path)

    # Steps ----------------------------------------------------------------------------------------------------------

    def _made(self, site: Site, wish: Wish, old: Any, beside: Any) -> Any:
        own = [p for module in (old, beside, self.model) if module is not None for p in module.parameters()]
        sample = next((p for p in own if p.is_floating_point()), None)
        known = {id(p) for p in self.model.parameters()}
        new = new_layer(wish.target, site, old, sample)
        self.parameters += [p for p in new.parameters() if id(p) not in known]
        self.changed.append((site, spec_of(new)))
        return new

    def _rerouted(self, owner: Any) -> Rerouted:
        before = owner.__dict__.get("forward", ABSENT)
        if not isinstance(before, Rerouted) or not any(edit.after is before for edit in self.edits):
            self._edit(owner.__dict__, "forward", Rerouted(owner, None if before is ABSENT else before))
        return owner.__dict__["forward"]

    def _leave_fast_paths(self, owner: Any, name: str) -> None:
        for entries, key, value in fast_paths(self.model, owner) if name == "activation" else ():
            if entries[key] != value:
                self._edit(entries, key, value)

    def _edit(self, entries: dict[str, Any], key: str, value: Any) -> None:
        edit = Edit(entries, key, entries.get(key, ABSENT), value)
        edit.apply()
        self.edits.append(edit)
