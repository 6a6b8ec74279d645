"""Accuracy of f and f' for every float: `python benchmarks/accuracy.py [--names silu,gelu] [--dtype float32] ...`

With no option: all 2^32 float32, a million float64 against arithmetic of many digits, all float16 and bfloat16, of
every elementwise entry of the catalogue, and every 211th float32 for the other libraries; written to
benchmarks/results/accuracy.json row by row, so that it can be stopped and goes on where it was. A row is kept as
long as the source that it depends on is the same. Takes an hour or two on two cores; installing gmpy2 helps.

A look at one function while working on it takes seconds, and writes nothing:
`python benchmarks/accuracy.py --names silu --dtype float32 --stride 211`

Exit code 1 if a result of ours breaks what docs promise. What is measured, and how: nonlin/measure/accuracy.py.
"""

import argparse
import json
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import nonlin as nl
from nonlin.measure.accuracy import DTYPES, FIELDS, Task, breaches, measure
from nonlin.measure.peers import OURS, absent
from nonlin.vector import VectorActivation

RESULTS = Path(__file__).parent / "results" / "accuracy.json"
LIBRARIES = ("nonlin numpy", "torch", "jax", "onnxruntime")
# Parameters that are no powers of two, or that move what happens where. A wave's is one, for the rounding of a*x
# leaves nothing of the phase of a large x.
VARIANTS = (
    "leaky_relu(negative_slope=0.3)",
    "elu(alpha=0.7)",
    "celu(alpha=1.7)",
    "softplus(beta=3.3)",
    "squareplus(b=0.3)",
    "swish(beta=1.702)",
    "snake(a=0.5)",
    "hard_tanh(min_val=-0.3,max_val=2.7)",
    "soft_shrink(threshold=0.3)",
)
KEY = ("name", "library", "dtype", "order", "stride", "version")
Row = dict[str, Any]


def main() -> int:
    asked = arguments()
    names = asked.names.split(",") if asked.names else [*elementwise(), *VARIANTS]
    dtypes = asked.dtype.split(",") if asked.dtype else DTYPES
    libraries = asked.libraries.split(",") if asked.libraries else LIBRARIES
    out = Path(asked.out) if asked.out else RESULTS if asked.stride == 1 else None
    tasks = list(planned(names, dtypes, libraries, asked.stride, asked.peer_stride))
    rows = read(out)
    kept = {tuple(row[k] for k in KEY): row for row in rows}
    done = {task: row for task in tasks if (row := kept.get(key(task)))}
    if done:
        print(f"{len(done)} of {len(tasks)} rows are there already")
    for task, row in measured([task for task in tasks if task not in done], asked.jobs):
        if row is not None:
            done[task] = row
            rows = [*(r for r in rows if not same(r, row)), row]
            write(out, rows)
    broken = [task for task in tasks if task in done and task.library in OURS and breaches(done[task])]
    for task in broken:
        print(f"{task}: {'; '.join(breaches(done[task]))}")
    print(f"{len(broken)} of ours break the promise" if broken else "the promise holds")
    return bool(broken)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", help="activations, separated by commas; all and a few variants by default")
    parser.add_argument("--dtype", help=f"of {', '.join(DTYPES)}; all by default")
    parser.add_argument(
        "--libraries", help=f"of {', '.join((*LIBRARIES, 'nonlin torch'))}; all but the last by default"
    )
    parser.add_argument("--stride", type=int, default=1, help="of ours: every so manieth input")
    parser.add_argument("--peer-stride", type=int, default=211, help="of the other libraries")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes at once")
    parser.add_argument("--out", help="file of results; with a stride there is none by default")
    return parser.parse_args()


def elementwise() -> list[str]:
    return [str(a) for a in nl.catalog.values() if not isinstance(a, VectorActivation)]


def planned(
    names: Iterable[str], dtypes: Iterable[str], libraries: Iterable[str], stride: int, peer_stride: int
) -> Iterable[Task]:
    lacking = absent(libraries)
    for name, packages in lacking.items():
        print(f"{name} is left out: {', '.join(packages)} not installed")
    for name in names:
        for library in libraries:
            for dtype in dtypes:
                known = DTYPES if library == LIBRARIES[0] else DTYPES[:3] if library in OURS else ("float32",)
                if library in lacking or dtype not in known:
                    continue
                for order in (0, 1):
                    yield Task(str(nl.get(name)), library, dtype, order, stride if library in OURS else peer_stride)


def measured(tasks: list[Task], jobs: int) -> Iterable[tuple[Task, Row | None]]:
    """The rows as they are finished, with a line and the time left for each."""
    if not tasks:
        return
    begin = time.monotonic()
    context = multiprocessing.get_context("spawn")  # the libraries have threads that a fork would not copy
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = {pool.submit(measure, task): task for task in tasks}
        try:
            for count, future in enumerate(as_completed(futures), 1):
                row = future.result()
                left = (time.monotonic() - begin) / count * (len(tasks) - count)
                if row is not None:
                    print(
                        f"{count:4}/{len(tasks)}, {left / 60:3.0f} min left  {line(futures[future], row)}", flush=True
                    )
                yield futures[future], row
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            sys.exit("stopped; the rows that were finished are kept")


def line(task: Task, row: Row) -> str:
    text = f"{task!s:44} {row['ulp']:8.4g} ulp at {row['ulp_at']!s:<15} above 2: {row['above_2']:.2%}"
    if row["near_zero"]:
        text += f", near zeros {row['near_zero']:.2g}"
    return text + "".join(f", {name}: {row[name]}" for name in ("lost", "nonfinite", "special") if row[name])


def key(task: Task) -> tuple[Any, ...]:
    return tuple(getattr(task, k) for k in KEY)


def same(a: Row, b: Row) -> bool:
    return all(a[k] == b[k] for k in ("name", "library", "dtype", "order"))


def read(path: Path | None) -> list[Row]:
    return json.loads(path.read_text())["rows"] if path is not None and path.exists() else []


def write(path: Path | None, rows: list[Row]) -> None:
    """The file anew, whole or not at all, one row a line."""
    if path is None:
        return
    rows = sorted(rows, key=lambda r: (r["name"], r["library"], r["dtype"], r["order"]))
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    about = json.dumps({"cpu": platform.processor() or platform.machine(), "fields": FIELDS}, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(f'{{"about": {about},\n "rows": [\n{lines}\n]}}\n')
    os.replace(unfinished, path)


if __name__ == "__main__":
    sys.exit(main())
