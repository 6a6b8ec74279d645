"""A swap from the mapping to the proof: look, choose, replace, look again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from nonlin.activation import Activation
from nonlin.errors import ParameterError, SwapError
from nonlin.surgery.change import Change
from nonlin.surgery.place import Places
from nonlin.surgery.probe import Probe
from nonlin.surgery.site import Site
from nonlin.surgery.surgery import Surgery
from nonlin.surgery.torch import is_module
from nonlin.surgery.unseen import may_call
from nonlin.surgery.wish import OWN, Wish, wishes
from nonlin.vector import VectorActivation

# What one replacement uncovers, such as a layer kept where modules do not know it, the next one reaches.
ROUNDS = 3

Asked = list[tuple[Site, Wish]]


def listed(model: Any, example: Any) -> Places:
    """The places of a model."""
    return Places(site.place() for site in _looked(_itself(model), example).sites)


def swapped(model: Any, replace: Any, example: Any, gates: bool) -> Change:
    """The swap; the model is as it was where it raises."""
    root = _itself(model)
    for path, module in root.named_modules():
        if type(module).__module__.startswith("torch.jit"):
            raise SwapError(f"TorchScript, whose code cannot be changed: {path!r}: swap before it is scripted")
    keys = list(replace) if isinstance(replace, dict) else []
    own = [key for key in keys if isinstance(key, Activation) and not isinstance(key, VectorActivation)]
    before = _looked(root, example, own, (), backward=True)
    asked_for = wishes(replace, [site.where for site in before.sites])
    inside: set[int] = set()
    asked = _asked([site for site in before.sites if site.path is not None], asked_for, gates, inside)
    _check(root, before.sites, asked_for, asked, example)
    surgery, after = Surgery(root), before
    try:
        for _ in range(ROUNDS):
            surgery.replace(asked, after.leaks)
            if example is None or (not asked and after is before):
                break
            after = _looked(root, example, own, surgery.placed, backward=not before.untrainable)
            asked = _asked(after.sites, asked_for, gates, inside)
            _check_backward(after)
            surgery.check_children(after.sites)
            if not asked and not after.leaks:
                break
        else:
            reached = [f"{site.activation} at {site.where!r}" for site, _ in asked] or [str(min(after.leaks))]
            raise SwapError(f"still called after the swap: {reached[0]}: it is out of reach")
    except BaseException:
        surgery.revert()
        raise
    surgery.finish()
    changed = [site for site, _ in surgery.changed]
    left = [s for s in after.sites if not s.placed and s not in changed and s.path is not None]
    return Change(
        Places(surgery.places()),
        Places(site.place() for site in left),
        surgery.parameters,
        example is not None,
        surgery.edits,
    )


def _itself(model: Any) -> Any:
    """The module that is worked on: of what `torch.compile` returns, the model inside."""
    inner = getattr(model, "_orig_mod", model)
    if not is_module(inner):
        raise ParameterError(f"not a torch.nn.Module: {type(model).__name__}: give the model")
    return inner


def _looked(
    root: Any, example: Any, own: Sequence[Activation] = (), placed: Collection[str] = (), backward: bool = False
) -> Probe:
    probe = Probe(own, placed)
    if example is None:
        probe.look(root)
    else:
        for training in (True, False):
            probe.run(root, example, training, backward)
    return probe


def _check_backward(after: Probe) -> None:
    """What could be trained before the swap can be after it; what a checkpoint calls again is the new one too."""
    if after.untrainable:
        raise SwapError(
            f"after the swap the backward pass fails: {after.untrainable}: another layer may overwrite what the new "
            "one keeps, which needs inplace=False"
        )


def _asked(sites: Sequence[Site], asked_for: Sequence[Wish], gates: bool, inside: set[int]) -> Asked:
    """What is to be replaced, each by the narrowest wish that names it.

    `inside` gathers the wishes that name something that is neither a gate nor an output.
    """
    named = [(site, next((w for w in asked_for if w.matches(site)), None)) for site in sites if not site.placed]
    found = [(site, wish) for site, wish in named if wish is not None and not _is_there(site, wish)]
    inside |= {id(wish) for site, wish in found if not site.roles}
    return [(site, wish) for site, wish in found if _wanted(site, wish, gates, id(wish) in inside)]


def _is_there(site: Site, wish: Wish) -> bool:
    return site.ours and (wish.target == OWN or wish.target == site.activation)


def _wanted(site: Site, wish: Wish, gates: bool, used_inside: bool) -> bool:
    if wish.target == OWN:
        return wish.key is not None or not (site.fused or site.odd)
    if wish.names_the_place:
        return True
    if "gate" in site.roles:
        return gates
    return "head" not in site.roles or not used_inside


def _check(root: Any, sites: Sequence[Site], asked_for: Sequence[Wish], asked: Asked, example: Any) -> None:
    for site, wish in asked:
        if wish.target == OWN and site.odd:
            raise SwapError(
                f"{site.activation} with an argument of its own: {site.odd!r} at {site.where!r}: nonlin's has none"
            )
        if site.fused:
            raise SwapError(
                f"{site.activation} inside the kernel of {site.fused}, where it cannot be replaced: {site.where!r}: "
                "write the cell out, or leave it out of the mapping"
            )
    if example is None:
        known = {site.path or "" for site in sites if site.how == "module"}
        keys = [wish.key for wish in asked_for if isinstance(wish.key, Activation)]
        for path, name, entry in may_call(root, known, keys):
            raise SwapError(
                f"{path or 'the model'} may call {entry} as a function, which only a run shows: {name!r}: "
                "give example_inputs"
            )
    if not any(wish.matches(site) for wish in asked_for for site in sites):
        there = sorted({str(site.activation) for site in sites})
        found = f"it has {', '.join(there)}" if there else "it has none"
        hint = "" if example is not None else ", as far as is seen without example_inputs"
        raise SwapError(f"not in the model: {', '.join(map(str, asked_for))}: {found}{hint}")
