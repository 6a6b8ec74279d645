"""Accuracy on a GPU of f and f' for every float32, of nonlin and of torch: `python benchmarks/gpu_accuracy.py`

All 2^32 inputs of every elementwise entry of the catalogue, in the terms of nonlin/measure/ulps.py. The true value is
nonlin's own in float64 on the same GPU, whose error at some thousand inputs against arithmetic of many digits is the
row of float64. Writes benchmarks/results/gpu_accuracy.json; takes a few minutes. `--names silu,gelu` takes a part and
writes nothing unless `--out` says where.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import nonlin as nl
from nonlin.files import write_whole
from nonlin.measure import points
from nonlin.measure.machine import machine, versions
from nonlin.measure.peers.torch import own_function
from nonlin.measure.reference import Truth
from nonlin.measure.ulps import NEAR, Errors
from nonlin.vector import VectorActivation

RESULTS = Path(__file__).parent / "results" / "gpu_accuracy.json"
BLOCK = 1 << 26
TOP = 2.0**128  # what infinity stands for in the error of a large result
SMALLEST, STEP = 2.0**-126, 2.0**-149
FLOAT64 = 1000  # inputs of float64 that are compared with arithmetic of many digits


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--names", help="activations, separated by commas; all by default")
    parser.add_argument("--out", type=Path, help="file of results")
    asked = parser.parse_args()
    every = [str(a) for a in nl.catalog.values() if not isinstance(a, VectorActivation)]
    out = asked.out or (None if asked.names else RESULTS)
    about = {**machine(), "gpu": torch.cuda.get_device_name(), "versions": versions()}
    rows: list[dict[str, Any]] = []
    for name in asked.names.split(",") if asked.names else every:
        for row in measured(nl.get(name)):
            rows.append(row)
            print(json.dumps(row), flush=True)
        if out is not None:
            lines = ",\n".join("  " + json.dumps(row) for row in rows)
            write_whole(out, f'{{"about": {json.dumps(about)},\n "rows": [\n{lines}\n]}}\n')


def measured(activation: Any) -> Iterator[dict[str, Any]]:
    """The rows of an activation: float64 against many digits, float32 of nonlin and of torch against float64."""
    theirs = own_function(activation)
    theirs = theirs.cuda() if isinstance(theirs, torch.nn.Module) else theirs
    for order in (0, 1):
        zeros, waves = [], order == 1 and points.oscillates(activation)
        if order == 1 and not waves:
            zeros = list(points.zeros(activation, 1, at_floats=False))
        about = {"name": str(activation), "order": order}
        yield {**about, "library": "nonlin", "dtype": "float64", **against_digits(activation, order, zeros, waves)}
        for library, function in (("nonlin", activation), ("torch", theirs)):
            if function is not None:
                found = against_float64(activation, function, order, zeros, waves)
                yield {**about, "library": library, "dtype": "float32", **found}


def against_digits(activation: Any, order: int, zeros: list[float], waves: bool) -> dict[str, Any]:
    truth, errors = Truth(activation, order), Errors("float64")
    x = points.sample(activation, FLOAT64)
    true, tail = np.array([truth.nearest(point) for point in x.tolist()]).T
    got = derivative(activation, torch.from_numpy(x).cuda(), order).cpu().numpy()
    bend = activation.derivative(x, order=2) if waves else np.empty(0)
    errors.add(x, got, true.copy(), tail.copy(), np.array(zeros), bend)
    return {key: value for key, value in errors.summary().items() if value}


def against_float64(activation: Any, function: Any, order: int, zeros: list[float], waves: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    counted = 0
    for first in range(-(1 << 31), 1 << 31, BLOCK):
        x = torch.arange(first, first + BLOCK, dtype=torch.int32, device="cuda").view(torch.float32)
        wide = x.double()
        true, got = derivative(activation, wide, order), derivative(function, x, order).double()
        bend = derivative(activation, wide, 2) if waves else None
        counted += one_block(found, x, true, got, zeros, bend)
    for name in ("above_1", "above_2"):
        found[name] = found.get(name, 0) / max(1, counted)
    return found


def derivative(function: Any, x: torch.Tensor, order: int) -> torch.Tensor:
    """f, or its derivative as autograd computes it."""
    if not order:
        return function(x)
    result = x = x.requires_grad_()
    for k in range(order):
        result = function(x) if k == 0 else result
        (result,) = torch.autograd.grad(result, x, torch.ones_like(result), create_graph=k < order - 1)
    return result.detach()


def one_block(found: dict[str, Any], x: Any, true: Any, got: Any, zeros: list[float], bend: Any) -> int:
    """Take in the errors of a block of results; gives how many of the true values are normal."""
    known = torch.isfinite(x) & ~torch.isnan(true)
    special = ~known & ~((got == true.float()) | (torch.isnan(got) & torch.isnan(true)))
    true, got = true.clamp(-TOP, TOP), torch.where(torch.isinf(got), got.sign() * TOP, got)
    lost_digits = known & torch.isnan(got)
    near = torch.zeros_like(known) if bend is None else true.abs() < NEAR * bend.abs()
    for zero in zeros:
        near |= (x - zero).abs() < NEAR
    normal = known & ~near & ~lost_digits & (true.abs() >= SMALLEST)
    exponent = (((true.view(torch.int64) & (2**63 - 1)) + (1 << 28)) >> 52).clamp(max=1023 + 127)
    off = (got - true).abs()
    ulp = torch.where(normal, off * ((2046 + 23 - exponent) << 52).view(torch.float64), 0.0)
    worst(found, "ulp", ulp, x)
    worst(found, "near_zero", torch.where(known & near & ~lost_digits, off, 0.0), x)
    worst(found, "subnormal_steps", torch.where(known & ~near & (true.abs() < SMALLEST), off / STEP, 0.0), x)
    for name, mask in (
        *(("above_1", ulp > 1), ("above_2", ulp > 2), ("lost", normal & (got == 0))),
        *(("nonfinite", lost_digits), ("special", special)),
    ):
        if number := int(mask.sum()):
            found[name] = found.get(name, 0) + number
    return int(normal.sum())


def worst(found: dict[str, Any], name: str, errors: Any, x: Any) -> None:
    place = int(errors.argmax())
    if (error := float(errors[place])) > found.get(name, 0.0):
        found[name], found[f"{name}_at"] = error, float(str(np.float32(x[place].item())))


if __name__ == "__main__":
    main()
