"""The libraries that only a comparison needs, asked for before anything is started."""

from importlib.util import find_spec

from nonlin.errors import MissingExtra

LIBRARIES = {
    "optuna": "optuna",
    "cloudpickle": "cloudpickle",
    "sklearn": "scikit-learn",
    "scipy": "scipy",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "matplotlib": "matplotlib",
}
EXTRAS = {"psycopg": "postgresql", "ray": "ray"}


def require(*modules: str) -> None:
    """Raise MissingExtra, naming every library that is absent, so that the user installs once.

    Without an argument those that every comparison needs; a framework or a reader of files when it is about to be used.
    """
    missing = [LIBRARIES.get(module, module) for module in modules or LIBRARIES if find_spec(module) is None]
    if missing:
        extra = EXTRAS.get(missing[0], "compare")
        raise MissingExtra(f'not installed: {", ".join(missing)}: pip install "nonlin[{extra}]"')
