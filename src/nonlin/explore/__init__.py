"""Pictures and comparisons of activations, from their facts: figures, the terminal, side by side."""

from nonlin.explore.plots import plot

__all__ = ["plot"]
