"""Thresholds: what a neuron that fires or not does to its input."""

from functools import partial

from nonlin.definitions.entry import entry

_entry = partial(entry, family="spikes")

ENTRIES = (
    _entry("step", "1 if x >= threshold else 0", "Step", parameters={"threshold": 0.0},
           aliases=("heaviside", "binary_step"),
           reference="McCulloch, Pitts 1943: A logical calculus of the ideas immanent in nervous activity"),
)  # fmt: skip
