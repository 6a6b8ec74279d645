"""The rules of the architecture, read from the source: who may import whom, and what nobody may use or name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import nonlin as nl

PACKAGE = Path(__file__).parents[2] / "src" / "nonlin"
# Of every file: its path in the package.
PATHS = sorted(file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py"))

# Imports only go up this list; the parts of one row don't import each other.
ORDER = [
    ("errors",),
    ("arguments", "document", "files", "picture", "tree"),
    ("language",),
    ("definition",),
    ("facts",),
    ("inverse", "samples", "signal", "told"),
    ("sketch",),
    ("notebook",),
    ("backends",),
    ("activation",),
    ("vector",),
    ("definitions",),
    ("registry",),
    ("own_calls", "slopes", "spelling"),
    ("keras_known",),
    ("torch", "keras", "flax"),
    ("surgery",),
    ("comparison", "explore", "health", "measure"),
    ("callbacks", "plot_command"),
    ("cli",),
    ("__main__",),
]
LEVEL = {part: level for level, row in enumerate(ORDER) for part in row}
# The front door names every part and loads each when it is first used: test_startup.py.
BELOW_THE_FRONT_DOOR = [path for path in PATHS if path != "__init__.py"]

BACKENDS = ("cupy", "jax", "keras", "numpy", "torch")
# Where a framework may be imported: the files of its backend, its door, the one file of another part that is about it.
FRAMEWORKS = {
    "torch": {
        *("backends/torch.py", "backends/torch_memory.py", "backends/torch_ops.py", "backends/torch_printed.py"),
        *(
            "backends/torch_cells.py",
            "backends/torch_eager.py",
            "backends/torch_lean.py",
            "backends/torch_tracing.py",
            "backends/triton.py",
            "backends/triton_cells.py",
            "torch/",
        ),
        *(
            "comparison/training.py",
            "comparison/torch_",
            "comparison/snapshot.py",
            "comparison/gpu.py",
            "measure/peers/torch.py",
            "surgery/torch.py",
        ),
        *("health/torch", "health/keras_gradient.py"),
    },
    "jax": {"backends/jax.py", "flax.py", "measure/peers/jax.py", "health/keras_gradient.py"},
    "flax": {"flax.py"},
    "keras": {"backends/keras.py", "keras.py", "keras_known.py", "health/keras", "comparison/keras_"},
    "tensorflow": {"health/keras_gradient.py"},
    "lightning": {"health/lightning.py"},
    "transformers": {"health/huggingface.py"},
    "cupy": {"backends/cupy.py"},
    "triton": {"backends/triton.py", "backends/triton_cells.py"},
    "onnx": {"measure/peers/onnxruntime.py"},
    "onnxruntime": {"measure/peers/onnxruntime.py"},
    "numexpr": {"measure/peers/numexpr.py"},
}
# Text becomes code in one step only: the printed source of a formula.
COMPILE_STEP = {"backends/printer.py"}
RUNS_TEXT = {"eval", "exec", "compile", "sympify", "parse_expr", "lambdify"}
# A worker reads what the process that started it wrote into its pipe; nothing else is unpickled.
UNPICKLES = {"comparison/handover.py"}
UNPICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
# An activation is named where it is defined and where a default set of them is chosen. The names in the language, and
# in the arithmetic and in what writes formulas for other libraries, are those of its functions.
NAMES_ACTIVATIONS = (
    *("definitions/", "language/", "backends/kernels/", "comparison/entry.py", "cli.py"),
    *("measure/goals.py", "measure/peers/textbook.py", "measure/peers/numpy.py", "measure/peers/numexpr.py"),
)
# Names of activations that are also words of the field.
WORDS = {"exponential", "linear", "step", "threshold"}
LONGEST_FILE = 300


def text(path: str) -> str:
    return (PACKAGE / path).read_text(encoding="utf-8")


def imports(path: str) -> Iterator[str]:
    """Every module that the file imports, wherever the import stands, also by `import_module("name")`."""
    for node in ast.walk(ast.parse(text(path))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)  # which may be modules too
            case ast.ImportFrom():
                pytest.fail(f"{path}:{node.lineno} imports relatively: write the module's full name")
            case ast.Call(func=ast.Name(id="import_module"), args=[ast.Constant(value=str(module)), *_]):
                yield module
            case _:
                pass


def part(module: str) -> str:
    """The part of nonlin that a module or a name in one belongs to."""
    return module.removeprefix("nonlin.").partition(".")[0]


@pytest.mark.parametrize("path", BELOW_THE_FRONT_DOOR)
def test_imports_go_up(path: str) -> None:
    own = part(path.removesuffix(".py").replace("/", "."))
    assert own in LEVEL, f"{own} has no place in the order of imports"
    for module in imports(path):
        if module.startswith("nonlin.") and module != "nonlin.__version__" and part(module) != own:
            assert LEVEL[part(module)] < LEVEL[own], f"{path} imports {module}"


def backend(name: str) -> str | None:
    """The backend that a file or module of nonlin.backends belongs to: torch_ops to torch; None for the shared ones."""
    owner = name.partition("_")[0]
    return owner if owner in BACKENDS else None


@pytest.mark.parametrize("path", [path for path in PATHS if path.startswith("backends/") and backend(Path(path).stem)])
def test_backends_do_not_import_each_other(path: str) -> None:
    for module in imports(path):
        if module.startswith("nonlin.backends."):
            assert backend(module.split(".")[2]) in (None, backend(Path(path).stem)), f"{path} imports {module}"


@pytest.mark.parametrize("path", PATHS)
def test_frameworks_stay_in_their_files(path: str) -> None:
    imported = {module.partition(".")[0] for module in imports(path)}
    for framework in imported & FRAMEWORKS.keys():
        assert path.startswith(tuple(FRAMEWORKS[framework])), f"{path} imports {framework}"


@pytest.mark.parametrize("path", sorted(set(PATHS) - COMPILE_STEP))
def test_no_text_becomes_code(path: str) -> None:
    for node in ast.walk(ast.parse(text(path))):
        match node:
            case ast.Call(func=ast.Name(id=name)):
                assert name not in RUNS_TEXT, f"{path}:{node.lineno} calls {name}"
            case ast.Attribute(value=ast.Name(id="builtins" | "sympy"), attr=name):
                assert name not in RUNS_TEXT, f"{path}:{node.lineno} names {name}"
            case _:
                pass


@pytest.mark.parametrize("path", sorted(set(PATHS) - UNPICKLES))
def test_nothing_is_unpickled(path: str) -> None:
    assert UNPICKLERS.isdisjoint(module.partition(".")[0] for module in imports(path))


@pytest.mark.parametrize("path", [path for path in PATHS if not path.startswith(NAMES_ACTIVATIONS)])
def test_no_activation_is_named(path: str) -> None:
    names = nl.catalog.keys() - WORDS
    for node in ast.walk(ast.parse(text(path))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value not in names, f"{path}:{node.lineno} names {node.value}"


@pytest.mark.parametrize("path", PATHS)
def test_a_file_is_one_idea(path: str) -> None:
    assert len(text(path).splitlines()) <= LONGEST_FILE
