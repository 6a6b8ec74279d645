"""What is wrapped around a forward or a callable attribute, so that a run shows who calls what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import nonlin.surgery.torch as framework
from nonlin.surgery.site import Site

if TYPE_CHECKING:
    from nonlin.surgery.probe import Probe


class Frame:
    """A call under way of a forward or of an attribute: of the module at `path`, known to be `sites`, or not known."""

    attribute = ""

    def __init__(self, probe: Probe, path: str, call: Any, sites: Sequence[Site] = ()):
        self.probe, self.path, self.call, self.sites = probe, path, call, list(sites)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.probe.count(self.sites)
        self.probe.stack.append(self)
        try:
            result = self.call(*args, **kwargs)
        finally:
            self.probe.stack.pop()
        for site in self.sites:
            self.probe.roles.produced(site, result)
        return result


class Unknown(Frame):
    """A callable attribute whose name says nothing: its values do, once it is called with one tensor."""

    def __init__(self, probe: Probe, path: str, attribute: str, call: Any):
        super().__init__(probe, path, call)
        self.attribute, self.asked = attribute, False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.asked and len(args) == 1 and not kwargs and framework.is_tensor(args[0]):
            self.asked = True
            found = self.probe.by_values(self.call)
            if found is not None:
                self.sites = [self.probe.site("attribute", self.path, *found, attribute=self.attribute)]
        return super().__call__(*args, **kwargs)
