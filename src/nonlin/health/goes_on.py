"""What fails while a training is looked at is said once, and the training goes on."""

from __future__ import annotations

import warnings


def warned(what: str, error: Exception) -> str:
    """Warns of it in one line; returns that line for the report."""
    reason = str(error).partition("\n")[0]
    text = f"{what}: {type(error).__name__}: {reason}"
    warnings.warn(f"{text}; training goes on", RuntimeWarning, stacklevel=3)
    return text
