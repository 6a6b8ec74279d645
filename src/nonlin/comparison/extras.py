"""The libraries that only a comparison needs, asked for before anything is started."""

from importlib.util import find_spec

from nonlin.errors import MissingExtra

LIBRARIES = {
    "torch": "torch",
    "optuna": "optuna",
    "sklearn": "scikit-learn",
    "scipy": "scipy",
    "pandas": "pandas",
    "matplotlib": "matplotlib",
}


def require() -> None:
    """Raise MissingExtra, naming every library that is absent, so that the user installs once."""
    missing = [name for module, name in LIBRARIES.items() if find_spec(module) is None]
    if missing:
        raise MissingExtra(f'not installed: {", ".join(missing)}: pip install "nonlin[compare]"')
