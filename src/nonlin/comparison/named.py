"""What a text names: a function of the user's, written "module:name"."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

from nonlin.errors import DataError, nearest

_PACKAGE = Path(__file__).parents[1]
_NAMED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def is_named(text: str) -> bool:
    """Whether a text has the form module:name, and is no file."""
    return _NAMED.fullmatch(text) is not None and not Path(text).exists()


def named(text: str) -> Any:
    """The object of that name, from a module in the working directory or installed. Raises DataError."""
    module, _, name = text.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # a console script's path begins with its own folder
        sys.path.insert(0, here)
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            raise DataError(f"no such module: {module!r}: run in its folder, or install it") from None
        raise DataError(f"{module} cannot be imported: no module {error.name!r}: install it") from error
    except Exception as error:
        raise DataError(f"{module} cannot be imported: {said(error)}: correct it") from error
    if not hasattr(loaded, name):
        own = [other for other in vars(loaded) if not other.startswith("_")]
        known = nearest(name, own) or f"it has {', '.join(own[:10]) or 'nothing'}"
        raise DataError(f"no such name in {module}: {name!r}: {known}")
    return getattr(loaded, name)


def said(error: BaseException) -> str:
    """An error of the user's code in one line, with the last line of the user's own that led to it."""
    text = " ".join(str(error).split())
    traceback, where = error.__traceback__, ""
    while traceback is not None:
        file = Path(traceback.tb_frame.f_code.co_filename)
        if _PACKAGE not in file.parents and "site-packages" not in file.parts and file.exists():
            where = f" ({file.name}, line {traceback.tb_lineno})"
        traceback = traceback.tb_next
    return type(error).__name__ + (f": {text}" if text else "") + where
