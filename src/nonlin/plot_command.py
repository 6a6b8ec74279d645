"""The command `nonlin plot`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nonlin.arguments import families


def plot(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names, aliases, specs or formulas in x.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE", help="The picture to write: .png, .svg or .pdf.")
    ] = Path("plot.png"),
    derivative: Annotated[
        int, typer.Option(metavar="[N]", help="Draw f' as well, with 2 also f''.", show_default=False)
    ] = 0,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="PARAMETER=VALUE,...", help="A family: one line for each value, such as beta=0.5,1,2."),
    ] = None,
    side_by_side: Annotated[
        bool, typer.Option("--side-by-side", help="A panel for each activation, its derivatives in it.")
    ] = False,
    depth: Annotated[
        int | None,
        typer.Option(
            metavar="[LAYERS]",
            help="Instead, variance and gradient by layer of a deep network, of 50 layers without a number.",
            show_default=False,
        ),
    ] = None,
    gain: Annotated[
        float | None, typer.Option(metavar="G", help="Of the weights of --depth; each activation's own without it.")
    ] = None,
    low: Annotated[float | None, typer.Option(metavar="X", help="Where x begins.")] = None,
    high: Annotated[float | None, typer.Option(metavar="X", help="Where x ends.")] = None,
) -> None:
    """Draw activations into a picture: curves, derivatives, families, a signal in depth."""
    from nonlin.explore.plots import plot, save
    from nonlin.files import check_path
    from nonlin.picture import SUFFIXES

    check_path(out, *SUFFIXES)
    figure = plot(
        *names,
        derivative=derivative,
        vary=families(vary or ()),
        side_by_side=side_by_side,
        depth=False if depth is None else depth,
        gain=gain,
        low=low,
        high=high,
    )
    print(save(figure, out))
