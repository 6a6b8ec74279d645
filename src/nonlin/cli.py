"""The command line: parse, call, print. What is printed is made elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nonlin.arguments import WithLists, WithNumbers, listed
from nonlin.errors import NonlinError, ParameterError
from nonlin.plot_command import plot

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
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A name, an alias, a spec or a formula: LeakyReLU, 'swish(beta=1.5)', 'x**3'."
        ),
    ],
    against: Annotated[str | None, typer.Option(metavar="OTHER", help="Another activation to put beside it.")] = None,
    json: _Json = False,
) -> None:
    """One activation in full, or two side by side."""
    from nonlin.explore.chosen import read

    activation = read(name)
    if against is not None:
        return _show_two(activation, read(against), json)
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


app.command(cls=WithNumbers)(plot)


@app.command()
def explore(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The page to write.")] = Path(
        "explorer.html"
    ),
    no_open: Annotated[bool, typer.Option("--no-open", help="Only write it.")] = False,
) -> None:
    """Write the explorer, one page that works offline, and open it in the browser."""
    from nonlin.explore.explorer import open_page, write

    print(write(out))
    if sys.stdout.isatty() and not no_open:
        open_page(out)


@app.command(cls=WithLists)
def compare(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE]",
            help="A CSV or Parquet file, or module:make_model; without one, the default model on --data.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="digits (without it), mnist5k, module:make_data, or a file with --target."),
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column of the file to predict.")] = None,
    activations: Annotated[
        list[str] | None,
        typer.Option(
            "-a", "--activations", metavar="NAME...", help="Names, specs or formulas; nine usual ones without."
        ),
    ] = None,
    baseline: Annotated[str, typer.Option(metavar="NAME", help="What the others are compared with.")] = "relu",
    seeds: Annotated[
        int | None, typer.Option(metavar="N", help="Fresh runs of each activation, 10 without it.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="Such as 10m: plans seeds, rates and epochs to fit.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Epochs of each run, 20 without it.")] = None,
    learning_rates: Annotated[
        list[float] | None, typer.Option(metavar="RATE...", help="What each activation's rate is chosen from.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="scikit-learn's name; accuracy or r2 by the target without it.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(metavar="D", help="Differences up to D are practically equal.")
    ] = None,
    init: Annotated[
        str, typer.Option(metavar="gain|model", help="Gains matched, or weights as your model initialises them.")
    ] = "gain",
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FOLDER", help="The folder for the report; the same one again goes on after a stop."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(metavar="N", help="Processes that train at once, each on one core.")] = 1,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="postgresql://user@host/database: the same command on other machines, with --out of the same name, "
            "joins in.",
        ),
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Ray cluster that runs the workers; with --storage.")
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="cpu, cuda:0, or cuda for every GPU; one trial a GPU at a time.")
    ] = "cpu",
    json: _Json = False,
) -> None:
    """Which activation is best on your data, or in your model, and is it real?"""
    from nonlin.comparison import compare
    from nonlin.comparison.named import is_named

    make_model = source if source is not None and is_named(source) else None
    if make_model is None and source is not None:
        if data is not None:
            raise ParameterError(f"data given twice: {source!r} and --data {data!r}: leave one out")
        data = source
    if make_model is not None and data is None:
        raise ParameterError(f"no data for {make_model}: give --data module:make_data")
    result = compare(
        make_model,
        data or "digits",
        target=target,
        activations=[a for text in activations for a in listed(text)] if activations else None,
        baseline=baseline,
        seeds=seeds,
        budget=budget,
        epochs=epochs,
        learning_rates=learning_rates or None,
        metric=metric,
        margin=margin,
        init=init,  # pyright: ignore[reportArgumentType]
        out=out,
        workers=workers,
        storage=storage,
        ray=ray,
        device=device,
    )
    if json:
        return _print_json(result.to_dict())
    print(result.verdict)
    _print(result)
    print(result.report)


@app.command()
def bench(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Names, aliases or specs; some usual ones without.")
    ] = None,
    size: Annotated[int, typer.Option(metavar="N", help="Elements of the arrays.")] = 1_000_000,
    threads: Annotated[int, typer.Option(metavar="N", help="Cores to compute on.")] = 1,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="A .json file for all that was measured.")
    ] = None,
    json: _Json = False,
) -> None:
    """Speed and accuracy on this machine, beside the libraries that are installed."""
    from nonlin.files import check_path, write_whole
    from nonlin.measure.bench import bench

    if out is not None:
        check_path(out, ".json")
    result = bench(names or (), size=size, threads=threads)
    if out is not None:
        write_whole(out, _as_json(result.to_dict()) + "\n")
    if json:
        return _print_json(result.to_dict())
    _print(result)
    if out is not None:
        print(out)


@app.command(context_settings={"allow_interspersed_args": False})
def watch(
    script: Annotated[str, typer.Argument(metavar="SCRIPT", help="A Python file that trains PyTorch models.")],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[ARGS]...", help="The script's own.")] = None,
    every: Annotated[int, typer.Option(metavar="N", help="Look at each N-th step of an optimizer.")] = 25,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The page to write.")] = Path("health.html"),
    json: Annotated[
        bool, typer.Option("--json", help="At the end print all that was seen as one line of JSON; nan is null.")
    ] = False,
) -> None:
    """Run a training script as it is; report on every model that it trains."""
    from nonlin.health.script import run

    sys.exit(run(script, arguments or (), every=every, out=out, json=json))


def _print(renderable: Any) -> None:
    from rich.console import Console

    Console(highlight=False).print(renderable)


def _print_json(data: Any) -> None:
    print(_as_json(data))


def _as_json(data: Any) -> str:
    import json

    from nonlin.explore.card import as_json

    return json.dumps(as_json(data), indent=2, ensure_ascii=False)
