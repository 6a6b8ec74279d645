"""Which epoch of a run counts, at equal steps and at equal time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Curves = Mapping[str, Sequence[float]]


def best_epoch(curves: Curves, diverged: int | None, epochs: int | None = None) -> dict[str, float | int | None]:
    """The epoch that the validation part would have one stop at, the later one of equals, and the scores there.

    One bad last step decides nothing. With `epochs` only the first so many count; all are None where the run diverged.
    """
    if diverged is not None:
        return dict.fromkeys(("score_validation", "score_test", "epoch"))
    validation = curves["validation"][:epochs]
    best = max(range(len(validation)), key=lambda epoch: (validation[epoch], epoch))
    return {"score_validation": validation[best], "score_test": curves["test"][best], "epoch": best + 1}
