"""What nonlin raises: one line that says what was wrong, the value, and what to do."""

import difflib
from collections.abc import Iterable


class NonlinError(Exception):
    """Base of every error that is the caller's to mend; the command line prints it and exits with 2."""


class UnknownActivation(NonlinError, ValueError):
    """A name that is neither in the catalogue nor an alias nor defined by the user."""


class FormulaError(NonlinError, ValueError):
    """A text that is not a formula; `column` is where (counted from 1), where known."""

    def __init__(self, message: str, column: int | None = None):
        super().__init__(message)
        self.column = column


class ParameterError(NonlinError, ValueError):
    """A parameter that the activation does not have, or a value outside its constraint."""


class DtypeError(NonlinError, TypeError):
    """Input whose dtype has no activation: complex, object, string."""


class DataError(NonlinError, ValueError):
    """Data that a comparison cannot be run on."""


class OutputError(NonlinError, ValueError):
    """A place that cannot be written."""


class SwapError(NonlinError, ValueError):
    """A model whose activations cannot be replaced as asked; it is as it was before."""


class WatchError(NonlinError, ValueError):
    """A model that cannot be watched, or units that cannot be revived."""


class WorkerError(NonlinError, RuntimeError):
    """Worker processes that keep ending, or that cannot be started."""


class MissingExtra(NonlinError, ImportError):
    """A package that an optional part needs and that is not installed."""


class CacheWarning(UserWarning):
    """Compiled kernels cannot be kept on disk, or not be used from there; they are compiled anew instead."""


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """The nearest known names as the end of a message: "did you mean 'relu'?", or "" when none is near.

    >>> nearest("relo", ["relu", "gelu", "tanh"])
    "did you mean 'relu'?"
    """
    matches = difflib.get_close_matches(name.lower(), list(known), n=count, cutoff=0.7)
    return f"did you mean {' or '.join(map(repr, matches))}?" if matches else ""
