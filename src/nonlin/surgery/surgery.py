"""The edits that put new activations in place of old ones, by the kind of place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from nonlin.activation import Activation
from nonlin.errors import SwapError
from nonlin.registry import catalog
from nonlin.spelling import Fixed
from nonlin.surgery.change import ABSENT, Edit
from nonlin.surgery.layers import has_state, learns, new_layer, spec_of
from nonlin.surgery.place import Place
from nonlin.surgery.reroute import Rerouted, Rule
from nonlin.surgery.site import Site
from nonlin.surgery.wish import OWN, Wish


class Surgery:
    """Works on a model, and knows what it has done: `edits` in their order, `placed` paths, new `parameters`."""

    def __init__(self, model: Any):
        self.model = model
        self.edits: list[Edit] = []
        self.placed: set[str] = set()
        self.parameters: list[Any] = []
        self.children: dict[str, Site] = {}
        self.changed: list[tuple[Site, str]] = []

    def revert(self) -> None:
        """Undo everything."""
        self.finish()
        while self.edits:
            self.edits.pop().revert()

    def replace(self, asked: Sequence[tuple[Site, Wish]], leaks: Iterable[tuple[str, str, str, Fixed]] = ()) -> None:
        """Carry out the wishes; a call that a rule of a module around its own reaches is kept from it."""
        for site, wish in asked:
            if site.how == "module":
                self._module(site, wish)
            elif site.how == "attribute":
                self._attribute(site, wish)
            else:
                self._function(site, wish)
        for path, attribute, name, fixed in leaks:
            owner = self.model.get_submodule(path)
            rerouted = self._kept(owner, attribute) if attribute else self._rerouted(owner)
            rerouted.rules.insert(0, Rule(name, fixed))
        paths = self.rerouted
        for path, rerouted in paths.items():
            rerouted.nested = any(path.startswith(f"{p}." if p else "") for p in paths if p != path)

    def finish(self) -> None:
        """What has been put there is the model's from now on."""
        for rerouted in self.rerouted.values():
            for rule in rerouted.rules:
                rule.fresh = False

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
        self._edit(owner.__dict__, site.attribute, new)
        if has_state(new):  # then it is a child besides, still with the attribute: torch's decoder layer looks for that
            self._child(owner, site.attribute, new, site)
        self.placed.add(site.where)
        self._leave_fast_paths(owner, site.attribute)

    def _function(self, site: Site, wish: Wish) -> None:
        if site.path is None:
            raise SwapError(
                f"{site.activation} called in the backward pass: a checkpoint of a function inside a forward calls it "
                "again there, out of reach: checkpoint the module instead"
            )
        owner = self.model.get_submodule(site.path)
        if site.rerouted:
            return self._rule(site, wish, owner)
        if site.ours:
            raise SwapError(
                f"nonlin's {site.activation} called as a function: {site.where or 'the model'}: no swap reaches it: "
                "write it as a layer there"
            )
        rule = Rule(site.activation.name, tuple(site.activation.fixed.items()))
        if isinstance(wish.key, Activation) and wish.key == catalog[site.activation.name] and wish.target != OWN:
            rule.fixed = None  # what no run has shown, another slope say, is meant too
        new = self._made(site, wish, None, owner)
        new.train(owner.training)
        if learns(new):
            rule.child = f"swapped_{site.activation.name}"
            while rule.child in owner._modules:
                rule.child += "_"
            self._child(owner, rule.child, new, site)
        else:
            rule.layer = new
        rules = self._rerouted(owner).rules
        rules.insert(len(rules) if rule.fixed is None else 0, rule)  # the narrowest first

    def _rule(self, site: Site, wish: Wish, owner: Any) -> None:
        """Another layer where calls have been going to one since an earlier swap."""
        forward, new = owner.__dict__["forward"], self._made(site, wish, None, owner)
        if learns(new):
            raise SwapError(
                f"{site.activation} of an earlier swap: {site.where!r}: undo that one, then ask for {spec_of(new)}"
            )
        while isinstance(forward, Rerouted):
            for rule in forward.rules:
                if not rule.fresh and rule.layer is not None and spec_of(rule.layer) == str(site.activation):
                    self._edit(vars(rule), "layer", new)
                    rule.fresh = True
            forward = forward.inner

    # Steps ----------------------------------------------------------------------------------------------------------

    def _child(self, owner: Any, name: str, new: Any, site: Site) -> None:
        self._edit(owner._modules, name, new)
        where = f"{site.path}.{name}".lstrip(".")
        self.placed.add(where)
        self.children[where] = site

    def check_children(self, sites: Sequence[Site]) -> None:
        """A new child is called as often as the old function was, and not by a module that runs over its children."""
        for site in sites:
            old = self.children.get(site.path or "")
            if old is not None and (site.training, site.evaluation) != (old.training, old.evaluation):
                raise SwapError(
                    f"{old.activation} of a module that runs over its children, of which a layer that learns would be "
                    f"one: {old.where!r}: write it as a layer there first"
                )

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

    def _kept(self, owner: Any, attribute: str) -> Rerouted:
        """What an attribute holds, out of reach for the rules of its own module."""
        kept = Rerouted(owner, owner.__dict__[attribute])
        kept.nested = True
        self._edit(owner.__dict__, attribute, kept)
        return kept

    def _leave_fast_paths(self, owner: Any, name: str) -> None:
        """Have a transformer compute its own activation, which its fused forward does not read."""
        if name != "activation":
            return
        if vars(owner).get("activation_relu_or_gelu"):
            self._edit(vars(owner), "activation_relu_or_gelu", 0)
        for module in self.model.modules():
            if vars(module).get("use_nested_tensor") and any(inner is owner for inner in module.modules()):
                self._edit(vars(module), "use_nested_tensor", False)

    def _edit(self, entries: dict[str, Any], key: str, value: Any) -> None:
        edit = Edit(entries, key, entries.get(key, ABSENT), value)
        edit.apply()
        self.edits.append(edit)
