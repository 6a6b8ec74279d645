"""Numbers as people read them, the same at the terminal and in the report."""

import math

ABSENT = "\u2013"  # a dash: no number, as the p of the baseline


def significant(value: float, digits: int = 3) -> str:
    """To three significant digits, thousands as whole numbers; a dash for what is not there.

    >>> significant(0.97531), significant(1e-7), significant(-51234.5)
    ('0.975', '1e-07', '-51234')
    """
    if not math.isfinite(value):
        return ABSENT
    return f"{value:.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.{digits}g}"


def spread(mean: float, deviation: float) -> str:
    """Mean and standard deviation of a score, to the same decimals where it is of the size of 1.

    >>> spread(0.96123, 0.00812), spread(-3120.0, 45.2)
    ('0.961 ± 0.008', '-3120 ± 45.2')
    """
    if abs(mean) < 10 and deviation < 10:
        return f"{mean:.3f} ± {deviation:.3f}"
    return f"{significant(mean)} ± {significant(deviation)}"


def signed(value: float) -> str:
    """A difference: its sign always shown.

    >>> signed(0.01234), signed(-0.2), signed(-451.7)
    ('+0.0123', '-0.2000', '-452')
    """
    if not math.isfinite(value):
        return ABSENT
    if 5e-5 <= abs(value) < 10 or value == 0:
        return f"{value:+.4f}"
    return ("+" if value > 0 else "") + significant(value)


def share(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:.1f} %" if math.isfinite(value) else ABSENT


def size(count: float) -> str:
    """A number of bytes.

    >>> size(2_500_000), size(12_000.0)
    ('2.5 MB', '0.012 MB')
    """
    return f"{count / 1e6:.3g} MB" if math.isfinite(count) else ABSENT


def duration(seconds: float) -> str:
    """The time of an epoch."""
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def clock(seconds: float) -> str:
    """A time to wait.

    >>> clock(75.2), clock(7325)
    ('1 min 15 s', '2 h 2 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def counted(count: int, what: str) -> str:
    """How many of what.

    >>> counted(1, "seed"), counted(2, "seed")
    ('1 seed', '2 seeds')
    """
    return f"{count} {what}" + ("" if count == 1 else "s")
