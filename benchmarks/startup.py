"""Time of `import nonlin` against `import numpy`: `python benchmarks/startup.py [RUNS]`.

Each import runs in a fresh process. The two alternate, so that what else the machine does falls on both alike;
the time that the bare interpreter needs is taken off.
"""

import statistics
import subprocess
import sys
import time

STATEMENTS = {"interpreter": "pass", "numpy": "import numpy", "nonlin": "import nonlin"}


def seconds(statement: str) -> float:
    """Wall-clock time of a fresh process that runs the statement."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - begin


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for statement in STATEMENTS.values():
        seconds(statement)  # writes the bytecode and warms the file cache
    rounds = [{name: seconds(statement) for name, statement in STATEMENTS.items()} for _ in range(runs)]
    whole = {name: statistics.median(times[name] for times in rounds) for name in STATEMENTS}
    own = {name: whole[name] - whole["interpreter"] for name in ("numpy", "nonlin")}
    print(f"median of {runs} fresh processes each, Python {sys.version.split()[0]}")
    for name in STATEMENTS:
        print(f"  {name:12}{1000 * whole[name]:7.1f} ms")
    print(f"import nonlin / import numpy: {own['nonlin'] / own['numpy']:.3f} without the interpreter's start, ", end="")
    print(f"{whole['nonlin'] / whole['numpy']:.3f} with it")


if __name__ == "__main__":
    main()
