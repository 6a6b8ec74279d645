"""The catalogue: every activation once, as a formula, one `entry` each, in files by family.

Names follow Keras; the spellings of the other libraries are aliases, taken from `peers`. To add an activation,
add an entry: its tests, layers, docs and plots follow from it.
"""

from nonlin.definition import Definition
from nonlin.definitions import exponential, gates, rectifiers, shrinks, spikes, squashers, vector

_FAMILIES = (rectifiers, exponential, squashers, gates, shrinks, spikes, vector)


def entries() -> list[Definition]:
    """All definitions, in catalogue order."""
    return [d for family in _FAMILIES for d in family.ENTRIES]
