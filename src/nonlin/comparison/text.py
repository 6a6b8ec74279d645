"""Numbers as people read them, the same at the terminal and in the report."""

import math


def significant(value: float, digits: int = 3) -> str:
    """To three significant digits; a dash for what is not there.

    >>> significant(0.97531), significant(1e-7), significant(float("nan"))
    ('0.975', '1e-07', '–')
    """
    return f"{value:.{digits}g}" if math.isfinite(value) else "–"


def signed(value: float) -> str:
    """A difference: its sign always shown.

    >>> signed(0.01234), signed(-0.2)
    ('+0.0123', '-0.2')
    """
    return f"{value:+.3g}" if math.isfinite(value) else "–"


def share(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:.1f} %" if math.isfinite(value) else "–"


def duration(seconds: float) -> str:
    """The time of an epoch."""
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def clock(seconds: float) -> str:
    """A time to wait.

    >>> clock(75.2)
    '1 min 15 s'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
