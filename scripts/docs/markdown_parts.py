"""What several pages that are made from data are written with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nonlin.told import shown

LIBRARIES = {"torch": "PyTorch", "keras": "Keras", "jax": "JAX", "onnx": "ONNX", "onnxruntime": "ONNX Runtime"}


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; a bar in a cell is written so that it does not end the cell."""
    headings = list(headings)
    lines = [headings, ["---"] * len(headings), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def lost(orders: Iterable[Iterable[tuple[float, float, str]]]) -> list[str]:
    """What is lost of f and of f' as two cells: "lost" or "digits", and on which intervals of x."""
    cells = ["; ".join(f"{kind} {shown(low)} to {shown(high)}" for low, high, kind in runs) for runs in orders]
    return [*cells, *["-"] * (2 - len(cells))]


def defaults(parameters: Mapping[str, float]) -> str:
    return ", ".join(f"`{name}={value:.6g}`" for name, value in parameters.items())
