"""The command line: parse, call, print. What is printed is made elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nonlin.errors import NonlinError

app = typer.Typer(
    help="Every activation function once, as a formula: look at them, draw them, compare them on your own data.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_Json = Annotated[bool, typer.Option("--json", help="Print data as JSON; inf and nan are strings.")]


def main() -> None:
    """Run the command line; an error that is the user's to mend is one line and exit code 2."""
    try:
        app()
    except NonlinError as error:
        print(f"nonlin: {error}", file=sys.stderr)
        sys.exit(2)


def _version(asked: bool) -> None:
    if asked:
        import nonlin

        print(f"nonlin {nonlin.__version__}")
        raise typer.Exit


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction]
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command("list")
def list_(json: _Json = False) -> None:
    """All activations by family: formula, range, gain, aliases."""
    from nonlin.registry import catalog

    if json:
        from nonlin.explore.card import card

        return _print_json([card(a) for a in catalog.values()])
    from nonlin.explore.terminal import listing

    _print(listing(catalog.values()))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name, an alias or a spec: gelu, LeakyReLU, 'swish(beta=1.5)'.")],
    against: Annotated[str | None, typer.Option(help="Another activation to put beside it.")] = None,
    json: _Json = False,
) -> None:
    """One activation: formula, derivative, curve, facts, other libraries; or two side by side."""
    from nonlin.registry import get

    activation = get(name)
    if against is not None:
        return _show_two(activation, get(against), json)
    from nonlin.explore.card import card

    if json:
        return _print_json(card(activation))
    from nonlin.explore.terminal import Sheet

    _print(Sheet(activation, card(activation)))


def _show_two(first: Any, second: Any, json: bool) -> None:
    from nonlin.explore.card import card
    from nonlin.explore.side_by_side import side_by_side
    from nonlin.explore.terminal import pair

    if not json:
        return _print(pair(first, second))
    remarks = side_by_side(first, second).remarks
    sides = zip((first, second), remarks, strict=True)
    _print_json([{**card(a), "remarks": [{"kind": r.kind, "text": r.text} for r in given]} for a, given in sides])


@app.command()
def plot(
    names: Annotated[list[str], typer.Argument(help="Names, aliases or specs.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The picture to write: .png, .svg or .pdf.")],
    derivative: Annotated[bool, typer.Option("--derivative", help="Draw the derivatives as well.")] = False,
) -> None:
    """Draw activations, and their derivatives, into a picture."""
    from nonlin.explore.plots import check_path, plot, save

    check_path(out)
    print(save(plot(*names, derivative=derivative), out))


def _print(renderable: Any) -> None:
    from rich.console import Console

    Console(highlight=False).print(renderable)


def _print_json(data: Any) -> None:
    import json

    from nonlin.explore.card import as_json

    print(json.dumps(as_json(data), indent=2, ensure_ascii=False))
